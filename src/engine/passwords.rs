//! Passwords: hashing, checking, and remembering successful checks.
//!
//! Hashes are argon2id (RFC 9106) with 7 MiB, 5 passes and 1 lane, as PHC strings. A successful check, and a password that was
//! just set, are remembered as a keyed SHA-256 of the password, together with the hash that it matched, so that changing the
//! password or dropping the user invalidates it. One new password is hashed at a time; callers of
//! [`Engine::login`](super::Engine::login) bound the number of concurrent checks.

use std::collections::HashMap;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Memory of one hashing, in KiB.
const MEMORY_KIB: u32 = 7168;
const PASSES: u32 = 5;
const LANES: u32 = 1;

/// The hash of nobody's password, checked for users that do not exist, so that neither the time nor a queue tells them from
/// those that do.
pub(super) const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=7168,t=5,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The successful checks, and the lock for hashing.
pub(super) struct Passwords {
    /// By user: the matched hash, and the digest of the password that matched it.
    verified: Mutex<HashMap<String, (String, [u8; 32])>>,
    /// Keys the digests; never leaves this process.
    secret: [u8; 32],
    hashing: Mutex<()>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords { verified: Mutex::default(), secret: rand::random(), hashing: Mutex::default() }
    }
}

/// The system provided no random salt, or the hasher refused its parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to hash password")]
pub(super) struct HashError;

impl Passwords {
    /// Hashes `password` with a new salt. Returns a PHC string.
    pub(super) fn hash(&self, password: &str) -> Result<String, HashError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashError)?;
        let _turn = self.hashing.lock();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|_| HashError)
    }

    /// Whether `password` matches `hash`. Remembers a match.
    pub(super) fn matches(&self, user: &str, password: &str, hash: &str) -> bool {
        if self.remembers(user, password, hash) {
            return true;
        }
        let matches = PasswordHash::new(hash)
            .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
        if matches {
            self.remember(user, password, hash);
        }
        matches
    }

    /// Remembers that `password` matches `hash`, which was made from it.
    pub(super) fn remember(&self, user: &str, password: &str, hash: &str) {
        let digest = self.digest(user, password, hash);
        self.verified.lock().insert(user.to_owned(), (hash.to_owned(), digest));
    }

    /// Whether `password` matched `hash` before. Fast.
    pub(super) fn remembers(&self, user: &str, password: &str, hash: &str) -> bool {
        let digest = self.digest(user, password, hash);
        self.verified.lock().get(user).is_some_and(|(matched, known)| matched == hash && *known == digest)
    }

    /// Forgets everyone who is not a user.
    pub(super) fn retain(&self, is_user: impl Fn(&str) -> bool) {
        self.verified.lock().retain(|user, _| is_user(user));
    }

    fn digest(&self, user: &str, password: &str, hash: &str) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(self.secret);
        for part in [user, hash, password] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: statements.user.1, auth.failure.4
    #[test]
    fn a_password_matches_its_own_hash_only_and_a_match_is_remembered_for_that_hash() {
        let passwords = Passwords::default();
        let hash = passwords.hash("secret").unwrap();
        let other = passwords.hash("secret").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{hash}");
        assert_ne!(hash, other, "salted");
        let shape = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(shape(NOBODYS_HASH), shape(&hash), "as much work");
        assert!(PasswordHash::new(NOBODYS_HASH).is_ok() && !passwords.matches("x", "", NOBODYS_HASH));
        for _ in 0..2 {
            assert!(passwords.matches("u", "secret", &hash));
            assert!(!passwords.matches("u", "Secret", &hash));
            assert!(!passwords.matches("u", "", &hash));
        }
        assert!(passwords.verified.lock().contains_key("u"));
        let changed = passwords.hash("changed").unwrap();
        assert!(!passwords.matches("u", "secret", &changed));
        assert!(!passwords.matches("u", "secret", "no hash"));
        passwords.remember("u", "changed", &changed);
        assert!(passwords.remembers("u", "changed", &changed) && !passwords.remembers("u", "secret", &hash));
        passwords.retain(|_| false);
        assert!(passwords.verified.lock().is_empty());
    }
}
