//! Bind parameters: reads the JSON object in the `params` parameter as values of placeholders. Binding them is left to
//! `influxql`.

use fluxstone_go::json_object::{Member, ObjectError, read_object};
use fluxstone_influxql::{Parameter, Parameters};
use fluxstone_model::Clause;

/// Why the `params` parameter is refused. Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BindError {
    /// Not a JSON object.
    #[error("error parsing query parameters: {0}")]
    Json(String),
    /// A number that Go cannot read as an integer or a float.
    #[error("error parsing json value: strconv.{function}: parsing \"{text}\": {reason}")]
    Number { function: &'static str, text: String, reason: &'static str },
}

impl BindError {
    /// The clause that the parameters do not keep.
    pub(super) fn clause(&self) -> Clause {
        match self {
            BindError::Json(_) => Clause::new("http.params.3"),
            BindError::Number { .. } => Clause::new("http.params.2"),
        }
    }
}

/// Reads the parameters. Without text there are none. Anything after the object is ignored, and of equal names the last counts.
pub(super) fn read_parameters(text: &[u8]) -> Result<Parameters, BindError> {
    if text.is_empty() {
        return Ok(Parameters::new());
    }
    let (members, _) = read_object(text).map_err(|error| {
        BindError::Json(match error {
            ObjectError::Blank => "EOF".to_owned(),
            ObjectError::Ended => "unexpected EOF".to_owned(),
            ObjectError::Syntax(text) => text,
            ObjectError::Kind(kind) => {
                format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
            }
        })
    })?;
    members.into_iter().map(|(name, member)| Ok((name, parameter(member)?))).collect()
}

fn parameter(member: Member) -> Result<Parameter, BindError> {
    Ok(match member {
        Member::String(text) => Parameter::String(text),
        Member::Boolean(value) => Parameter::Boolean(value),
        Member::Null => Parameter::Unbindable("<nil>"),
        Member::Array => Parameter::Unbindable("[]interface {}"),
        Member::Object => Parameter::Unbindable("map[string]interface {}"),
        // Only a point makes a float: without one the text must be an integer, and `1e2` is refused.
        Member::Number(text) if text.contains('.') => match text.parse() {
            Ok(value) if f64::is_finite(value) => Parameter::Number(value),
            _ => return Err(number_error("ParseFloat", text, "value out of range")),
        },
        Member::Number(text) => match text.parse() {
            Ok(value) => Parameter::Integer(value),
            Err(_) if text.contains(['e', 'E']) => return Err(number_error("ParseInt", text, "invalid syntax")),
            Err(_) => return Err(number_error("ParseInt", text, "value out of range")),
        },
    })
}

fn number_error(function: &'static str, text: String, reason: &'static str) -> BindError {
    BindError::Number { function, text, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, value: &Parameter) {
        let read = read_parameters(text.as_bytes()).unwrap();
        assert_eq!(read.get("x"), Some(value), "{text}");
    }

    fn check_error(text: &str, error: &str) {
        assert_eq!(read_parameters(text.as_bytes()).map_err(|error| error.to_string()), Err(error.to_owned()));
    }

    // spec: http.params.1, http.params.2
    #[test]
    fn values_become_literals_of_their_kind() {
        check(r#"{"x":"a"}"#, &Parameter::String("a".into()));
        check(r#"{"x":true}"#, &Parameter::Boolean(true));
        check(r#"{"x":30}"#, &Parameter::Integer(30));
        check(r#"{"x":-9223372036854775808}"#, &Parameter::Integer(i64::MIN));
        check(r#"{"x":1.50}"#, &Parameter::Number(1.5));
        check(r#"{"x":1.5e2}"#, &Parameter::Number(150.0));
        check(r#"{"x":1,"x":2} ignored"#, &Parameter::Integer(2));
        check(r#"{"x":null}"#, &Parameter::Unbindable("<nil>"));
        check(r#"{"x":[1]}"#, &Parameter::Unbindable("[]interface {}"));
        check(r#"{"x":{}}"#, &Parameter::Unbindable("map[string]interface {}"));
        assert_eq!(read_parameters(b""), Ok(Parameters::new()));
        assert_eq!(read_parameters(b"null"), Ok(Parameters::new()));
    }

    // spec: http.params.3
    #[test]
    fn anything_but_an_object_is_refused() {
        check_error("  ", "error parsing query parameters: EOF");
        check_error("{", "error parsing query parameters: unexpected EOF");
        check_error(
            "\"b\"",
            "error parsing query parameters: json: cannot unmarshal string into Go value of type map[string]interface {}",
        );
        check_error("nope", "error parsing query parameters: invalid character 'o' in literal null (expecting 'u')");
    }

    // spec: http.params.2
    #[test]
    fn numbers_out_of_range_are_refused() {
        let error = "error parsing json value: strconv.";
        check_error(r#"{"x":1e2}"#, &format!("{error}ParseInt: parsing \"1e2\": invalid syntax"));
        check_error(
            r#"{"x":9223372036854775808}"#,
            &format!("{error}ParseInt: parsing \"9223372036854775808\": value out of range"),
        );
        check_error(r#"{"x":1.0e999}"#, &format!("{error}ParseFloat: parsing \"1.0e999\": value out of range"));
    }
}
