//! Tests from text to tree and back. All tables go through one `check`: a text, and the expected message or normalized text.

mod any_text;
mod limits;
mod messages;
mod normal_form;
mod trees;

use super::{Parameters, parse};

/// Parses `text` and compares the message, or the normalized text of the tree.
fn check(text: &str, expected: &str) {
    let outcome = parse(text, &Parameters::new());
    let outcome = outcome.map_or_else(|error| error.to_string(), |query| query.to_string());
    assert_eq!(outcome, expected, "{text:?}");
}

/// Checks that all `texts` parse.
fn accepted(texts: &[&str]) {
    for text in texts {
        let outcome = parse(text, &Parameters::new());
        assert!(outcome.is_ok(), "{text:?}: {outcome:?}");
    }
}
