//! The decisions about users and their privileges.

use crate::catalog::Catalog;
use crate::change::Change;
use crate::error::CatalogError;
use crate::user::{Privileges, User};

impl Catalog {
    /// `CREATE USER`. `hash` is the hash of the new password. `verified` is the stored hash of the existing user if the new
    /// password matches it, so that creating the same user again is not an error.
    pub fn create_user(
        &self,
        name: &str,
        hash: &str,
        verified: Option<&str>,
        admin: bool,
    ) -> Result<Vec<Change>, CatalogError> {
        if name.is_empty() {
            return Err(CatalogError::UsernameRequired);
        }
        match self.user(name) {
            None => Ok(vec![Change::CreateUser { name: name.to_owned(), hash: hash.to_owned(), admin }]),
            Some(user) if verified == Some(&user.hash) && user.admin == admin => Ok(Vec::new()),
            Some(_) => Err(CatalogError::UserExists),
        }
    }

    /// `DROP USER`.
    pub fn drop_user(&self, name: &str) -> Result<Vec<Change>, CatalogError> {
        self.required_user(name)?;
        Ok(vec![Change::DropUser { name: name.to_owned() }])
    }

    /// `SET PASSWORD`.
    pub fn set_password(&self, name: &str, hash: &str) -> Result<Vec<Change>, CatalogError> {
        self.required_user(name)?;
        Ok(vec![Change::SetPassword { name: name.to_owned(), hash: hash.to_owned() }])
    }

    /// `GRANT ALL PRIVILEGES TO` and `REVOKE ALL PRIVILEGES FROM`. Grants on databases do not change.
    pub fn set_admin(&self, name: &str, admin: bool) -> Result<Vec<Change>, CatalogError> {
        self.required_user(name)?;
        Ok(vec![Change::SetAdmin { name: name.to_owned(), admin }])
    }

    /// `GRANT p ON database TO user`: replaces earlier grants on the database.
    pub fn grant(&self, user: &str, database: &str, granted: Privileges) -> Result<Vec<Change>, CatalogError> {
        self.required_user(user)?;
        Ok(vec![Change::SetGrant { user: user.to_owned(), database: database.to_owned(), privileges: granted }])
    }

    /// `REVOKE p ON database FROM user`: removes `p` and keeps the rest, even if it is empty.
    pub fn revoke(&self, user: &str, database: &str, revoked: Privileges) -> Result<Vec<Change>, CatalogError> {
        let present = self.required_user(user)?.grants.get(database).copied().unwrap_or_default();
        self.grant(user, database, present.without(revoked))
    }

    fn required_user(&self, name: &str) -> Result<&User, CatalogError> {
        self.user(name).ok_or(CatalogError::UserNotFound)
    }
}
