//! [`SeriesPredicate`]: conditions on tags, and what they mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxstone_go::Regex;
use fluxstone_model::{TagSet, Text};

/// A condition on the tags of a series, in a form that an index can answer. An absent tag counts as the empty text.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "read as conditions on one series")]
pub enum SeriesPredicate {
    All,
    None,
    Equal {
        key: Text,
        value: Text,
    },
    NotEqual {
        key: Text,
        value: Text,
    },
    /// Equal to one of the values.
    OneOf {
        key: Text,
        values: Arc<BTreeSet<Text>>,
    },
    /// Equal to none of the values.
    NoneOf {
        key: Text,
        values: Arc<BTreeSet<Text>>,
    },
    Match {
        key: Text,
        regex: Regex,
    },
    NotMatch {
        key: Text,
        regex: Regex,
    },
    And(Box<SeriesPredicate>, Box<SeriesPredicate>),
    Or(Box<SeriesPredicate>, Box<SeriesPredicate>),
}

impl SeriesPredicate {
    /// Whether a series with these tags matches. This defines the meaning; indexes find the same answer faster.
    pub fn holds(&self, tags: &TagSet) -> bool {
        let value = |key: &Text| tags.get(key).map_or(&[][..], Text::as_bytes);
        match self {
            SeriesPredicate::All => true,
            SeriesPredicate::None => false,
            SeriesPredicate::Equal { key, value: want } => value(key) == want.as_bytes(),
            SeriesPredicate::NotEqual { key, value: want } => value(key) != want.as_bytes(),
            SeriesPredicate::OneOf { key, values } => values.contains(value(key)),
            SeriesPredicate::NoneOf { key, values } => !values.contains(value(key)),
            SeriesPredicate::Match { key, regex } => regex.is_match(value(key)),
            SeriesPredicate::NotMatch { key, regex } => !regex.is_match(value(key)),
            SeriesPredicate::And(a, b) => a.holds(tags) && b.holds(tags),
            SeriesPredicate::Or(a, b) => a.holds(tags) || b.holds(tags),
        }
    }
}
