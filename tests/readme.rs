//! The README's commands print what the README shows.

mod server;

use std::io::{Read, Write};
use std::net::TcpStream;

use server::Server;

#[test]
fn the_first_write_and_query_print_what_the_readme_shows() {
    let readme = include_str!("../README.md");
    let console =
        readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a console block");
    let server = Server::ephemeral();
    let mut commands = 0;
    for shown in console.split("$ curl ").skip(1) {
        let (command, printed) = shown.split_once('\n').expect("a command and its output");
        assert_eq!(curl(&server, command), printed, "curl {command}");
        commands += 1;
    }
    assert_eq!(commands, 4);
}

/// Does what `curl` does with the few options that the README uses, and returns what it prints.
fn curl(server: &Server, command: &str) -> String {
    let (mut method, mut target, mut body, mut query, mut print_status) =
        ("GET", String::new(), String::new(), false, false);
    let words = words(command);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-XPOST" => method = "POST",
            "-G" => query = true,
            "-w" => print_status = words.next().is_some_and(|format| format == "%{http_code}\\n"),
            "--data-binary" => body.clone_from(words.next().expect("data")),
            "--data-urlencode" => {
                let (name, value) = words.next().and_then(|d| d.split_once('=')).expect("name=value");
                let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                body = format!("{name}={value}");
            }
            url => url.strip_prefix("http://127.0.0.1:8086").expect("a URL of the server").clone_into(&mut target),
        }
    }
    if query {
        target = format!("{target}{}{body}", if target.contains('?') { '&' } else { '?' });
        body.clear();
    }
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: readme\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status").to_owned();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let printed = if chunked { unchunked(body) } else { body.to_owned() };
    if print_status { format!("{printed}{status}\n") } else { printed }
}

/// The words of a shell command that quotes with single quotes only.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in command.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The content of a body in chunked transfer coding.
fn unchunked(mut body: &str) -> String {
    let mut content = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        if size == 0 {
            break;
        }
        content.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    content
}
