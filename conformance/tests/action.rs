//! The script of the GitHub action, run as the action runs it.

#![cfg(unix)]

mod server;

use std::process::Command;

use serde_json::Value;
use server::{Folder, PING, TEAPOT};

/// Returns the script of the last step.
fn script() -> String {
    let action: Value = serde_saphyr::from_str(include_str!("../action.yml")).expect("YAML");
    let steps = action["runs"]["steps"].as_array().expect("steps");
    steps.last().expect("a step")["run"].as_str().expect("a script").to_owned()
}

/// Runs the script, and returns its exit status and the folder that it has written to.
fn run(cases: &[(&str, &str)], inputs: &[(&str, &str)]) -> (Option<i32>, Folder) {
    let (address, _) = server::tcp(|_| (204, ""), None);
    let folder = Folder::with_cases(cases);
    let bin = folder.path("fluxstone-conformance/bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fluxstone-conformance"), bin.join("fluxstone-conformance"))
        .expect("a link");
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &script()]).current_dir(folder.path("."));
    for name in ["CMD", "CMD_CONFIG", "CLAIM", "KNOWN", "LABEL"] {
        command.env(name, "");
    }
    command.env("TARGET", format!("http://{address}")).env("REPORTS", "out").env("ARGUMENTS", "--jobs 1 --cases cases");
    command.env("RUNNER_TEMP", folder.path(".")).env("GITHUB_STEP_SUMMARY", folder.path("summary"));
    command.envs(inputs.iter().copied());
    let output = command.output().expect("bash");
    (output.status.code(), folder)
}

#[test]
fn the_action_runs_the_suite_and_keeps_its_reports() {
    let (status, folder) = run(&[("ping.good", PING)], &[("LABEL", "a server")]);
    assert_eq!(status, Some(0));
    assert!(folder.read("summary").starts_with("## Conformance of a server with"));
    let report: Value = serde_json::from_str(&folder.read("out/report.json")).expect("a report");
    assert_eq!(report["outcomes"][0]["verdict"], "exact");
    assert!(folder.read("out/junit.xml").contains("ping.good"));
    assert!(folder.path("out/site/index.html").exists());
}

#[test]
fn the_action_fails_if_the_run_does_not_go_as_expected() {
    let (status, folder) = run(&[("ping.bad", TEAPOT)], &[]);
    assert_eq!(status, Some(1));
    assert!(folder.read("summary").contains("`ping.bad`"));
    folder.write("known.toml", "[[known]]\nreason = 'no tea'\ncases = ['ping.bad']\n");
    let known = folder.path("known.toml").display().to_string();
    let (status, _) = run(&[("ping.bad", TEAPOT)], &[("KNOWN", &known)]);
    assert_eq!(status, Some(0));
}
