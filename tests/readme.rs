//! Checks that the commands in the README print the output that it shows.

mod client;
mod server;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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

/// A section of the README.
fn section(title: &str) -> &'static str {
    let rest = include_str!("../README.md").split(&format!("\n## {title}\n")).nth(1);
    rest.and_then(|rest| rest.split("\n## ").next()).expect("the section")
}

/// The first block of a section in a language.
fn block(section: &'static str, language: &str) -> &'static str {
    let rest = section.split(&format!("```{language}\n")).nth(1);
    rest.and_then(|rest| rest.split("```").next()).expect("a block")
}

/// Whether all programs are here. Prints which is absent.
fn has_programs(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().expect("sh runs");
        if !found.status.success() {
            // Past the capture of what a passing test prints.
            let _ = writeln!(std::io::stderr(), "skipped: there is no {program} here");
        }
        found.status.success()
    })
}

/// Runs each command of a block in a folder, and compares what it prints.
fn check_console(folder: &Path, console: &str, port: &str) {
    for shown in console.split("$ ").skip(1) {
        let (command, printed) = shown.split_once('\n').expect("a command and its output");
        assert_eq!(run(folder, "sh", &command.replace("8086", port)), printed, "{command}");
    }
}

// spec: http.tls.1, http.tls.2, http.unix.1
#[test]
fn the_walk_through_of_encrypted_connections_works_as_printed() {
    if !has_programs(&["openssl", "curl", "python3"]) {
        return;
    }
    let section = section("Encrypted connections");
    let folder = tempfile::tempdir().expect("a temporary folder");
    run(folder.path(), "sh", block(section, "sh"));
    std::fs::write(folder.path().join("influxdb.conf"), block(section, "toml")).expect("a configuration file");
    let (_server, port) = serve_in(folder.path());
    check_console(folder.path(), block(section, "console"), &port);
    let program = block(section, "python");
    let printed = program.trim_end().rsplit("  # ").next().expect("the output");
    assert_eq!(run(folder.path(), "python3", &program.replace("8086", &port)).trim_end(), printed);
}

// spec: auth.bootstrap.1, auth.query.1, auth.write.1
#[test]
fn the_walk_through_of_users_works_as_printed() {
    if !has_programs(&["curl"]) {
        return;
    }
    let section = section("Users and privileges");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("influxdb.conf"), block(section, "toml")).expect("a configuration file");
    let (_server, port) = serve_in(folder.path());
    check_console(folder.path(), block(section, "console"), &port);
}

#[test]
fn the_steps_of_a_job_work_as_printed() {
    if !has_programs(&["bash", "curl", "jq"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fluxstone"), folder.path().join("fluxstone")).expect("a link");
    let job = block(section("Test a client in CI"), "yaml");
    let (_, steps) = job.split_once("- run: |\n").expect("a step of several lines");
    let (start, last) = steps.split_once("      - run: ").expect("a last step");
    let start = start.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    // The server outlives its step, and must not hold the output of it.
    let start = start.replace(" > ready.json &", " > ready.json 2> messages &");
    let path = std::env::var("PATH").unwrap_or_default();
    let start = format!("set -e\nexport PATH=\"$PWD:{path}\" GITHUB_ENV=environment\n{start}");
    let last = format!("set -e\n. ./environment\n{last}");
    let (started, tested) = std::thread::scope(|scope| {
        let jobs = scope.spawn(|| {
            let started = run(folder.path(), "bash", &start);
            (started, run(folder.path(), "bash", &last))
        });
        let done = jobs.join();
        run(folder.path(), "sh", "kill $(jq .pid ready.json)");
        done.expect("the steps succeed")
    });
    assert_eq!((started, tested), (String::new(), String::new()));
}

/// Runs a program's text in a folder, and returns what it prints.
fn run(folder: &Path, interpreter: &str, text: &str) -> String {
    let mut command = Command::new(interpreter);
    // No proxy of the environment is between.
    command.args(["-c", text]).current_dir(folder).envs([("no_proxy", "*"), ("NO_PROXY", "*")]);
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output in UTF-8")
}

/// A process that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server in a folder with the configuration file there. Returns it with its port.
fn serve_in(folder: &Path) -> (Running, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fluxstone"));
    command.args(["serve", "--config", "influxdb.conf", "--bind", "127.0.0.1:0", "--data-dir", "data"]);
    command.args(["--print-ready", "json"]).current_dir(folder).stdout(Stdio::piped());
    let mut process = Running(command.spawn().expect("the server starts"));
    let mut line = String::new();
    let output = process.0.stdout.take().expect("standard output is piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let address = ready["address"].as_str().expect("an address");
    (process, address.rsplit(':').next().expect("a port").to_owned())
}
