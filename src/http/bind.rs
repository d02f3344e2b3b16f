//! Bind parameters: the JSON object of the `params` parameter as values of placeholders.

use fluxstone_go::json_object::{Member, ObjectError, read_object};
use fluxstone_influxql::{Parameter, Parameters};

/// Reads the object. Empty text is no parameters; what follows the object is ignored; of equal names the last counts.
///
/// # Errors
/// The text of the refusal.
pub(super) fn read_parameters(text: &[u8]) -> Result<Parameters, String> {
    if text.is_empty() {
        return Ok(Parameters::new());
    }
    let (members, _) = read_object(text).map_err(|error| {
        let reason = match error {
            ObjectError::Blank => "EOF".to_owned(),
            ObjectError::Ended => "unexpected EOF".to_owned(),
            ObjectError::Syntax(text) => text,
            ObjectError::Kind(kind) => {
                format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
            }
        };
        format!("error parsing query parameters: {reason}")
    })?;
    members.into_iter().map(|(name, member)| Ok((name, parameter(member)?))).collect()
}

fn parameter(member: Member) -> Result<Parameter, String> {
    Ok(match member {
        Member::String(text) => Parameter::String(text),
        Member::Boolean(value) => Parameter::Boolean(value),
        Member::Null => Parameter::Unbindable("<nil>"),
        Member::Array => Parameter::Unbindable("[]interface {}"),
        Member::Object => Parameter::Unbindable("map[string]interface {}"),
        // A point makes a float. Without one the text must be an integer, which excludes `1e2`.
        Member::Number(text) if text.contains('.') => match text.parse() {
            Ok(value) if f64::is_finite(value) => Parameter::Number(value),
            _ => return Err(number_error("ParseFloat", &text, "value out of range")),
        },
        Member::Number(text) => match text.parse() {
            Ok(value) => Parameter::Integer(value),
            Err(_) if text.contains(['e', 'E']) => return Err(number_error("ParseInt", &text, "invalid syntax")),
            Err(_) => return Err(number_error("ParseInt", &text, "value out of range")),
        },
    })
}

fn number_error(function: &str, text: &str, reason: &str) -> String {
    format!("error parsing json value: strconv.{function}: parsing \"{text}\": {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, value: &Parameter) {
        let read = read_parameters(text.as_bytes()).unwrap();
        assert_eq!(read.get("x"), Some(value), "{text}");
    }

    fn check_error(text: &str, error: &str) {
        assert_eq!(read_parameters(text.as_bytes()), Err(error.to_owned()));
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
    fn what_is_no_object_is_refused() {
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
    fn numbers_that_dont_fit_are_refused() {
        let error = "error parsing json value: strconv.";
        check_error(r#"{"x":1e2}"#, &format!("{error}ParseInt: parsing \"1e2\": invalid syntax"));
        check_error(
            r#"{"x":9223372036854775808}"#,
            &format!("{error}ParseInt: parsing \"9223372036854775808\": value out of range"),
        );
        check_error(r#"{"x":1.0e999}"#, &format!("{error}ParseFloat: parsing \"1.0e999\": value out of range"));
    }
}
