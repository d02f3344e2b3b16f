//! Arbitrary texts: parsing ends and never panics, a position in a message lies inside of the text, and what parses is
//! written as a text that gives an equal tree.
#![no_main]

use fluxstone::influxql::ast::Statement;
use fluxstone::influxql::{Parameter, Parameters, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parameters: Parameters =
        [("p".to_owned(), Parameter::String("it's".to_owned())), ("q".to_owned(), Parameter::Number(-1.5))].into();
    let query = match parse(text, &parameters) {
        Ok(query) => query,
        Err(error) => return check_position(&error.to_string(), text),
    };
    let secret = |statement: &Statement| matches!(statement, Statement::CreateUser { .. } | Statement::SetPassword { .. });
    if query.statements.iter().any(secret) {
        return;
    }
    let written = format!("{query:#}");
    match parse(&written, &Parameters::new()) {
        Ok(again) => assert_eq!(again, query, "{written:?}"),
        Err(error) => panic!("{error}: {written:?}"),
    }
});

/// The line exists, and the character is at most two behind its end.
fn check_position(message: &str, text: &str) {
    let Some((_, place)) = message.rsplit_once(" at line ") else { return };
    let Some((line, character)) = place.split_once(", char ") else { return };
    let character = character.split_once(';').map_or(character, |(character, _)| character);
    let (Ok(line), Ok(character)) = (line.parse::<usize>(), character.parse::<usize>()) else { return };
    let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
    let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
    assert!(length.is_some_and(|length| (1..=length + 2).contains(&character)), "{message}: {text:?}");
}
