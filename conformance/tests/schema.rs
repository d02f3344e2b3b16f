//! The JSON report and its published schema.

mod server;

use serde_json::Value;
use server::{Folder, PING, Seen, TEAPOT, result};

fn schema() -> Value {
    serde_json::from_str(include_str!("../report.schema.json")).expect("a schema")
}

/// Returns the report of a run that has every verdict.
fn report() -> Value {
    fn answer(seen: &Seen) -> (u16, &'static str) {
        match seen.line.as_str() {
            "GET /query?q=error" => (400, "{\"error\":\"no\"}"),
            "GET /query?q=list" => (200, "{ \"a\": 1 }"),
            _ => (204, ""),
        }
    }
    let (address, _) = server::tcp(answer, None);
    let query = |q: &str, status: u16, body: &str| {
        format!("[[case.step]]\nrequest = 'GET /query?q={q}'\nresponse.status = {status}\nresponse.body = '{body}'")
    };
    let (words, equivalent) = (query("error", 400, "{\"error\":\"yes\"}"), query("list", 200, "{\"a\":1}"));
    let needs = format!("needs = ['auth']\n{PING}");
    let profile =
        TEAPOT.to_owned() + "\n[case.step.alternative]\nprofile = '1.2.4'\nbecause = 'it says so'\nstatus = 204\n";
    let folder = Folder::with_cases(&[
        ("ping.exact", PING),
        ("ping.differs", TEAPOT),
        ("ping.known", TEAPOT),
        ("query.words", &words),
        ("query.equivalent", &equivalent),
        ("ping.needs", &needs),
        ("ping.profile", &profile),
    ]);
    folder.write("known.toml", "[[known]]\nreason = 'old'\nlink = 'https://a.example'\ncases = ['ping.known']\n");
    let target = format!("http://{address}");
    let output = folder.run(&["--target", &target, "--known", "known.toml", "--report-json", "r.json"]);
    assert_eq!(result(&output).0, Some(1), "{}", result(&output).1);
    serde_json::from_str(&folder.read("r.json")).expect("a report")
}

#[test]
fn a_report_is_as_its_schema_says() {
    let report = report();
    let verdicts: Vec<&str> =
        report["outcomes"].as_array().unwrap().iter().map(|o| o["verdict"].as_str().unwrap()).collect();
    let expected = ["exact", "differs", "differs", "own words", "equivalent", "not applicable", "equivalent"];
    assert_eq!(verdicts, expected);
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_schema_refuses_what_is_not_a_report() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let report = report();
    assert!(validator.is_valid(&report));
    for (pointer, value) in [
        ("/outcomes/0/verdict", Value::from("good")),
        ("/outcomes/0/id", Value::from("Ping")),
        ("/outcomes/0/claim", Value::from("everything")),
        ("/profile", Value::Null),
        ("/outcomes/1/steps/0/differences", Value::Null),
    ] {
        let mut changed = report.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&changed), "{pointer}");
    }
    for name in ["target", "server", "outcomes"] {
        let mut changed = report.clone();
        changed.as_object_mut().unwrap().remove(name);
        assert!(!validator.is_valid(&changed), "{name}");
    }
}
