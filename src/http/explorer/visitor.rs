//! Who sent a request: the browser by its cookie, the user by the session. Forms are read here, and only those that come from a
//! page of this server.

use std::sync::Arc;
use std::time::Instant;

use fluxstone_engine::{AuthState, Principal};
use fluxstone_explorer::Frame;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;

use super::sessions::CookieId;
use crate::api::Api;
use crate::body::RequestBody;
use crate::body_memory::Reservation;
use crate::context::ServerContext;
use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// The name of the cookie. Cookies are shared by all ports of a host: another name would not keep servers apart.
const COOKIE: &str = "fluxstone-explorer";

/// The largest form, in bytes: what people type, not what programs send.
const FORM_BYTES_MAX: usize = 1 << 20;

/// The sender of a request.
#[derive(Debug)]
pub(super) struct Visitor {
    /// On whose behalf statements run. `None` if somebody must log in first.
    pub(super) principal: Option<Principal>,
    /// What all pages show.
    pub(super) frame: Frame,
    /// The number in the cookie.
    pub(super) cookie: CookieId,
    /// The header that sets the cookie, if the request had none.
    pub(super) new_cookie: Option<HeaderValue>,
}

impl Visitor {
    /// The sender of a request.
    pub(super) fn of<A: Api>(context: &ServerContext<A>, parts: &Parts) -> Visitor {
        let sent = cookie_of(&parts.headers);
        let cookie = sent.unwrap_or_else(CookieId::random);
        let new_cookie = if sent.is_none() { set_cookie(cookie, context.options.is_encrypted) } else { None };
        let sessions = &context.sessions;
        let principal = if !context.options.auth_enabled {
            Some(Principal::Anyone)
        } else if context.api.auth_state() == AuthState::NoAdmin {
            Some(Principal::Nobody)
        } else {
            sent.and_then(|cookie| sessions.find(cookie, Instant::now())).and_then(|logged_in| {
                let is_valid = context.api.login_mark(&logged_in.user) == Some(logged_in.mark);
                if !is_valid {
                    sessions.end(cookie);
                }
                is_valid.then_some(Principal::User(logged_in.user))
            })
        };
        let user = match &principal {
            Some(Principal::User(name)) => Some(name.clone()),
            Some(Principal::Anyone | Principal::Nobody) | None => None,
        };
        Visitor { principal, frame: Frame { token: sessions.token(cookie), user }, cookie, new_cookie }
    }

    /// On whose behalf statements run. Nobody's may if somebody must log in first.
    pub(super) fn principal(&self) -> Principal {
        self.principal.clone().unwrap_or(Principal::Nobody)
    }
}

/// The number in the cookie of a request.
fn cookie_of(headers: &HeaderMap) -> Option<CookieId> {
    let pairs = headers.get_all(header::COOKIE).into_iter().flat_map(|value| value.as_bytes().split(|&b| b == b';'));
    pairs
        .filter_map(|pair| pair.trim_ascii().strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"="))
        .find_map(CookieId::parse)
}

/// The header that sets the cookie.
pub(super) fn set_cookie(cookie: CookieId, is_encrypted: bool) -> Option<HeaderValue> {
    let secure = if is_encrypted { "; Secure" } else { "" };
    let text = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", cookie.text());
    HeaderValue::from_str(&text).ok()
}

/// A form that comes from a page of this server.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) fields: Parameters,
    /// For the fields, as long as they are there.
    pub(super) memory: Reservation,
}

/// Reads a form, unless it does not come from a page of this server.
pub(super) async fn read_form<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    visitor: &Visitor,
    query: Parameters,
    body: &mut RequestBody,
) -> Result<Form, Refusal> {
    if !is_same_origin(&parts.headers) {
        return Err(Refusal::ForeignForm);
    }
    let mut memory = context.body_memory.reservation();
    let mut limits = context.body_limits();
    limits.bytes_max = limits.bytes_max.min(FORM_BYTES_MAX);
    let (fields, _) = crate::query::read_form(limits, parts, query, body, &mut memory).await?;
    if !context.sessions.is_token(visitor.cookie, fields.get("token")) {
        return Err(Refusal::ForeignForm);
    }
    Ok(Form { fields, memory })
}

/// Whether `Origin` names this server, or is not there. Browsers send it with each form.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).map(HeaderValue::as_bytes) else { return true };
    let host = headers.get(header::HOST).map_or(&[][..], HeaderValue::as_bytes);
    let named = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    // spec: explorer.csrf.2
    #[test]
    fn forms_of_other_origins_are_told_by_their_header() {
        let check =
            |origin: &str| is_same_origin(&headers(&[(header::HOST, "db.example:8086"), (header::ORIGIN, origin)]));
        assert!(check("http://db.example:8086") && check("https://DB.example:8086"));
        for origin in [
            "null",
            "http://db.example",
            "http://evil.example",
            "db.example:8086",
            "",
            "http://db.example:8086.evil.example",
        ] {
            assert!(!check(origin), "{origin}");
        }
        assert!(is_same_origin(&headers(&[(header::HOST, "a")])));
    }

    // spec: explorer.session.1
    #[test]
    fn the_cookie_is_found_among_others_and_is_for_this_server_only() {
        let id = CookieId::random();
        let sent = format!("a=b; {COOKIE}={}; {COOKIE}x=1", id.text());
        assert!(cookie_of(&headers(&[(header::COOKIE, &sent)])) == Some(id));
        assert!(cookie_of(&headers(&[(header::COOKIE, "fluxstone-explorer=x")])).is_none());
        let plain = set_cookie(id, false).unwrap();
        assert_eq!(plain.to_str().unwrap(), format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", id.text()));
        assert!(set_cookie(id, true).unwrap().to_str().unwrap().ends_with("; SameSite=Strict; Secure"));
    }
}
