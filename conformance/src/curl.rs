//! Requests as `curl` commands, to repeat them by hand.

use crate::case::Request;
use crate::client::Target;

/// Returns a request to a target as a command for a POSIX shell.
pub(crate) fn command_for(request: &Request, target: &Target) -> String {
    let options = target.curl_options().into_iter().map(|option| {
        let is_option = option.starts_with("--");
        format!(" {}", if is_option { option } else { quoted(&option) })
    });
    format!("curl{}{}", options.collect::<String>(), arguments(request, &target.url()))
}

/// Returns a request to a server as a command for a POSIX shell.
pub(crate) fn command(request: &Request, server: &str) -> String {
    format!("curl{}", arguments(request, server))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn arguments(request: &Request, server: &str) -> String {
    let verb = match request.verb.as_str() {
        "HEAD" => "-I".to_owned(),
        verb => format!("-i -X {verb}"),
    };
    let mut command = format!(" {verb} {}", quoted(&format!("{server}{}", request.target)));
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
        let target: Target = "https://localhost:1/x".parse().unwrap();
        let target = target.trusting(crate::client::Trust::Any).unwrap().through(std::path::Path::new("/a b"));
        let ping =
            Request { verb: "GET".to_owned(), target: "/ping".to_owned(), headers: Vec::new(), body: Vec::new() };
        assert_eq!(
            command_for(&ping, &target),
            "curl --unix-socket '/a b' --insecure -i -X GET 'https://localhost:1/x/ping'"
        );
    }
}
