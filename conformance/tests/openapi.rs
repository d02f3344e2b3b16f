//! Checks that `spec/openapi.yaml` describes every path, verb, parameter, status and body in the documented cases, and that each
//! operation has a case of some level. `tests/openapi_live.rs` compares it with the server.

use std::collections::BTreeSet;

use fluxstone_conformance::case::{Answer, BodyRule, Level, Request};
use fluxstone_conformance::suite::Suite;
use serde_json::{Value, json};

#[test]
fn every_case_of_a_known_endpoint_is_described() {
    let api = api();
    let suite = Suite::embedded().expect("the embedded cases are well-formed");
    let mut seen = BTreeSet::new();
    for case in &suite.cases {
        for step in &case.steps {
            let (path, query) = step.request.target.split_once('?').unwrap_or((&step.request.target, ""));
            // Answers to unknown paths and verbs are not described.
            if matches!(step.expected.status, 404 | 405) && path != "/write" {
                continue;
            }
            seen.insert((path.to_owned(), step.request.verb.clone()));
            if case.level != Level::Documented || step.request.verb == "OPTIONS" {
                continue;
            }
            let operation = &api["paths"][path][step.request.verb.to_lowercase()];
            assert!(operation.is_object(), "{}: {} {path} is not described", case.id, step.request.verb);
            check_parameters(&api, operation, query, &case.id.to_string());
            check_answer(&api, operation, &step.request, &step.expected, &case.id.to_string());
        }
    }
    let described = api["paths"].as_object().expect("paths").iter().flat_map(|(path, verbs)| {
        verbs.as_object().expect("verbs").keys().map(move |verb| (path.clone(), verb.to_uppercase()))
    });
    let without: Vec<_> = described.filter(|operation| !seen.contains(operation)).collect();
    assert!(without.is_empty(), "no case is about {without:?}");
}

fn check_parameters(api: &Value, operation: &Value, query: &str, case: &str) {
    let described: Vec<&Value> =
        operation["parameters"].as_array().into_iter().flatten().map(|p| &resolve(api, p)["name"]).collect();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        assert!(described.contains(&&json!(name)), "{case}: the parameter {name} is not described");
    }
}

fn check_answer(api: &Value, operation: &Value, request: &Request, expected: &Answer, case: &str) {
    let response = resolve(api, &operation["responses"][expected.status.to_string()]);
    assert!(response.is_object(), "{case}: the status {} is not described", expected.status);
    let csv = request.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("accept") && value.contains("csv"));
    let Some(BodyRule::Exactly(body)) = &expected.body else { return };
    if body.is_empty() || csv {
        return;
    }
    let schema = json!({
        "$ref": response["content"]["application/json"]["schema"]["$ref"],
        "components": api["components"],
    });
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for document in serde_json::Deserializer::from_slice(body).into_iter::<Value>() {
        let document = document.unwrap_or_else(|e| panic!("{case}: the body is not JSON: {e}"));
        assert!(validator.is_valid(&document), "{case}: {document} is not what the schema describes");
    }
}

/// Returns the value itself, or the one that its `$ref` names.
fn resolve<'a>(api: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => api.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => value,
    }
}

fn api() -> Value {
    serde_saphyr::from_str(include_str!("../../spec/openapi.yaml")).expect("spec/openapi.yaml is YAML")
}
