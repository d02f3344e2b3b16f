//! The attacks, one file for each resource that they are after. Each is bounded in count and time, and goes to loopback only.

mod clients;
mod columns;
mod explorer;
mod network;
mod passwords;
mod queries;
mod schema;
mod texts;
mod writes;

use super::scenario::Attack;

/// Returns all attacks.
pub(super) fn all() -> impl Iterator<Item = &'static Attack> {
    [
        writes::ATTACKS,
        schema::ATTACKS,
        queries::ATTACKS,
        texts::ATTACKS,
        columns::ATTACKS,
        passwords::ATTACKS,
        clients::ATTACKS,
        network::ATTACKS,
        explorer::ATTACKS,
    ]
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
