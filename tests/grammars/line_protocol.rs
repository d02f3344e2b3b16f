//! `spec/grammar/line-protocol.abnf` against the parser of line protocol.

use fluxstone::line_protocol::{Precision, parse};
use fluxstone::model::Timestamp;
use fluxstone_grammar::{LINE_PROTOCOL, Rule, Size, bytes};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// The reasons that a grammar cannot express, as the head of the grammar's file lists them. Where the grammar derives a body, an
/// invalid float can only be one outside float64.
const BEYOND_GRAMMAR: [&str; 6] = [
    "duplicate tags",
    "max key length exceeded",
    "value out of range",
    "time outside range",
    "invalid float",
    "strconv.ParseInt: parsing",
];

fn rule(name: &str) -> Rule {
    LINE_PROTOCOL.rule(name).expect("the rule is in the grammar")
}

fn text(sentence: &[u32]) -> Vec<u8> {
    sentence.iter().filter_map(|&terminal| u8::try_from(terminal).ok()).collect()
}

/// Parses the body. Returns the number of bad lines, and the messages about them whose reasons a grammar can express.
fn faults(body: &[u8]) -> (usize, Vec<String>) {
    let parsed = parse(body, Precision::Nanosecond, Timestamp::EPOCH);
    let messages = parsed.errors.iter().map(|error| String::from_utf8_lossy(&error.text).into_owned());
    let grammatical = |message: &String| {
        let reason = message.rsplit_once("': ").map_or(message.as_str(), |(_, reason)| reason);
        !BEYOND_GRAMMAR.iter().any(|known| reason.contains(known))
    };
    (parsed.errors.len(), messages.filter(grammatical).collect())
}

/// Checks that parser and grammar agree on a body. Returns whether the grammar derives it.
pub(crate) fn agreed(body: &[u8]) -> Result<bool, TestCaseError> {
    let derived = LINE_PROTOCOL.derives(rule("body"), &bytes(body));
    let (bad_lines, grammatical) = faults(body);
    let shown = body.escape_ascii();
    if derived {
        prop_assert_eq!(grammatical, Vec::<String>::new(), "the grammar derives \"{}\"", shown);
    } else {
        prop_assert!(bad_lines > 0, "the parser accepts \"{}\"", shown);
    }
    Ok(derived)
}

// spec: lp.string.2
#[test]
fn a_body_may_end_with_a_backslash_after_a_string() {
    for (body, derived) in [
        (&b"m s=\"b\"a\\"[..], true),
        (b"m v=1,s=\"b\"\\\\\\", true),
        (b"m s=\"b\"a\\\nm v=1", false),
        (b"m v=1\nm s=\"b\"\\", true),
        (b"m s=\"b\\", false),
        (b"m s\\", false),
    ] {
        assert_eq!(agreed(body).unwrap(), derived, "{}", body.escape_ascii());
    }
}

proptest! {
    // spec: lp.point.1, lp.body.1, lp.body.2, lp.body.3, lp.body.4, lp.field.1, lp.field.3, lp.number.1, lp.boolean.1, lp.string.1, lp.time.1
    #[test]
    fn parser_and_grammar_agree_on_sentences_and_mutations(seed in any::<u64>(), size in 5..120usize) {
        let mut random = SmallRng::seed_from_u64(seed);
        let sentence = LINE_PROTOCOL.sentence(rule("body"), Size(size), &mut random).unwrap();
        prop_assert!(agreed(&text(&sentence))?);
        for _ in 0..4 {
            agreed(&text(&LINE_PROTOCOL.mutate(&sentence, &mut random)))?;
        }
    }
}

/// The bodies are worth testing: they contain enough points, and enough of the mutated ones are refused.
#[test]
fn enough_bodies_have_points_and_enough_mutations_are_refused() {
    let mut random = SmallRng::seed_from_u64(0);
    let (mut points, mut refused) = (0, 0);
    for _ in 0..500 {
        let sentence = LINE_PROTOCOL.sentence(rule("body"), Size(80), &mut random).unwrap();
        points += parse(&text(&sentence), Precision::Nanosecond, Timestamp::EPOCH).points.len();
        let mutated = LINE_PROTOCOL.mutate(&sentence, &mut random);
        refused += usize::from(!LINE_PROTOCOL.derives(rule("body"), &mutated));
    }
    assert!(points > 150, "{points} points");
    assert!((100..400).contains(&refused), "{refused} of 500 are refused");
}
