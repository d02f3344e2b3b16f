//! The messages of static validation against the specification: each one is quoted in `spec/influxql.md`.

/// The templates of the messages, from the source that declares them.
fn templates() -> Vec<String> {
    let quoted = include_str!("../../src/influxql/invalid.rs").split("#[error(").skip(1);
    quoted.filter_map(|rest| Some(rest.split_once('"')?.1.split_once('"')?.0.to_owned())).collect()
}

/// Whether `page` quotes a message of this template. A placeholder matches the letter or word that the specification has there.
fn is_quoted(template: &str, page: &str) -> bool {
    let mut pattern = String::from("`");
    for (at, part) in template.split(['{', '}']).enumerate() {
        // Every other part is a placeholder.
        pattern += &if at % 2 == 0 { regex::escape(part) } else { "[A-Za-z0-9_.*]+".to_owned() };
    }
    pattern.push('`');
    regex::Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(page))
}

// spec: influxql.validation.1, influxql.validation.8, influxql.validation.12
#[test]
fn the_specification_quotes_every_validation_message() {
    let page = include_str!("../../spec/influxql.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let templates = templates();
    assert!(templates.len() > 40, "{templates:?}");
    let missing: Vec<_> = templates.iter().filter(|template| !is_quoted(template, &page)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
