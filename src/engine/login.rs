//! Logging in: from credentials, or from the name in a verified token, to a principal.

use sha2::{Digest as _, Sha256};

use super::passwords::NOBODYS_HASH;
use super::{AuthState, Core, Engine, LoginError, Principal};

/// What tells one password of a user from another one, for sessions that end when it changes. The hash of a password has a salt, so
/// that setting the same password again gives another mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginMark([u8; 32]);

impl LoginMark {
    /// The mark of a password with this hash.
    pub fn of(hash: &str) -> LoginMark {
        LoginMark(Sha256::digest(hash).into())
    }
}

impl Engine {
    /// Whether requests need credentials.
    pub fn auth_state(&self) -> AuthState {
        if self.core.catalog.visible().has_admin() { AuthState::Ready } else { AuthState::NoAdmin }
    }

    /// The user, if the same credentials were verified before and are still valid. Fast.
    pub fn remembered_login(&self, user: &str, password: &str) -> Option<Principal> {
        let catalog = self.core.catalog.visible();
        let known = catalog.user(user);
        let hash = known.map_or(NOBODYS_HASH, |known| &known.hash);
        let remembered = self.core.passwords.remembers(user, password, hash);
        known.filter(|_| remembered).map(|known| Principal::User(known.name.clone()))
    }

    /// Checks a user's password. The first time is slow on purpose and takes 7 MiB; later times are answered from memory. Callers
    /// bound the number of concurrent calls.
    pub fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError> {
        if user.is_empty() {
            return Err(LoginError::UsernameRequired);
        }
        self.core.login(user, password)
    }

    /// What tells the user's present password from its other ones, if the user exists. Another user of the same name has another mark.
    pub fn login_mark(&self, name: &str) -> Option<LoginMark> {
        self.core.catalog.visible().user(name).map(|user| LoginMark::of(&user.hash))
    }

    /// Whether the clock may be moved and everything be dropped for `principal`: it is an administrator, or could make itself one.
    pub fn may_control(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Anyone | Principal::Nobody => true,
            Principal::User(name) => self.core.catalog.visible().user(name).is_some_and(|user| user.admin),
        }
    }

    /// The user that a verified token names, if it exists.
    pub fn user(&self, name: &str) -> Option<Principal> {
        self.core.catalog.visible().user(name).map(|user| Principal::User(user.name.clone()))
    }
}

impl Core {
    fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError> {
        let catalog = self.catalog.visible();
        let found = catalog.user(user);
        // The same work whether the user exists, so that the time does not reveal who does.
        let hash = found.map_or(NOBODYS_HASH, |found| &found.hash);
        let matches = self.passwords.matches(user, password, hash);
        match found {
            Some(found) if matches => Ok(Principal::User(found.name.clone())),
            _ => Err(LoginError::Failed),
        }
    }
}
