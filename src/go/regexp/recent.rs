//! A cache of recently compiled patterns. Compiling costs more than parsing the rest of a query, and dashboards send the same few
//! patterns with each refresh.
//!
//! The number of patterns is bounded; their size is up to the caller. The cache affects nothing but time.

use parking_lot::Mutex;

use super::compiled::Regex;

/// The most patterns that are kept.
const KEPT_MAX: usize = 64;

/// The most recently used regular expressions.
pub(super) struct Recent {
    /// The most recently used first.
    kept: Mutex<Vec<Regex>>,
}

impl Recent {
    pub(super) const fn new() -> Recent {
        Recent { kept: Mutex::new(Vec::new()) }
    }

    /// Returns the regular expression of `pattern`, if it is kept.
    pub(super) fn find(&self, pattern: &str) -> Option<Regex> {
        let mut kept = self.kept.lock();
        let at = kept.iter().position(|regex| regex.text == pattern)?;
        kept[..=at].rotate_right(1);
        kept.first().cloned()
    }

    /// Keeps `regex` in place of the least recently used one. Two threads may keep the same one, which is harmless.
    pub(super) fn keep(&self, regex: Regex) {
        let mut kept = self.kept.lock();
        kept.truncate(KEPT_MAX - 1);
        kept.insert(0, regex);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::compiled::Form;
    use super::super::literals::Literals;
    use super::*;

    fn compiled(pattern: &str) -> Regex {
        Regex { text: pattern.to_owned(), form: Arc::new(Form::Literals(Literals::new())) }
    }

    #[test]
    fn the_most_recently_used_are_kept() {
        let recent = Recent::new();
        let first = compiled("first");
        recent.keep(first.clone());
        for at in 0..KEPT_MAX - 1 {
            recent.keep(compiled(&format!("other-{at}")));
        }
        assert_eq!(recent.find("first"), Some(first));
        recent.keep(compiled("one more"));
        assert_eq!(recent.find("other-0"), None);
        assert!(recent.find("first").is_some() && recent.find("one more").is_some());
        assert_eq!(recent.kept.lock().len(), KEPT_MAX);
    }
}
