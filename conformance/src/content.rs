//! Compares bodies by content: JSON by value, CSV by cell, and errors without their texts.

use serde_json::Value;

/// In what sense two bodies are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Same {
    /// They have the same content.
    Content,
    /// They have the same content but for the texts of errors and messages.
    ButForTexts,
}

/// Returns in what sense a body is the expected one, if it is in any.
pub(crate) fn relaxation(expected: &[u8], actual: &[u8], content_type: Option<&str>) -> Option<Same> {
    if content_type.is_some_and(|kind| kind.contains("csv")) {
        let (expected, actual) = (cells(expected)?, cells(actual)?);
        return if expected == actual {
            Some(Same::Content)
        } else {
            (without_cell_texts(&expected)? == without_cell_texts(&actual)?).then_some(Same::ButForTexts)
        };
    }
    match (documents(expected), documents(actual)) {
        (Some(expected), Some(actual)) => {
            if same_documents(&expected, &actual) {
                return Some(Same::Content);
            }
            let [expected, actual] = [expected, actual].map(|documents| without_texts(&documents));
            same_documents(&expected, &actual).then_some(Same::ButForTexts)
        }
        // A refusal that is not JSON, such as that of an unknown path.
        (None, None) if !expected.is_empty() && !actual.is_empty() && content_type.is_some_and(is_plain) => {
            Some(Same::ButForTexts)
        }
        _ => None,
    }
}

/// Whether a body is a JSON document with an error.
pub(crate) fn is_refusal(body: &[u8]) -> bool {
    let documents = documents(body).unwrap_or_default();
    !documents.is_empty() && documents != without_texts(&documents)
}

/// Returns the JSON documents of a body: one, or one for each chunk.
pub(crate) fn documents(body: &[u8]) -> Option<Vec<Value>> {
    let documents: Vec<_> = serde_json::Deserializer::from_slice(body).into_iter().collect::<Result<_, _>>().ok()?;
    if documents.is_empty() { None } else { Some(documents) }
}

fn is_plain(content_type: &str) -> bool {
    content_type.starts_with("text/plain")
}

fn same_documents(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
}

/// Whether two JSON values are equal. Numbers are compared by value, not as written; the order of keys does not matter.
fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same_value(value, other)))
        }
        _ => a == b,
    }
}

/// Returns documents in which every text of an error, or of a message beside results, is empty.
fn without_texts(documents: &[Value]) -> Vec<Value> {
    let mut documents = documents.to_vec();
    for document in &mut documents {
        empty_texts(document);
    }
    documents
}

fn empty_texts(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if key == "error" || key == "text" => text.clear(),
                    member => empty_texts(member),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(empty_texts),
        _ => {}
    }
}

type Cells = Vec<csv::ByteRecord>;

fn cells(body: &[u8]) -> Option<Cells> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    reader.into_byte_records().collect::<Result<_, _>>().ok()
}

/// Returns the cells of an error in CSV, without its text.
fn without_cell_texts(cells: &[csv::ByteRecord]) -> Option<usize> {
    let is_error = cells.first().is_some_and(|first| first.len() == 1 && first.get(0) == Some(b"error"));
    is_error.then_some(cells.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compared_by_value() {
        for (a, b, same) in [
            ("{\"a\":1,\"b\":2}", "{ \"b\": 2.0, \"a\": 1e0 }", true),
            ("9007199254740993", "9007199254740992", false),
            ("[1,2]", "[2,1]", false),
            ("1\n2\n", "1 2", true),
            ("1\n2\n", "1", false),
            ("null", "", false),
            ("", "", false),
        ] {
            let found = relaxation(a.as_bytes(), b.as_bytes(), None);
            assert_eq!(found, same.then_some(Same::Content), "{a} {b}");
        }
    }

    #[test]
    fn csv_is_compared_by_cell() {
        let found = |a: &str, b: &str| relaxation(a.as_bytes(), b.as_bytes(), Some("text/csv"));
        assert_eq!(found("a,b\n1,\n", "\"a\",b\r\n1,\"\""), Some(Same::Content));
        assert_eq!(found("a,b\n1,\n", "a,b\n1,0\n"), None);
        assert_eq!(found("error\nno\n", "error\n\"not, so\"\n"), Some(Same::ButForTexts));
    }

    #[test]
    fn texts_of_errors_may_differ_where_they_stand() {
        let found = |a: &str, b: &str| relaxation(a.as_bytes(), b.as_bytes(), Some("application/json"));
        assert_eq!(found("{\"error\":\"a\"}", "{\"error\":\"b\"}"), Some(Same::ButForTexts));
        assert_eq!(
            found("{\"results\":[{\"error\":\"a\"},{}]}", "{\"results\":[{\"error\":\"b\"},{}]}"),
            Some(Same::ButForTexts)
        );
        assert_eq!(found("{\"results\":[{\"error\":\"a\"},{}]}", "{\"results\":[{},{\"error\":\"a\"}]}"), None);
        assert_eq!(found("{\"error\":\"a\"}", "{\"results\":[]}"), None);
        assert_eq!(found("[\"a\"]", "[\"b\"]"), None);
        let plain = |a: &str, b: &str| relaxation(a.as_bytes(), b.as_bytes(), Some("text/plain; charset=utf-8"));
        assert_eq!(plain("404 page not found\n", "no such path\n"), Some(Same::ButForTexts));
        assert_eq!(plain("404 page not found\n", ""), None);
        assert!(is_refusal(b"{\"error\":\"a\"}") && !is_refusal(b"{\"a\":1}") && !is_refusal(b"a"));
    }
}
