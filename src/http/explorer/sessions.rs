//! Who is logged in, and the tokens of forms. Sessions are in memory only, bounded in number, and end by themselves.
//!
//! A browser has one cookie, a random number. It identifies a session once somebody has logged in with it; before that, and without
//! authentication, it only binds the tokens of forms to the browser.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxstone_engine::LoginMark;
use hmac::{Hmac, Mac as _};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// The most sessions. A further one ends that which was used least recently.
const SESSIONS_MAX: usize = 1_000;

/// The most sessions of one user, as above.
const SESSIONS_PER_USER_MAX: usize = 20;

/// How long a session lasts without a request.
const IDLE_MAX: Duration = Duration::from_hours(2);

/// How long a session lasts.
const AGE_MAX: Duration = Duration::from_hours(24);

/// The random number in a browser's cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct CookieId([u8; 32]);

impl CookieId {
    /// A new one.
    pub(super) fn random() -> CookieId {
        CookieId(rand::random())
    }

    /// Reads the value of a cookie.
    pub(super) fn parse(text: &[u8]) -> Option<CookieId> {
        Some(CookieId(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
    }

    /// The value of the cookie.
    pub(super) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

// It is a secret.
impl std::fmt::Debug for CookieId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieId")
    }
}

/// Who has logged in, and with which password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoggedIn {
    pub(super) user: String,
    pub(super) mark: LoginMark,
}

#[derive(Debug)]
struct Session {
    logged_in: LoggedIn,
    begun: Instant,
    used: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.used) > IDLE_MAX || now.duration_since(self.begun) > AGE_MAX
    }
}

/// The sessions of a server, and the secret of its tokens. Empty until the first visit.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By the hash of the cookie: whoever could read this memory could not pretend to be the browser.
    table: Mutex<HashMap<[u8; 32], Session>>,
    secret: OnceLock<[u8; 32]>,
}

impl Sessions {
    /// Begins a session.
    pub(super) fn begin(&self, cookie: CookieId, logged_in: LoggedIn, now: Instant) {
        let mut table = self.table.lock();
        table.retain(|_, session| !session.is_over(now));
        let is_theirs = |session: &Session| session.logged_in.user == logged_in.user;
        if table.values().filter(|session| is_theirs(session)).count() >= SESSIONS_PER_USER_MAX {
            end_oldest(&mut table, is_theirs);
        }
        if table.len() >= SESSIONS_MAX {
            end_oldest(&mut table, |_| true);
        }
        table.insert(key(cookie), Session { logged_in, begun: now, used: now });
    }

    /// Who is logged in, if the session goes on. Uses it.
    pub(super) fn find(&self, cookie: CookieId, now: Instant) -> Option<LoggedIn> {
        let mut table = self.table.lock();
        if table.is_empty() {
            return None;
        }
        let key = key(cookie);
        let session = table.get_mut(&key)?;
        if session.is_over(now) {
            table.remove(&key);
            return None;
        }
        session.used = now;
        Some(session.logged_in.clone())
    }

    /// Ends a session.
    pub(super) fn end(&self, cookie: CookieId) {
        self.table.lock().remove(&key(cookie));
    }

    /// The token that forms must send back together with the cookie.
    pub(super) fn token(&self, cookie: CookieId) -> String {
        URL_SAFE_NO_PAD.encode(self.signed(cookie).finalize().into_bytes())
    }

    /// Whether a token belongs to the cookie.
    pub(super) fn is_token(&self, cookie: CookieId, token: &[u8]) -> bool {
        URL_SAFE_NO_PAD.decode(token).is_ok_and(|token| self.signed(cookie).verify_slice(&token).is_ok())
    }

    fn signed(&self, cookie: CookieId) -> Hmac<Sha256> {
        let secret = self.secret.get_or_init(rand::random);
        // A key may have any length.
        let mut signed = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| unreachable!("any length is valid"));
        signed.update(&cookie.0);
        signed
    }
}

fn key(cookie: CookieId) -> [u8; 32] {
    Sha256::digest(cookie.0).into()
}

/// Ends that session of those chosen which was used least recently.
fn end_oldest(table: &mut HashMap<[u8; 32], Session>, is_chosen: impl Fn(&Session) -> bool) {
    let oldest = table.iter().filter(|(_, session)| is_chosen(session)).min_by_key(|(_, session)| session.used);
    if let Some(key) = oldest.map(|(key, _)| *key) {
        table.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn someone(user: &str) -> LoggedIn {
        LoggedIn { user: user.to_owned(), mark: LoginMark::of("hash") }
    }

    // spec: explorer.session.3
    #[test]
    fn sessions_end_when_they_are_idle_or_old() {
        let sessions = Sessions::default();
        let (idle, busy) = (CookieId::random(), CookieId::random());
        let start = Instant::now();
        sessions.begin(idle, someone("a"), start);
        sessions.begin(busy, someone("b"), start);
        let mut now = start;
        while now + Duration::from_hours(1) <= start + AGE_MAX {
            now += Duration::from_hours(1);
            assert_eq!(sessions.find(busy, now), Some(someone("b")));
        }
        assert_eq!(sessions.find(idle, now), None);
        assert_eq!(sessions.find(busy, now + Duration::from_secs(1)), None);
        assert!(sessions.table.lock().is_empty());
    }

    // spec: explorer.session.4
    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let first = CookieId::random();
        sessions.begin(first, someone("a"), start);
        for number in 0..SESSIONS_PER_USER_MAX {
            assert!(sessions.find(first, start).is_some(), "{number}");
            sessions.begin(CookieId::random(), someone("a"), start + Duration::from_secs(1));
        }
        assert!(sessions.find(first, start).is_none());
        for number in 0..2 * SESSIONS_MAX {
            sessions.begin(CookieId::random(), someone(&number.to_string()), start + Duration::from_secs(2));
        }
        assert_eq!(sessions.table.lock().len(), SESSIONS_MAX);
    }

    // spec: explorer.csrf.1
    #[test]
    fn a_token_belongs_to_one_cookie_of_one_server() {
        let (sessions, others) = (Sessions::default(), Sessions::default());
        let (cookie, other) = (CookieId::random(), CookieId::random());
        let token = sessions.token(cookie);
        assert!(sessions.is_token(cookie, token.as_bytes()));
        assert!(!sessions.is_token(other, token.as_bytes()));
        assert!(!others.is_token(cookie, token.as_bytes()));
        assert!(!sessions.is_token(cookie, b"") && !sessions.is_token(cookie, &token.as_bytes()[1..]));
        assert!(CookieId::parse(cookie.text().as_bytes()) == Some(cookie) && CookieId::parse(b"short").is_none());
    }
}
