//! Logging in: from credentials, or from the name in a verified token, to a principal.

use super::{AuthState, Core, Engine, LoginError, Principal};

impl Engine {
    /// Whether requests need credentials.
    pub fn auth_state(&self) -> AuthState {
        if self.core.catalog.visible().has_admin() { AuthState::Ready } else { AuthState::NoAdmin }
    }

    /// The user, if the same credentials were verified before and are still valid. Fast.
    pub fn remembered_login(&self, user: &str, password: &str) -> Option<Principal> {
        let catalog = self.core.catalog.visible();
        let known = catalog.user(user).filter(|known| self.core.passwords.remembers(user, password, &known.hash))?;
        Some(Principal::User(known.name.clone()))
    }

    /// Checks a user's password. The first time is slow on purpose and takes 7 MiB; later times are answered from memory. Callers
    /// bound the number of concurrent calls.
    pub fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError> {
        if user.is_empty() {
            return Err(LoginError::UsernameRequired);
        }
        self.core.login(user, password)
    }

    /// The user that a verified token names, if it exists.
    pub fn user(&self, name: &str) -> Option<Principal> {
        self.core.catalog.visible().user(name).map(|user| Principal::User(user.name.clone()))
    }
}

impl Core {
    fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError> {
        let catalog = self.catalog.visible();
        let Some(found) = catalog.user(user) else {
            // As slow as a wrong password, so that the time does not reveal which users exist.
            let _ = self.passwords.hash(password);
            return Err(LoginError::Failed);
        };
        if !self.passwords.matches(user, password, &found.hash) {
            return Err(LoginError::Failed);
        }
        Ok(Principal::User(found.name.clone()))
    }
}
