//! `conformance/ids.lock`: every identifier of a case or clause that was ever used, so that none is removed or reused.

use std::collections::BTreeSet;

/// The lines of the file: `case query.select-all`, `clause http.ping.1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lock(BTreeSet<String>);

impl Lock {
    /// Parses the file.
    pub(crate) fn parse(text: &str) -> Lock {
        Lock(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
    }

    /// Returns the contents of the file.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from(
            "# Every identifier of a case or clause that was ever used. None vanishes, none is used again.\n\
             # `cargo xtask spec --bless` adds new ones.\n",
        );
        for line in &self.0 {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Returns the identifiers in use.
    pub(crate) fn of(cases: impl Iterator<Item = String>, clauses: impl Iterator<Item = String>) -> Lock {
        let cases = cases.map(|id| format!("case {id}"));
        Lock(cases.chain(clauses.map(|id| format!("clause {id}"))).collect())
    }

    /// Adds the identifiers in use.
    pub(crate) fn add(&mut self, used: &Lock) {
        self.0.extend(used.0.iter().cloned());
    }

    /// Returns a violation for each identifier that is in the file but not in use, or in use but not in the file.
    pub(crate) fn violations(&self, used: &Lock) -> Vec<String> {
        let removed = self.0.difference(&used.0).map(|id| format!("conformance/ids.lock: the {id} was removed"));
        let new = used
            .0
            .difference(&self.0)
            .map(|id| format!("conformance/ids.lock: the {id} is new: add it with `cargo xtask spec --bless`"));
        removed.chain(new).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(cases: &[&str], clauses: &[&str]) -> Lock {
        let owned = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>().into_iter();
        Lock::of(owned(cases), owned(clauses))
    }

    #[test]
    fn removed_and_new_identifiers_are_violations() {
        let recorded = Lock::parse(&lock(&["a.b"], &["a.1"]).render());
        assert!(recorded.violations(&lock(&["a.b"], &["a.1"])).is_empty());
        let violations = recorded.violations(&lock(&["a.c"], &["a.1"]));
        assert_eq!(violations.len(), 2);
        assert!(violations[0].contains("case a.b was removed") && violations[1].contains("case a.c is new"));
    }

    #[test]
    fn adding_identifiers_keeps_the_removed_ones() {
        let mut recorded = lock(&["a.b"], &[]);
        recorded.add(&lock(&["a.c"], &[]));
        assert_eq!(recorded, lock(&["a.b", "a.c"], &[]));
    }
}
