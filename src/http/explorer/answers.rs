//! The answers of the explorer: the headers of pages and files, redirections, and pages about refusals.

use std::hash::Hasher as _;

use fluxstone_explorer::{Asset, Problem, message_page};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::visitor::Visitor;
use crate::body_memory::Reservation;
use crate::credentials::Unauthorized;
use crate::refusal::Refusal;
use crate::reply::{Reply, ReplyBody, Watched};

/// What a page may load and send: from and to this server only, and no code in the page itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; connect-src 'self'";

/// The challenge of a 401, which must have one. Browsers do not know it, and show the page instead of asking for a password.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Session realm=\"Fluxstone\"");

/// The headers of all answers.
fn with_headers(status: StatusCode, content_type: &'static str, body: ReplyBody) -> Reply {
    let mut reply = Reply::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with it, browsers send the origin `null` with forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

fn with_cookie(mut reply: Reply, visitor: &Visitor) -> Reply {
    if let Some(cookie) = &visitor.new_cookie {
        reply.headers_mut().insert(header::SET_COOKIE, cookie.clone());
    }
    reply
}

/// A page. Its memory is counted until it is sent.
pub(super) async fn page(visitor: &Visitor, memory: Reservation, html: String) -> Result<Reply, Refusal> {
    text(visitor, memory, "text/html; charset=utf-8", html).await
}

/// A text, as a page.
pub(super) async fn text(
    visitor: &Visitor,
    mut memory: Reservation,
    content_type: &'static str,
    text: String,
) -> Result<Reply, Refusal> {
    memory.grow_by(text.len()).await.map_err(crate::body::BodyError::Memory)?;
    let whole = ReplyBody::Whole(Some(text.into()));
    let body = ReplyBody::Watched(Box::new(Watched::new(whole, move |_| drop(memory))));
    Ok(with_cookie(with_headers(StatusCode::OK, content_type, body), visitor))
}

/// Leads the browser to another page.
pub(super) fn see_other(visitor: &Visitor, path: &'static str) -> Reply {
    let mut reply = with_headers(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", ReplyBody::Whole(None));
    reply.headers_mut().insert(header::LOCATION, HeaderValue::from_static(path));
    with_cookie(reply, visitor)
}

/// Leads the browser to the page to log in.
pub(super) fn to_login(visitor: &Visitor) -> Reply {
    see_other(visitor, "/explorer/login")
}

/// A refusal as pages show it.
pub(super) fn problem_of(refusal: &Refusal) -> Problem {
    let text = match refusal {
        Refusal::Write(error) => crate::parameters::to_text(&error.text),
        _ => refusal.to_string(),
    };
    Problem { text, clause: Some(refusal.clause().id()) }
}

/// A page that says why a request is refused.
pub(super) fn refusal_page(visitor: &Visitor, refusal: &Refusal) -> Reply {
    let html = message_page(&visitor.frame, "Refused", &problem_of(refusal));
    refused(visitor, refusal, html)
}

/// A page of a request that is refused.
pub(super) fn refused(visitor: &Visitor, refusal: &Refusal, html: String) -> Reply {
    let body = ReplyBody::Whole(Some(html.into()));
    let mut reply = with_cookie(with_headers(refusal.status(), "text/html; charset=utf-8", body), visitor);
    if let Refusal::Unauthorized(Unauthorized::Login(_) | Unauthorized::NoCredentials) = refusal {
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    reply.extensions_mut().insert(refusal.clause());
    reply
}

/// A file, or that the browser has it already.
pub(super) fn asset(asset: &Asset, headers: &HeaderMap) -> Reply {
    let tag = entity_tag(asset.text);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let (status, body) = if known {
        (StatusCode::NOT_MODIFIED, None)
    } else {
        (StatusCode::OK, Some(bytes::Bytes::from_static(asset.text.as_bytes())))
    };
    let mut reply = with_headers(status, asset.content_type, ReplyBody::Whole(body));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        reply.headers_mut().insert(header::ETAG, tag);
    }
    reply
}

/// A name for the contents of a file.
fn entity_tag(text: &str) -> String {
    #[expect(deprecated, reason = "the same in each process, unlike other hashers of the standard library")]
    let mut hasher = std::hash::SipHasher::new();
    hasher.write(text.as_bytes());
    format!("\"{:016x}\"", hasher.finish())
}
