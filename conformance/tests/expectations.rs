//! Expectation files: what makes a run fail, and what every report counts.

mod server;

use server::{Folder, PING, TEAPOT, empty, result};

/// Runs two cases that pass and two that fail with an expectation file. Returns the exit status, what was printed, and the folder.
fn run(expectations: &str, options: &[&str]) -> (Option<i32>, String, Folder) {
    let (address, _) = server::tcp(empty, None);
    let cases = [("ping.good", PING), ("ping.better", PING), ("ping.bad", TEAPOT), ("ping.worse", TEAPOT)];
    let folder = Folder::with_cases(&cases);
    folder.write("known.toml", expectations);
    let target = format!("http://{address}");
    let (status, text) = result(&folder.run(&[&["--target", &target, "--known", "known.toml"], options].concat()));
    (status, text, folder)
}

fn entry(expect: &str, cases: &str) -> String {
    format!("[[known]]\nexpect = '{expect}'\nreason = 'because of {expect}'\ncases = {cases}\n")
}

#[test]
fn a_run_that_goes_as_expected_succeeds() {
    let file = entry("differs", "['ping.bad']") + &entry("unsupported", "['ping.worse']");
    let (status, text, _) = run(&file, &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("as the expectations say: 1 differs, 1 unsupported"), "{text}");
}

#[test]
fn whatever_is_not_as_expected_fails_the_run() {
    let all = entry("differs", "['ping.bad', 'ping.worse']");
    for (file, says) in [
        (entry("differs", "['ping.bad']"), "ping.worse differs"),
        (all.clone() + &entry("differs", "['ping.good']"), "ping.good is exact, although it is listed as a failure"),
        (all.clone() + &entry("unsupported", "['ping.bet*']"), "ping.better is exact, although it is listed"),
        (all.clone() + &entry("skip", "['ping.gone']"), "`ping.gone` is listed, but is of no case"),
        (all.clone() + &entry("flaky", "['pong.*']"), "`pong.*` is listed, but is of no case"),
        (all.clone() + "version = '9'\n" + &entry("differs", "['ping.x']"), "`ping.x` is listed, but is of no case"),
        (all + &entry("flaky", "['ping.b?d']"), "`ping.b?d` is listed, but earlier entries have all of its cases"),
    ] {
        let (status, text, _) = run(&file, &[]);
        assert!(status == Some(1) && text.contains(says), "{file}\n{text}");
    }
}

#[test]
fn a_file_with_a_mistake_runs_nothing() {
    for file in ["[[known]]\ncases = ['a.b']\n", "[[known]]\nexpect = 'maybe'\nreason = 'x'\ncases = ['a.b']\n"] {
        assert_eq!(run(file, &[]).0, Some(2), "{file}");
    }
}

#[test]
fn flaky_and_skipped_cases_are_counted_in_every_report() {
    let file = entry("flaky", "['ping.good', 'ping.bad']") + &entry("skip", "['ping.better', 'ping.worse']");
    let reports = [
        "--report-json",
        "r.json",
        "--report-junit",
        "r.xml",
        "--report-tap",
        "r.tap",
        "--report-markdown",
        "r.md",
        "--report-html",
        "site",
    ];
    let (status, text, folder) = run(&file, &reports);
    assert_eq!(status, Some(0), "{text}");
    let counts = "2 skipped, 2 flaky (1 passed, 1 failed)";
    for (name, text) in [
        ("console", text),
        ("TAP", folder.read("r.tap")),
        ("Markdown", folder.read("r.md")),
        ("HTML", folder.read("site/index.html")),
    ] {
        assert!(text.contains(counts), "{name}: {text}");
    }
    let xml = folder.read("r.xml");
    assert!(xml.contains("<skipped message=\"skipped: because of skip\"/>"), "{xml}");
    assert!(xml.contains("<skipped message=\"flaky, as expected: because of flaky\"/>"), "{xml}");
    let tap = folder.read("r.tap");
    assert!(tap.contains("ok 2 - ping.better # SKIP skipped: because of skip"), "{tap}");
    assert!(tap.contains("not ok 3 - ping.bad # TODO because of flaky"), "{tap}");
    let json: serde_json::Value = serde_json::from_str(&folder.read("r.json")).unwrap();
    let expectations: Vec<_> =
        json["outcomes"].as_array().unwrap().iter().map(|o| &o["expectation"]["expect"]).collect();
    assert_eq!(expectations, ["flaky", "skip", "flaky", "skip"]);
}

#[test]
fn what_is_skipped_may_depend_on_the_version() {
    let file = |version: &str| {
        entry("differs", "['ping.worse']") + &entry("skip", "['ping.bad']") + &format!("version = '{version}'\n")
    };
    assert_eq!(run(&file("1.0"), &[]).0, Some(0));
    let (status, text, _) = run(&file("2"), &[]);
    assert!(status == Some(1) && text.contains("ping.bad differs"), "{text}");
}

#[test]
fn an_update_makes_the_next_run_succeed() {
    let (status, text, folder) = run(&entry("differs", "['ping.good', 'ping.gone']"), &["--update-expectations"]);
    assert_eq!(status, Some(0), "{text}");
    let updated = folder.read("known.toml");
    assert!(!updated.contains("gone") && updated.contains("ping.worse"), "{updated}");
    assert_eq!(run(&updated, &[]).0, Some(0));
}

#[test]
fn a_first_look_says_what_it_is() {
    let known = entry("differs", "['ping.bad', 'ping.worse']");
    let (status, text, folder) = run(&known, &["--smoke", "--report-markdown", "r.md"]);
    assert_eq!(status, Some(0), "{text}");
    let says = "this is a first look, not a score: 1 of 4 cases";
    assert!(text.contains(says) && folder.read("r.md").contains(says), "{text}");
    assert_eq!(run(&known, &["--smoke", "--report-badge", "b.svg"]).0, Some(2));
}
