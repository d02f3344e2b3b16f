//! Users and their privileges. Only hashes of passwords are stored; they are computed elsewhere.

use std::collections::BTreeMap;

use fluxstone_model::Privilege;
use serde::{Deserialize, Serialize};

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
