//! No text makes the parser panic, and messages name places inside the text. (`tests/grammars` tests that printing and parsing are
//! inverse.)

use proptest::prelude::*;
use proptest::sample::select as any_of;

use crate::{Parameter, Parameters, parse};

/// Texts made of random pieces of queries.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP BY",
        "time(",
        "fill(",
        "ORDER BY",
        "LIMIT",
        "INTO",
        "SHOW",
        "TAG VALUES",
        "WITH KEY",
        "CREATE",
        "CONTINUOUS QUERY",
        "BEGIN",
        "END",
        "RESAMPLE",
        "DROP",
        "SERIES",
        "DELETE",
        "ON",
        "ALTER RETENTION POLICY",
        "DURATION",
        "REPLICATION",
        "a",
        "\"b c\"",
        "'x'",
        "\"",
        "'",
        "\\",
        "$p",
        "$",
        "1",
        "-1.5",
        "1h",
        "/x/",
        "/",
        "=~",
        "=",
        "!",
        "*",
        "::",
        "field",
        "(",
        ")",
        ",",
        ";",
        ".",
        ":",
        "MEASUREMENT",
        "DISTINCT",
        "AND",
        "+",
        "-",
        " ",
        "\n",
        "\r",
        "\0",
        "é",
    ];
    prop::collection::vec(any_of(pieces.to_vec()), 0..24)
        .prop_flat_map(|pieces| any_of(vec!["", " "]).prop_map(move |separator| pieces.join(separator)))
}

/// Parses, and checks that a position in the message is inside the text.
fn positions_are_inside(text: &str) -> Result<(), TestCaseError> {
    let parameters: Parameters = [("p".to_owned(), Parameter::Integer(1))].into();
    let Err(error) = parse(text, &parameters) else { return Ok(()) };
    let message = error.to_string();
    let Some((_, place)) = message.rsplit_once(" at line ") else { return Ok(()) };
    let Some((line, character)) = place.split_once(", char ") else { return Ok(()) };
    let character = character.split_once(';').map_or(character, |(character, _)| character);
    let (line, character): (usize, usize) = (line.parse().unwrap(), character.parse().unwrap());
    let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
    let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
    prop_assert!(length.is_some_and(|length| (1..=length + 2).contains(&character)), "{message}");
    Ok(())
}

proptest! {
    // spec: influxql.position.1
    #[test]
    fn no_text_panics_and_positions_are_inside_the_text(text in "\\PC{0,60}", soup in soup()) {
        positions_are_inside(&text)?;
        positions_are_inside(&soup)?;
        positions_are_inside(&format!("SELECT {soup}"))?;
        positions_are_inside(&format!("SELECT a FROM m WHERE {soup}"))?;
    }
}
