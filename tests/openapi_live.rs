//! Checks `spec/openapi.yaml` against the running server with schemathesis, which makes requests from the document and compares the
//! answers with it: statuses, content types, schemas and headers.
//!
//! `tests/real_clients/install.sh` installs schemathesis. The test prints that it is skipped where that is absent. The settings and the
//! reasons for checks that are off are in `openapi_live/schemathesis.toml`. The requests do not depend on chance. `conformance/tests/openapi.rs`
//! compares the document with the cases.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod client;
mod installed;

use std::path::{Path, PathBuf};
use std::process::Command;

use client::Connection;
use fluxstone::Server;
use fluxstone::testing::{self, Action, Fault, FixedAnswer};

/// The points that the statements of `openapi_live/hooks.py` read.
const POINTS: &str = "cpu,host=a idle=1.5,note=\"x\" 1488326400000000000\ncpu,host=b idle=2.5 1488326460000000000";

/// The operations that the document describes.
const OPERATIONS: usize = 10;

const ADMINISTRATOR: &str = "u=admin&p=password";

/// The program that `install.sh` installs, or one on the path.
fn schemathesis() -> Option<PathBuf> {
    let installed = installed::path("python/bin/schemathesis");
    let runs = |program: &PathBuf| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    [installed, PathBuf::from("schemathesis")].into_iter().find(runs)
}

/// Starts a server with the database `mydb`, and with an administrator if it asks for credentials.
fn server(asks_for_credentials: bool) -> Server {
    let server = Server::builder().configure(move |settings| settings.http.auth_enabled = asks_for_credentials);
    let server = server.start().unwrap();
    let send = |target: &str, body: &str| {
        let (status, body) = Connection::open(server.address()).request("POST", target, body).unwrap();
        assert!(matches!(status, 200 | 204), "{target}: {body}");
    };
    let query = |q: &str| format!("/query?{ADMINISTRATOR}&q={}", q.replace(' ', "+"));
    if asks_for_credentials {
        send(&query("CREATE USER admin WITH PASSWORD 'password' WITH ALL PRIVILEGES"), "");
    }
    send(&query("CREATE DATABASE mydb"), "");
    send(&format!("/write?{ADMINISTRATOR}&db=mydb"), POINTS);
    server
}

/// Runs schemathesis and returns whether it found nothing, and what it printed.
fn run(program: &Path, document: &Path, url: &str, arguments: &[&str]) -> (bool, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi_live");
    // It keeps state beside its settings.
    let work = tempfile::tempdir().unwrap();
    for file in ["schemathesis.toml", "hooks.py"] {
        std::fs::copy(folder.join(file), work.path().join(file)).unwrap();
    }
    let output = Command::new(program)
        .arg("run")
        .arg(document)
        .args(["--no-color", "--url", url])
        .args(arguments)
        .current_dir(work.path())
        .env("PYTHONPATH", work.path())
        .output()
        .unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), printed)
}

fn skip() {
    installed::skip("schemathesis is not installed");
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/openapi.yaml")
}

#[test]
fn the_server_answers_as_the_document_describes() {
    let Some(program) = schemathesis() else {
        return skip();
    };
    let open = (server(false), &[][..]);
    let without_credentials = (server(true), &[][..]);
    let with_credentials = (server(true), &["--auth", "admin:password"][..]);
    let runs = [open, without_credentials, with_credentials];
    std::thread::scope(|scope| {
        for (server, arguments) in &runs {
            let program = &program;
            scope.spawn(move || {
                let (is_ok, printed) = run(program, &document(), &server.url(), arguments);
                assert!(is_ok, "{arguments:?}: {printed}");
                assert!(printed.contains(&format!("Tested: {OPERATIONS}\n")), "{printed}");
            });
        }
    });
}

/// The check notices what it should: each of these documents says something that is wrong.
#[test]
fn a_wrong_document_is_noticed() {
    let Some(program) = schemathesis() else {
        return skip();
    };
    let server = server(false);
    let right = std::fs::read_to_string(document()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (at, (path, from, to, noticed)) in [
        (
            "/ping",
            "'204':\n          description: 'The server is up",
            "'200':\n          description: 'The server is up",
            "Undocumented status code",
        ),
        (
            "/query",
            "statement_id: { type: integer, minimum: 0 }",
            "statement_id: { type: string }",
            "Response violates schema",
        ),
        ("/query", "            text/csv: { schema: { type: string } }\n", "", "Undocumented Content-Type"),
        ("/write", "pattern: '^1\\.2\\.'", "pattern: '^1\\.3\\.'", "Response header does not conform"),
        ("/write", "        '404': { $ref: '#/components/responses/Error' }\n", "", "Undocumented status code"),
    ]
    .into_iter()
    .enumerate()
    {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right, "{from}");
        let file = folder.path().join(format!("{at}.yaml"));
        std::fs::write(&file, wrong).unwrap();
        let arguments = ["--include-path", path, "--max-failures", "1", "--no-shrink", "--phases", "fuzzing"];
        let (is_ok, printed) = run(&program, &file, &server.url(), &arguments);
        assert!(!is_ok && printed.contains(noticed), "{from}: {printed}");
    }
}

/// The check notices wrong answers, too.
#[test]
fn a_wrong_answer_is_noticed() {
    let Some(program) = schemathesis() else {
        return skip();
    };
    let server = testing::Server::start().unwrap();
    Connection::open(server.address()).request("POST", "/query?q=CREATE+DATABASE+mydb", "").unwrap();
    let status = |status| Action::Answer(FixedAnswer { status, text: None, retry_after: None });
    for (path, action, noticed) in [
        ("/ping", status(418), "Undocumented status code"),
        ("/query", status(500), "Server error"),
        ("/query", Action::Truncate, "JSON deserialization error"),
        ("/write", status(500), "Custom check failed: `only_expected_server_errors`"),
    ] {
        server.clear_faults();
        server.fault(Fault::from(action).at(path).times(0)).unwrap();
        let arguments = ["--include-path", path, "--max-failures", "1", "--no-shrink", "--phases", "fuzzing"];
        let (is_ok, printed) = run(&program, &document(), &server.url(), &arguments);
        assert!(!is_ok && printed.contains(noticed), "{path}: {printed}");
    }
}
