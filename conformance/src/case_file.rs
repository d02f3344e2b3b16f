//! Case files, written from cases: their requests as they are sent, and the answers that they expect.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use crate::case::{Answer, BodyRule, Case, ClauseId, HeaderRule, Request, Step, pair};

/// Stands for the clauses of a case that has none yet. No specification has it, so that it is not forgotten.
const PLACEHOLDER: &str = "unknown.1";

/// Returns a file with these cases. `about` says what they have in common, `level` is their basis.
pub(crate) fn write(about: &str, level: &str, cases: &[Case]) -> String {
    let mut document = DocumentMut::new();
    document.insert("about", toml_edit::value(about));
    document.insert("level", toml_edit::value(level));
    let mut tables = ArrayOfTables::new();
    for case in cases {
        tables.push(case_table(case));
    }
    document.insert("case", Item::ArrayOfTables(tables));
    document.to_string()
}

fn case_table(case: &Case) -> Table {
    let mut table = Table::new();
    table.insert("id", toml_edit::value(case.id.as_str()));
    table.insert("about", toml_edit::value(case.about.as_str()));
    let clauses = case.clauses.iter().map(ClauseId::as_str);
    let placeholder = case.clauses.is_empty().then_some(PLACEHOLDER);
    table.insert("clauses", Item::Value(clauses.chain(placeholder).collect()));
    if !case.config.is_empty() {
        let written = toml::to_string(&case.config).ok().and_then(|text| text.parse::<DocumentMut>().ok());
        if let Some(document) = written {
            table.insert("config", Item::Value(Value::InlineTable(document.as_table().clone().into_inline_table())));
        }
    }
    let mut owns = InlineTable::new();
    for (key, names) in [("databases", &case.owns.databases), ("users", &case.owns.users)] {
        if !names.is_empty() {
            owns.insert(key, names.iter().map(String::as_str).collect::<Value>());
        }
    }
    if !owns.is_empty() {
        table.insert("owns", toml_edit::value(owns));
    }
    if case.exclusive {
        table.insert("exclusive", toml_edit::value(true));
    }
    let mut steps = ArrayOfTables::new();
    // A preparation must succeed, and is only named in a file: as a step it shows what it gets.
    for request in &case.preparation {
        let mut table = request_table(request);
        table.insert(
            "response",
            Item::Table(status_table(if request.target.starts_with("/write") { 204 } else { 200 })),
        );
        steps.push(table);
    }
    for step in &case.steps {
        steps.push(step_table(step));
    }
    table.insert("step", Item::ArrayOfTables(steps));
    table
}

fn step_table(step: &Step) -> Table {
    let mut table = request_table(&step.request);
    if step.eventually {
        table.insert("eventually", toml_edit::value(true));
    }
    if let Some(restart) = step.restart {
        table.insert("restart", toml_edit::value(restart.as_str()));
    }
    table.insert("response", Item::Table(answer_table(&step.expected)));
    table
}

/// Parameters are taken out of the path where writing them as parameters sends the same.
fn request_table(request: &Request) -> Table {
    let mut table = Table::new();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let encoded: Vec<String> = pairs.iter().map(|(key, value)| pair(key, value)).collect();
    // A table holds each key once.
    let keys: HashSet<&String> = pairs.iter().map(|(key, _)| key).collect();
    let as_pairs = !pairs.is_empty() && keys.len() == pairs.len() && encoded.join("&") == query;
    let target = if as_pairs { path } else { &request.target };
    table.insert("request", toml_edit::value(format!("{} {target}", request.verb)));
    if as_pairs {
        table.insert("params", Item::Value(pairs_value(&pairs)));
    }
    if !request.headers.is_empty() {
        table.insert("headers", Item::Value(pairs_value(&request.headers)));
    }
    match std::str::from_utf8(&request.body) {
        Ok("") => {}
        Ok(text) => drop(table.insert("body", Item::Value(text_value(text)))),
        Err(_) => drop(table.insert("body_base64", toml_edit::value(BASE64.encode(&request.body)))),
    }
    table
}

fn pairs_value(pairs: &[(String, String)]) -> Value {
    let mut table = InlineTable::new();
    for (key, value) in pairs {
        table.insert(key, text_value(value));
    }
    Value::InlineTable(table)
}

fn status_table(status: u16) -> Table {
    let mut table = Table::new();
    table.set_dotted(true);
    table.insert("status", toml_edit::value(i64::from(status)));
    table
}

fn answer_table(answer: &Answer) -> Table {
    let mut table = status_table(answer.status);
    let mut headers = InlineTable::new();
    for (name, rule) in &answer.headers {
        if let HeaderRule::Exactly(value) = rule {
            headers.insert(name, value.as_str().into());
        }
    }
    if !headers.is_empty() {
        table.insert("headers", toml_edit::value(headers));
    }
    match &answer.body {
        None => {}
        Some(BodyRule::Exactly(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => drop(table.insert("body", Item::Value(text_value(text)))),
            Err(_) => drop(table.insert("body_base64", toml_edit::value(BASE64.encode(bytes)))),
        },
        Some(BodyRule::Matches(regex)) => {
            let mut pattern = InlineTable::new();
            pattern.insert("matches", text_value(regex.as_str()));
            table.insert("body", toml_edit::value(pattern));
        }
    }
    table
}

/// Returns a text as a literal string without escapes, where TOML allows that.
pub(crate) fn text_value(text: &str) -> Value {
    let plain = !text.contains("'''") && text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control());
    let literal = if text.contains('\n') { format!("'''\n{text}'''") } else { format!("'{text}'") };
    match literal.parse::<Value>() {
        Ok(value) if plain && value.as_str() == Some(text) => value,
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::parse_file;
    use crate::suite::Suite;

    /// What is sent and expected is the same after writing and reading.
    #[test]
    fn written_cases_are_read_as_they_were() {
        let suite = Suite::embedded().unwrap();
        for case in &suite.cases {
            let text = write("x", "observed", std::slice::from_ref(case));
            let read = parse_file("x.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}")).remove(0);
            let requests: Vec<&Request> =
                case.preparation.iter().chain(case.steps.iter().map(|step| &step.request)).collect();
            assert_eq!(read.steps.iter().map(|step| &step.request).collect::<Vec<_>>(), requests, "{text}");
            let skipped = case.preparation.len();
            for (read, step) in read.steps[skipped..].iter().zip(&case.steps) {
                assert_eq!(read.expected.status, step.expected.status);
                let shown = |answer: &Answer| answer.body.as_ref().map(ToString::to_string);
                assert_eq!(shown(&read.expected), shown(&step.expected), "{text}");
                assert_eq!((read.eventually, read.restart), (step.eventually, step.restart));
            }
            assert_eq!(
                (&read.owns, read.exclusive, &read.config),
                (&case.owns, case.exclusive, &case.config),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_are_written_without_escapes_where_possible() {
        for (text, written) in
            [("", "''"), ("{\"a\":1}\n", "'''\n{\"a\":1}\n'''"), ("it's", "\"it's\""), ("bell\u{7}", "\"bell\\u0007\"")]
        {
            let value = text_value(text);
            assert_eq!(value.as_str(), Some(text));
            assert_eq!(value.to_string(), written);
        }
    }
}
