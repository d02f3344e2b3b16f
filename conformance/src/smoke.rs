//! The cases of a first look: few, the same in every run, and about everything.
//!
//! They are the first case of each file and claim, since a file has one subject. Cases that need the whole server or settings of it are left
//! out, and those about authentication unless the runner is an administrator.

use std::collections::HashSet;

use crate::case::{Case, Need};
use crate::claims::Claim;

/// Returns the cases of a first look, in their order.
pub fn smoke<'a>(cases: &[&'a Case], is_administrator: bool) -> Vec<&'a Case> {
    let mut seen = HashSet::new();
    let applies = |case: &Case| !case.exclusive && (is_administrator || !case.needs.contains(&Need::Auth));
    let mut is_first = |case: &Case| seen.insert((case.file.clone(), Claim::of(case)));
    cases.iter().copied().filter(|case| applies(case) && is_first(case)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::suite::{Selection, Suite};

    #[test]
    fn a_first_look_has_every_area_and_claim_and_few_cases() {
        let suite = Suite::embedded().unwrap();
        let all = suite.select(&Selection::default());
        let chosen = smoke(&all, true);
        let pairs = |cases: &[&Case]| -> BTreeSet<(String, Claim)> {
            let applies = cases.iter().filter(|case| !case.exclusive);
            applies.map(|case| (case.id.area().to_owned(), Claim::of(case))).collect()
        };
        assert_eq!(pairs(&chosen), pairs(&all));
        assert!(chosen.len() < all.len() / 8, "{} of {}", chosen.len(), all.len());
        let without = smoke(&all, false);
        assert!(without.iter().all(|case| !case.needs.contains(&Need::Auth)) && without.len() < chosen.len());
    }
}
