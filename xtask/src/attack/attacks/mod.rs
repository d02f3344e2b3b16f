//! The attacks, one file for each resource that they are after. Each is bounded in count and time, and goes to loopback only.

mod clients;
mod columns;
mod passwords;
mod queries;
mod schema;
mod writes;

use std::pin::Pin;

use super::arena::Arena;

/// The configuration of servers whose attack needs no other.
pub(super) const QUIET: &str = "[http]\nlog-enabled = false\n";

/// A running attack. An error means that it could not be carried out.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// An attack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    /// What it does, in a line.
    pub(super) about: &'static str,
    /// The configuration of the server.
    pub(super) config: &'static str,
    /// Whether the server demands passwords.
    pub(super) has_login: bool,
    /// The limit on the server's open files, if it is low.
    pub(super) files: Option<u32>,
    /// Whether the good client's writes, which go to another database, must not be held up.
    pub(super) is_elsewhere: bool,
    pub(super) run: for<'a> fn(&'a Arena) -> Running<'a>,
}

impl Attack {
    /// An attack that does nothing to a server with default settings.
    const PLAIN: Attack = Attack {
        name: "",
        about: "",
        config: QUIET,
        has_login: false,
        files: None,
        is_elsewhere: false,
        run: |_| Box::pin(async { Ok(()) }),
    };
}

/// Returns all attacks.
pub(super) fn all() -> impl Iterator<Item = &'static Attack> {
    [writes::ATTACKS, schema::ATTACKS, queries::ATTACKS, columns::ATTACKS, passwords::ATTACKS, clients::ATTACKS]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = all().map(|attack| attack.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(!names.contains(""));
    }
}
