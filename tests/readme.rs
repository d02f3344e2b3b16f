//! Checks that the commands in the README print the output that it shows.

mod client;
mod server;

use client::Connection;
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

/// Does what `curl` does with the options that the README uses, and returns the output.
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
    let form = ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    let answer = Connection::open(server.address()).send(method, &target, &[form], &body).expect("an answer");
    let printed = String::from_utf8(answer.body.into()).expect("an answer in UTF-8");
    if print_status { format!("{printed}{}\n", answer.status) } else { printed }
}

/// Splits a shell command into words. Only single quotes are supported.
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
