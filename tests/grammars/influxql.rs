//! `spec/grammar/influxql.abnf` against the parser of InfluxQL.
//!
//! A text that the grammar derives, the parser accepts, or refuses for its meaning. A text that the grammar does not derive, the
//! parser refuses.

use fluxstone::influxql::ast::Query;
use fluxstone::influxql::{ErrorKind, Parameter, Parameters, ParseError, parse};
use fluxstone_grammar::{INFLUXQL, Rule, Size, characters};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

fn start() -> Rule {
    INFLUXQL.rule("text").expect("the grammar has a start")
}

/// The text of a sentence, without NUL and without anything that a mutation inserted that is not a character.
fn text(sentence: &[u32]) -> String {
    sentence.iter().filter_map(|&terminal| char::from_u32(terminal)).filter(|c| *c != '\0').collect()
}

/// Parses a text with all its parameters bound to a number.
fn parse_bound(text: &str) -> Result<Query, ParseError> {
    let mut parameters = Parameters::new();
    loop {
        let outcome = parse(text, &parameters);
        let Err(error) = &outcome else { return outcome };
        let message = error.to_string();
        let Some(name) = message.strip_prefix("missing parameter: ") else { return outcome };
        parameters.insert(name.to_owned(), Parameter::Integer(7));
    }
}

/// Checks that parser and grammar agree on a text. Returns whether the grammar derives it.
pub(crate) fn agreed(text: &str) -> Result<bool, TestCaseError> {
    let derived = INFLUXQL.derives(start(), &characters(text));
    match parse_bound(text) {
        Ok(_) => prop_assert!(derived, "the parser accepts {:?}", text),
        Err(error) if derived => {
            prop_assert_eq!(error.kind(), ErrorKind::Validation, "the grammar derives {:?}: {}", text, error);
        }
        Err(_) => {}
    }
    Ok(derived)
}

proptest! {
    // spec: influxql.grammar.1, influxql.statement.1, influxql.select.1, influxql.expression.1, influxql.word.1, influxql.number.1
    #[test]
    fn parser_and_grammar_agree_on_sentences_and_mutations(seed in any::<u64>(), size in 10..200usize) {
        let mut random = SmallRng::seed_from_u64(seed);
        let sentence = INFLUXQL.sentence(start(), Size(size), &mut random).unwrap();
        prop_assert!(agreed(&text(&sentence))?);
        for _ in 0..4 {
            agreed(&text(&INFLUXQL.mutate(&sentence, &mut random)))?;
        }
    }

    // spec: influxql.normal.6
    #[test]
    fn accepted_sentences_are_printed_and_read_back(seed in any::<u64>(), size in 10..200usize) {
        let mut random = SmallRng::seed_from_u64(seed);
        let drawn = text(&INFLUXQL.sentence(start(), Size(size), &mut random).unwrap());
        let Ok(query) = parse_bound(&drawn) else { return Ok(()) };
        let written = format!("{query:#}");
        if !written.contains("[REDACTED]") {
            let again = parse(&written, &Parameters::new());
            prop_assert_eq!(again.as_ref(), Ok(&query), "{:?} was written {}", drawn, written);
            // The text that InfluxDB prints may lose digits, but not the shape.
            let shown = query.to_string();
            prop_assert!(parse(&shown, &Parameters::new()).is_ok() || shown.contains("CREATE DATABASE"), "{}", shown);
        }
    }
}

// spec: influxql.word.1, influxql.word.2
#[test]
fn parser_and_grammar_reserve_the_same_words() {
    // Every keyword is a rule; the other rules have names that are not keywords.
    let names = INFLUXQL.rules().map(|(name, _)| name.replace('-', "_"));
    let words: Vec<String> =
        names.chain(["time", "fill", "now", "Explain", "inSert", "any"].map(String::from)).collect();
    assert!(words.len() > 150, "{words:?}");
    for word in words {
        agreed(&format!("DROP MEASUREMENT {word}")).unwrap();
        agreed(&format!("SELECT {word}::field FROM a.{word} GROUP BY {word}")).unwrap();
    }
}

/// The sentences are worth testing: enough of them are accepted for each kind of statement.
#[test]
fn enough_sentences_are_accepted() {
    let mut random = SmallRng::seed_from_u64(0);
    for (rule, least) in [
        ("select-statement", 35),
        ("delete-statement", 60),
        ("drop-statement", 80),
        ("create-statement", 50),
        ("alter-policy", 50),
        ("privilege", 100),
        ("set-password", 100),
        ("kill-query", 80),
        ("show-statement", 80),
    ] {
        let sentences =
            (0..100).map(|_| INFLUXQL.sentence(INFLUXQL.rule(rule).unwrap(), Size(80), &mut random).unwrap());
        let accepted = sentences.filter(|sentence| parse_bound(&text(sentence)).is_ok()).count();
        assert!(accepted >= least, "{rule}: {accepted} of 100");
    }
}
