//! Runs the examples of the page for the tests of clients as they are printed there, each where its language is installed. Those in Rust
//! are doctests.

use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../spec/client-tests.md");

/// The first block of the page in a language.
fn example(language: &str) -> &'static str {
    let block = PAGE.split_once(&format!("```{language}\n")).and_then(|(_, rest)| rest.split_once("```"));
    block.expect("the page has an example in each language").0
}

/// Whether a program is installed.
fn is_installed(program: &str, version: &str) -> bool {
    let installed = Command::new(program).arg(version).output().is_ok_and(|output| output.status.success());
    if !installed {
        println!("skipped: {program} is not installed");
    }
    installed
}

/// Runs an example from a file in a folder of its own, with the server in the path.
fn run(language: &str, file: &str, command: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(file), example(language)).expect("a file");
    let binary = Path::new(env!("CARGO_BIN_EXE_fluxstone")).parent().expect("a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(PathBuf::from(binary)).chain(std::env::split_paths(&path));
    let output = Command::new("timeout")
        .arg("300")
        .args(command)
        .arg(file)
        .current_dir(folder.path())
        .env("PATH", std::env::join_paths(paths).expect("paths"))
        // Go keeps what it compiles in the home directory otherwise.
        .env("GOCACHE", folder.path().join("go"))
        .env("GO111MODULE", "off")
        .output()
        .expect("timeout is installed");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{language}: {messages}\n{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_example_for_the_shell_runs() {
    if is_installed("curl", "--version") && is_installed("bash", "--version") {
        run("sh", "example.sh", &["bash", "-euo", "pipefail"]);
    }
}

#[test]
fn the_example_in_python_runs() {
    if is_installed("python3", "--version") {
        run("python", "example.py", &["python3"]);
    }
}

#[test]
fn the_example_in_go_runs() {
    if is_installed("go", "version") {
        run("go", "example.go", &["go", "run"]);
    }
}

#[test]
fn the_example_in_javascript_runs() {
    if is_installed("node", "--version") {
        run("js", "example.js", &["node"]);
    }
}
