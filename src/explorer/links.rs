//! Addresses of pages, and names as statements and shells need them.

use fluxstone_influxql::{Name, StringLiteral};

/// The address of a page, with parameters; those that are empty are left out.
pub(super) fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A name as InfluxQL quotes it, where that is necessary.
pub fn quoted_name(name: &str) -> String {
    Name(name).to_string()
}

/// A string literal of InfluxQL.
pub fn quoted_string(text: &str) -> String {
    StringLiteral(text).to_string()
}

/// A word of a POSIX shell that means `text`.
pub(super) fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
