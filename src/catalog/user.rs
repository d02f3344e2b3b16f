//! Users and their privileges. Only hashes of passwords are stored; they are computed elsewhere.

use std::collections::BTreeMap;

use fluxstone_model::Privilege;
use serde::{Deserialize, Serialize};

use super::{Catalog, CatalogError, Change};

/// A user who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique.
    pub name: String,
    /// The password's hash, a PHC string.
    pub hash: String,
    /// Whether the user is an administrator, who has all privileges.
    pub admin: bool,
    /// The privileges by database name. The databases need not exist.
    pub grants: BTreeMap<String, Privileges>,
}

/// A set of READ and WRITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Privileges(u8);

impl Privileges {
    /// Neither privilege.
    pub const NONE: Privileges = Privileges(0);
    /// The privilege to query.
    pub const READ: Privileges = Privileges(1);
    /// The privilege to write and delete.
    pub const WRITE: Privileges = Privileges(2);
    /// Both privileges.
    pub const ALL: Privileges = Privileges(3);

    /// Whether the set includes all of `wanted`.
    pub fn include(self, wanted: Privileges) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// The set without `revoked`.
    #[must_use]
    pub fn without(self, revoked: Privileges) -> Privileges {
        Privileges(self.0 & !revoked.0)
    }

    /// The name in SHOW GRANTS and in refusals.
    pub fn name(self) -> &'static str {
        match self {
            Privileges::READ => "READ",
            Privileges::WRITE => "WRITE",
            Privileges::ALL => "ALL PRIVILEGES",
            _ => "NO PRIVILEGES",
        }
    }
}

impl From<Privilege> for Privileges {
    fn from(privilege: Privilege) -> Self {
        match privilege {
            Privilege::Read => Privileges::READ,
            Privilege::Write => Privileges::WRITE,
            Privilege::All => Privileges::ALL,
        }
    }
}

impl User {
    /// Whether the user has the privileges `wanted` on the database named `database`.
    pub fn may(&self, wanted: Privileges, database: &str) -> bool {
        self.admin || self.grants.get(database).is_some_and(|granted| granted.include(wanted))
    }
}

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
