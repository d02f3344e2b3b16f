//! Who sends a request: credentials out of headers and query string, and the principal that they prove.

use std::sync::Arc;

use base64::Engine as _;
use fluxstone_compat::AnswerSemantics;
use fluxstone_engine::{AuthState, Principal};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::api::Api;
use super::parameters::Parameters;
use super::server::Shared;
use super::token;

/// What a request offers to prove who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// `Authorization: Bearer`.
    Token(String),
    /// `Authorization: Basic`, or `u` and `p`.
    Password {
        /// `None` is what no user can be called.
        user: Option<String>,
        /// `None` is what no password can be.
        password: Option<String>,
    },
}

/// Why a request is not accepted as somebody's (status 401).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unauthorized {
    /// No credentials, or none that could be read.
    #[error("unable to parse authentication credentials")]
    NoCredentials,
    #[error(transparent)]
    Login(#[from] fluxstone_engine::LoginError),
    #[error(transparent)]
    Token(#[from] token::TokenError),
    #[error("user not found")]
    UserNotFound,
}

impl Credentials {
    /// Finds the credentials of a request. As documented, `u` and `p` of the query string count before the header.
    pub(super) fn of(headers: &HeaderMap, query: &Parameters, semantics: AnswerSemantics) -> Option<Credentials> {
        let header = || headers.get(AUTHORIZATION).and_then(|value| from_header(value.as_bytes()));
        let url = || from_url(query);
        if semantics.header_beats_url { header().or_else(url) } else { url().or_else(header) }
    }
}

fn from_url(query: &Parameters) -> Option<Credentials> {
    let (user, password) = (query.get("u"), query.get("p"));
    let given = !user.is_empty() && !password.is_empty();
    given.then(|| password_of(user, password))
}

fn from_header(value: &[u8]) -> Option<Credentials> {
    if let Some(token) = value.strip_prefix(b"Bearer ").filter(|token| !token.contains(&b' ')) {
        return Some(Credentials::Token(String::from_utf8_lossy(token).into_owned()));
    }
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|&b| b == b':')?;
    Some(password_of(&decoded[..colon], &decoded[colon + 1..]))
}

fn password_of(user: &[u8], password: &[u8]) -> Credentials {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Credentials::Password { user: text(user), password: text(password) }
}

/// Finds out who sends a request with these credentials.
pub(super) async fn authenticate<A: Api>(
    shared: &Arc<Shared<A>>,
    headers: &HeaderMap,
    query: &Parameters,
) -> Result<Principal, Unauthorized> {
    if !shared.options.auth_enabled {
        return Ok(Principal::Anyone);
    }
    if shared.api.auth_state() == AuthState::NoAdmin {
        return Ok(Principal::Nobody);
    }
    match Credentials::of(headers, query, shared.options.semantics).ok_or(Unauthorized::NoCredentials)? {
        Credentials::Token(token) => {
            let name = token::verify(&token, &shared.options.shared_secret, shared.unix_seconds())?;
            shared.api.user(&name).ok_or(Unauthorized::UserNotFound)
        }
        Credentials::Password { user: Some(user), password: Some(password) } => login(shared, user, password).await,
        Credentials::Password { .. } => Err(fluxstone_engine::LoginError::Failed.into()),
    }
}

/// Checks a password on a thread of its own: it is slow, and takes memory, on purpose. Who was checked before does not
/// wait behind those who guess.
async fn login<A: Api>(shared: &Arc<Shared<A>>, user: String, password: String) -> Result<Principal, Unauthorized> {
    if let Some(principal) = shared.api.remembered_login(&user, &password) {
        return Ok(principal);
    }
    let _turn = shared.logins.acquire().await;
    let api = Arc::clone(&shared.api);
    let checked = tokio::task::spawn_blocking(move || api.login(&user, &password)).await;
    // The thread only fails if the check panicked; nobody is let in by that.
    Ok(checked.unwrap_or(Err(fluxstone_engine::LoginError::Failed))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluxstone_compat::Profile;

    fn check(header: Option<&str>, query: &str, profile: Profile, want: Option<(&str, &str)>) {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        let semantics = AnswerSemantics::from(profile);
        let got = Credentials::of(&headers, &Parameters::parse(query.as_bytes()), semantics);
        let want = want.map(|(user, password)| match user {
            "Bearer" => Credentials::Token(password.to_owned()),
            _ => Credentials::Password { user: Some(user.to_owned()), password: Some(password.to_owned()) },
        });
        assert_eq!(got, want, "{header:?} {query}");
    }

    // spec: auth.credentials.1, auth.credentials.2
    #[test]
    fn credentials_come_from_the_query_string_or_the_header() {
        let check = |header, query, want| check(header, query, Profile::Documented, want);
        check(None, "u=root&p=toor", Some(("root", "toor")));
        check(Some("Basic cm9vdDp0b29y"), "", Some(("root", "toor")));
        check(Some("bASIC cm9vdDp0b29y"), "", Some(("root", "toor")));
        check(Some("Basic OnRvb3I="), "", Some(("", "toor")));
        check(Some("Basic cm9vdDo="), "", Some(("root", "")));
        check(Some("Bearer a.b.c"), "", Some(("Bearer", "a.b.c")));
        check(None, "u=root", None);
        check(None, "u=root&p=", None);
        check(None, "u=&p=toor", None);
    }

    // spec: auth.credentials.3
    #[test]
    fn a_header_that_cant_be_read_is_passed_over() {
        for header in [
            "Token root:toor",
            "Basic",
            "Basic !!!",
            "Basic cm9vdA==",
            "Basic  cm9vdDp0b29y",
            "bearer abc",
            "Bearer a b",
        ] {
            check(Some(header), "", Profile::Documented, None);
            check(Some(header), "u=root&p=toor", Profile::Observed, Some(("root", "toor")));
        }
    }

    // spec: auth.credentials.4, compat.auth.url-credentials.1
    #[test]
    fn as_documented_the_query_string_wins_over_the_header() {
        let header = Some("Basic YTpi");
        check(header, "u=root&p=toor", Profile::Documented, Some(("root", "toor")));
        check(header, "u=root&p=toor", Profile::Observed, Some(("a", "b")));
        check(Some("Bearer t"), "u=root&p=toor", Profile::Observed, Some(("Bearer", "t")));
    }
}
