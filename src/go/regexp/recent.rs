//! Patterns that were compiled lately. Compiling costs more than reading all the rest of a query, and the same few patterns come
//! again with every refresh of a dashboard.
//!
//! Bounded in number; how large one may be is for the user to say. Nothing can be told from the outside but the time it takes.

use parking_lot::Mutex;

use super::Regex;

/// How many patterns are kept.
const KEPT_MAX: usize = 64;

/// The regular expressions that were asked for last.
pub(super) struct Recent {
    /// The latest first.
    kept: Mutex<Vec<Regex>>,
}

impl Recent {
    pub(super) const fn new() -> Recent {
        Recent { kept: Mutex::new(Vec::new()) }
    }

    /// The regular expression of `pattern`, if it is at hand.
    pub(super) fn find(&self, pattern: &str) -> Option<Regex> {
        let mut kept = self.kept.lock();
        let at = kept.iter().position(|regex| regex.text == pattern)?;
        kept[..=at].rotate_right(1);
        kept.first().cloned()
    }

    /// Keeps it in place of the one that was not asked for for the longest time. Two threads may keep the same, which does no harm.
    pub(super) fn keep(&self, regex: Regex) {
        let mut kept = self.kept.lock();
        kept.truncate(KEPT_MAX - 1);
        kept.insert(0, regex);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::compile;
    use super::*;

    #[test]
    fn what_was_asked_for_last_is_kept() {
        let recent = Recent::new();
        let first = compile("first").unwrap();
        recent.keep(first.clone());
        for at in 0..KEPT_MAX - 1 {
            recent.keep(compile(&format!("other-{at}")).unwrap());
        }
        assert!(Arc::ptr_eq(&recent.find("first").unwrap().compiled, &first.compiled));
        recent.keep(compile("one more").unwrap());
        assert_eq!(recent.find("other-0"), None);
        assert!(recent.find("first").is_some() && recent.find("one more").is_some());
        assert_eq!(recent.kept.lock().len(), KEPT_MAX);
    }
}
