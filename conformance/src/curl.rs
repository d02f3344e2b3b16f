//! Requests as `curl` commands, to repeat them by hand.

use crate::case::Request;

/// Returns a request to a server as a command for a POSIX shell.
pub(crate) fn command(request: &Request, server: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let verb = match request.verb.as_str() {
        "HEAD" => "-I".to_owned(),
        verb => format!("-i -X {verb}"),
    };
    let mut command = format!("curl {verb} {}", quoted(&format!("{server}{}", request.target)));
    for (name, value) in &request.headers {
        command.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
    }
    if !request.body.is_empty() {
        command.push_str(&format!(" --data-binary {}", quoted(&String::from_utf8_lossy(&request.body))));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_as_a_command() {
        let request = Request {
            verb: "POST".to_owned(),
            target: "/write?db=d".to_owned(),
            headers: vec![("A".to_owned(), "b".to_owned())],
            body: b"m s=\"it's\"".to_vec(),
        };
        assert_eq!(
            command(&request, "http://127.0.0.1:8086"),
            r#"curl -i -X POST 'http://127.0.0.1:8086/write?db=d' -H 'A: b' --data-binary 'm s="it'\''s"'"#
        );
    }
}
