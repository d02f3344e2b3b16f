//! Authentication: reads credentials from headers and query string, and finds the principal that they prove. What that
//! principal may do is left to the engine.

use std::hash::BuildHasher;
use std::sync::Arc;

use base64::Engine as _;
use fluxstone_compat::AnswerSemantics;
use fluxstone_engine::{AuthState, LoginError, Principal};
use fluxstone_model::Clause;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

use super::api::Api;
use super::context::ServerContext;
use super::gate::Turn;
use super::parameters::Parameters;
use super::socket::Peer;
use super::token;

/// The proof of identity that a request offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// `Authorization: Bearer`.
    Token(String),
    /// `Authorization: Basic`, or `u` and `p`.
    Password {
        /// `None` if it is not UTF-8, which no name of a user is.
        user: Option<String>,
        /// `None` if it is not UTF-8, which no password is.
        password: Option<String>,
    },
}

/// Why authentication failed (status 401). Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unauthorized {
    /// No credentials, or none that could be read.
    #[error("unable to parse authentication credentials")]
    NoCredentials,
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Token(#[from] token::TokenError),
    #[error("user not found")]
    UserNotFound,
}

impl Unauthorized {
    /// The clause that the request does not keep.
    pub(super) fn clause(&self) -> Clause {
        match self {
            Unauthorized::NoCredentials | Unauthorized::Login(LoginError::UsernameRequired) => {
                Clause::new("auth.failure.2")
            }
            Unauthorized::Login(LoginError::Failed) => Clause::new("auth.failure.1"),
            Unauthorized::Token(error) => error.clause(),
            Unauthorized::UserNotFound => Clause::new("auth.token.7"),
        }
    }
}

impl Credentials {
    /// Finds the credentials of a request. As documented, `u` and `p` of the query string take precedence over the header.
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

/// The name of the user that credentials are for, for the log; empty if nobody has checked it.
pub(super) fn user_of(credentials: &Credentials) -> String {
    match credentials {
        Credentials::Token(_) => String::new(),
        Credentials::Password { user, .. } => user.clone().unwrap_or_default(),
    }
}

/// Finds the principal of a request.
pub(super) async fn authenticate<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    query: &Parameters,
) -> Result<Principal, Unauthorized> {
    if !context.options.auth_enabled {
        return Ok(Principal::Anyone);
    }
    if context.api.auth_state() == AuthState::NoAdmin {
        return Ok(Principal::Nobody);
    }
    match Credentials::of(&parts.headers, query, context.options.semantics).ok_or(Unauthorized::NoCredentials)? {
        Credentials::Token(token) => {
            let name = token::verify(&token, &context.options.shared_secret, context.unix_seconds())?;
            context.api.user(&name).ok_or(Unauthorized::UserNotFound)
        }
        Credentials::Password { user: Some(user), password: Some(password) } => {
            login(context, client, user, password).await
        }
        Credentials::Password { .. } => Err(LoginError::Failed.into()),
    }
}

/// Checks a password on a blocking thread, since that is slow and takes memory on purpose. Users who logged in before do
/// not queue up with those who guess, and the others take turns by address and user name.
pub(super) async fn login<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    user: String,
    password: String,
) -> Result<Principal, Unauthorized> {
    if let Some(principal) = context.api.remembered_login(&user, &password) {
        return Ok(principal);
    }
    let turn = Turn::of(client.address, context.user_hash.hash_one(&user));
    let pass = context.logins.pass(turn).await;
    let api = Arc::clone(&context.api);
    let checked = pass.run(move || api.login(&user, &password)).await;
    // The thread fails only if the check panicked; that lets nobody in.
    Ok(checked.unwrap_or(Err(LoginError::Failed))?)
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
    fn a_malformed_header_is_ignored() {
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
    fn as_documented_the_query_string_beats_the_header() {
        let header = Some("Basic YTpi");
        check(header, "u=root&p=toor", Profile::Documented, Some(("root", "toor")));
        check(header, "u=root&p=toor", Profile::Observed, Some(("a", "b")));
        check(Some("Bearer t"), "u=root&p=toor", Profile::Observed, Some(("Bearer", "t")));
    }
}
