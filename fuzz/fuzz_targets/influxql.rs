//! Arbitrary texts: parsing ends and never panics, positions in messages are inside the text, and printing a tree gives a text
//! that parses to an equal tree. For short texts, the parser must agree with the grammar of the specification.
#![no_main]

use fluxstone_influxql::ast::{Definition, Statement};
use fluxstone_influxql::{ErrorKind, Parameter, Parameters, ParseError, parse};
use fluxstone_grammar::{INFLUXQL, characters};
use libfuzzer_sys::fuzz_target;

/// The longest text to check against the grammar, in bytes. Its recognizer takes polynomial time.
const RECOGNIZED_BYTES_MAX: usize = 160;

fuzz_target!(|text: &str| {
    let parameters: Parameters =
        [("p".to_owned(), Parameter::String("it's".to_owned())), ("q".to_owned(), Parameter::Number(-1.5))].into();
    let outcome = parse(text, &parameters);
    if text.len() <= RECOGNIZED_BYTES_MAX && !text.contains('\0') {
        agrees(text, outcome.as_ref().err());
    }
    let query = match outcome {
        Ok(query) => query,
        Err(error) => return check_position(&error.to_string(), text),
    };
    let has_password = |statement: &Statement| {
        matches!(statement, Statement::Define(Definition::CreateUser { .. } | Definition::SetPassword { .. }))
    };
    if query.statements.iter().any(has_password) {
        return;
    }
    let written = format!("{query:#}");
    match parse(&written, &Parameters::new()) {
        Ok(again) => assert_eq!(again, query, "{written:?}"),
        Err(error) => panic!("{error}: {written:?}"),
    }
});

/// Checks that the grammar derives the text exactly if the parser accepts it or refuses it for its meaning.
fn agrees(text: &str, error: Option<&ParseError>) {
    let start = INFLUXQL.rule("text").expect("the grammar has a start");
    match (INFLUXQL.derives(start, &characters(text)), error) {
        (true, Some(error)) => assert_eq!(error.kind(), ErrorKind::Validation, "the grammar derives {text:?}: {error}"),
        (false, None) => panic!("the grammar does not derive {text:?}"),
        _ => {}
    }
}

/// Checks that the line exists and the character is at most two after its end.
fn check_position(message: &str, text: &str) {
    let Some((_, place)) = message.rsplit_once(" at line ") else { return };
    let Some((line, character)) = place.split_once(", char ") else { return };
    let character = character.split_once(';').map_or(character, |(character, _)| character);
    let (Ok(line), Ok(character)) = (line.parse::<usize>(), character.parse::<usize>()) else { return };
    let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
    let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
    assert!(length.is_some_and(|length| (1..=length + 2).contains(&character)), "{message}: {text:?}");
}
