//! `conformance/ids.lock`: every identifier of a case or clause that was ever used, so that none vanishes and none is used for
//! something else.

use std::collections::BTreeSet;

/// The lines of the file: `case query.select-all`, `clause http.ping.1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lock(BTreeSet<String>);

impl Lock {
    /// Reads the file.
    pub(crate) fn parse(text: &str) -> Lock {
        Lock(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
    }

    /// The file for these identifiers.
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

    /// The identifiers in use.
    pub(crate) fn of(cases: impl Iterator<Item = String>, clauses: impl Iterator<Item = String>) -> Lock {
        let cases = cases.map(|id| format!("case {id}"));
        Lock(cases.chain(clauses.map(|id| format!("clause {id}"))).collect())
    }

    /// Adds the identifiers in use.
    pub(crate) fn add(&mut self, used: &Lock) {
        self.0.extend(used.0.iter().cloned());
    }

    /// Where the identifiers in use and those that were noted disagree.
    pub(crate) fn violations(&self, used: &Lock) -> Vec<String> {
        let vanished = self.0.difference(&used.0).map(|id| format!("conformance/ids.lock: the {id} has vanished"));
        let new = used
            .0
            .difference(&self.0)
            .map(|id| format!("conformance/ids.lock: the {id} is not noted (`cargo xtask spec --bless` notes it)"));
        vanished.chain(new).collect()
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
    fn no_identifier_vanishes_and_none_is_new_without_a_note() {
        let noted = Lock::parse(&lock(&["a.b"], &["a.1"]).render());
        assert!(noted.violations(&lock(&["a.b"], &["a.1"])).is_empty());
        let violations = noted.violations(&lock(&["a.c"], &["a.1"]));
        assert_eq!(violations.len(), 2);
        assert!(violations[0].contains("case a.b has vanished") && violations[1].contains("case a.c is not noted"));
    }

    #[test]
    fn noting_keeps_what_has_vanished() {
        let mut noted = lock(&["a.b"], &[]);
        noted.add(&lock(&["a.c"], &[]));
        assert_eq!(noted, lock(&["a.b", "a.c"], &[]));
    }
}
