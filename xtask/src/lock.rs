//! `conformance/ids.lock`: every identifier of a case or clause that was ever used, so that none is removed or reused, and the version
//! of the suite in which it appeared, if that is not the first one.

use std::collections::{BTreeMap, BTreeSet};

/// The version whose identifiers have no version in the file.
const FIRST_VERSION: &str = "0.1.0";

/// The lines of the file, `case query.select-all`, `clause http.ping.1 0.2.0`: identifiers and versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lock(BTreeMap<String, String>);

impl Lock {
    /// Parses the file.
    pub(crate) fn parse(text: &str) -> Lock {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entry = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let id = [words.next(), words.next()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            (id, words.next().unwrap_or(FIRST_VERSION).to_owned())
        };
        Lock(lines.map(entry).collect())
    }

    /// Returns the contents of the file.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from(
            "# Every identifier of a case or clause that was ever used. None vanishes, none is used again.\n\
             # `cargo xtask spec --bless` adds new ones, with the version in which they appeared if that is not the first.\n",
        );
        for (id, version) in &self.0 {
            text.push_str(id);
            if version != FIRST_VERSION {
                text.push(' ');
                text.push_str(version);
            }
            text.push('\n');
        }
        text
    }

    /// Adds the identifiers in use. Those that are new appear in `version`.
    pub(crate) fn add(&mut self, used: &BTreeSet<String>, version: &str) {
        for id in used {
            self.0.entry(id.clone()).or_insert_with(|| version.to_owned());
        }
    }

    /// Returns a violation for each identifier that is in the file but not in use, or in use but not in the file.
    pub(crate) fn violations(&self, used: &BTreeSet<String>) -> Vec<String> {
        let recorded: BTreeSet<String> = self.0.keys().cloned().collect();
        let removed = recorded.difference(used).map(|id| format!("conformance/ids.lock: the {id} was removed"));
        let new = used
            .difference(&recorded)
            .map(|id| format!("conformance/ids.lock: the {id} is new: add it with `cargo xtask spec --bless`"));
        removed.chain(new).collect()
    }
}

/// The identifiers in use, as the file has them.
pub(crate) fn in_use(cases: impl Iterator<Item = String>, clauses: impl Iterator<Item = String>) -> BTreeSet<String> {
    cases.map(|id| format!("case {id}")).chain(clauses.map(|id| format!("clause {id}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(cases: &[&str], clauses: &[&str]) -> BTreeSet<String> {
        let owned = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>().into_iter();
        in_use(owned(cases), owned(clauses))
    }

    fn lock(used: &BTreeSet<String>) -> Lock {
        let mut lock = Lock::default();
        lock.add(used, FIRST_VERSION);
        lock
    }

    #[test]
    fn removed_and_new_identifiers_are_violations() {
        let recorded = Lock::parse(&lock(&used(&["a.b"], &["a.1"])).render());
        assert!(recorded.violations(&used(&["a.b"], &["a.1"])).is_empty());
        let violations = recorded.violations(&used(&["a.c"], &["a.1"]));
        assert_eq!(violations.len(), 2);
        assert!(violations[0].contains("case a.b was removed") && violations[1].contains("case a.c is new"));
    }

    #[test]
    fn adding_identifiers_keeps_the_removed_ones() {
        let mut recorded = lock(&used(&["a.b"], &[]));
        recorded.add(&used(&["a.c"], &[]), FIRST_VERSION);
        assert_eq!(recorded, lock(&used(&["a.b", "a.c"], &[])));
    }

    #[test]
    fn an_identifier_keeps_the_version_in_which_it_appeared() {
        let mut recorded = lock(&used(&["a.b"], &[]));
        recorded.add(&used(&["a.b", "a.c"], &["a.1"]), "0.2.0");
        recorded = Lock::parse(&recorded.render());
        recorded.add(&used(&["a.b", "a.c"], &["a.1"]), "0.3.0");
        let text = recorded.render();
        assert!(text.ends_with("\ncase a.b\ncase a.c 0.2.0\nclause a.1 0.2.0\n"), "{text}");
    }
}
