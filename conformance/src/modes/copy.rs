//! Copies of the cases for other runners: the files themselves, and all cases as JSON in which requests and answers are complete, with a
//! JSON schema.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;

use crate::case::{Answer, BodyRule, Case, HeaderRule, Request, Step};
use crate::suite::{self, Suite};

/// The cases of the suite.
#[derive(Debug, Serialize, JsonSchema)]
struct Document {
    /// The version of the suite.
    version: String,
    /// The cases. No two have the same `id`.
    cases: Vec<CaseForm>,
}

/// A case: requests that prepare it, and requests whose answers are judged. It begins without anything that it `owns`.
#[derive(Debug, Serialize, JsonSchema)]
struct CaseForm {
    /// The identifier; its first word is the area.
    id: String,
    /// The rule that the case shows.
    about: String,
    /// `documented` (by the API reference), `observed` (InfluxDB 1.2.4 does so) or `quirk` (it does so by accident).
    level: String,
    /// The clauses of the specification that the case is about.
    clauses: Vec<String>,
    /// `auth`: authentication is on, and an administrator exists. `empty`: the server has no databases and no users.
    needs: Vec<String>,
    /// Settings that the server must have, by section and key of InfluxDB's configuration file.
    config: serde_json::Value,
    /// The databases that the case creates: to be dropped before and after it.
    databases: Vec<String>,
    /// The users that the case creates: to be dropped before and after it.
    users: Vec<String>,
    /// Whether no other case may run at the same time.
    exclusive: bool,
    /// Requests that must succeed first; their answers are not judged.
    preparation: Vec<RequestForm>,
    /// The requests whose answers are judged, in order, each over a connection of its own.
    steps: Vec<StepForm>,
}

/// A request, ready to be sent with `Host` and `Content-Length`.
#[derive(Debug, Serialize, JsonSchema)]
struct RequestForm {
    verb: String,
    /// Path and query string, percent-encoded.
    target: String,
    /// Names and values, in this order.
    headers: Vec<(String, String)>,
    /// The body, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The body in Base64, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// A request and its answer.
#[derive(Debug, Serialize, JsonSchema)]
struct StepForm {
    request: RequestForm,
    /// Whether the request may be repeated for a few seconds until the answer is right.
    eventually: bool,
    /// How the server is ended and then started again before the request: `kill` (SIGKILL) or `terminate` (SIGTERM).
    #[serde(skip_serializing_if = "Option::is_none")]
    restart: Option<String>,
    /// The answer as documented.
    expected: AnswerForm,
    /// The answer of InfluxDB 1.2.4, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    alternative: Option<AlternativeForm>,
}

/// The second answer that is right.
#[derive(Debug, Serialize, JsonSchema)]
struct AlternativeForm {
    /// Why the answers differ.
    because: String,
    answer: AnswerForm,
}

/// What an answer must be like.
#[derive(Debug, Serialize, JsonSchema)]
struct AnswerForm {
    status: u16,
    /// Rules for headers by name. Other headers may be present.
    headers: BTreeMap<String, Rule>,
    /// The rule for the body, decompressed and without transfer coding. Without one, the body is not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Rule>,
}

/// A rule for a header or a body.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Rule {
    /// It is this text.
    Exactly(String),
    /// It is these bytes, in Base64.
    Base64(String),
    /// This regular expression (of Rust's crate `regex`) matches somewhere in it.
    Matches(String),
    /// There is no such header.
    Absent,
}

/// Writes everything into a folder.
pub(super) fn copy(folder: &Path) -> anyhow::Result<()> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    };
    let files = suite::embedded_texts()?;
    let count = files.len();
    for (name, text) in files {
        write(&format!("cases/{name}"), text)?;
    }
    let document = document(&Suite::embedded()?)?;
    write("cases.json", serde_json::to_string_pretty(&document)? + "\n")?;
    write("cases.schema.json", serde_json::to_string_pretty(&schema_for!(Document))? + "\n")?;
    println!(
        "{} cases in {count} files, cases.json and cases.schema.json in {}",
        document.cases.len(),
        folder.display()
    );
    Ok(())
}

fn document(suite: &Suite) -> anyhow::Result<Document> {
    let cases = suite.cases.iter().map(case_form).collect::<Result<_, _>>()?;
    Ok(Document { version: env!("CARGO_PKG_VERSION").to_owned(), cases })
}

/// The name that a value has in JSON.
fn word(value: impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_value(value)?.as_str().unwrap_or_default().to_owned())
}

fn case_form(case: &Case) -> serde_json::Result<CaseForm> {
    Ok(CaseForm {
        id: case.id.to_string(),
        about: case.about.clone(),
        level: word(case.level)?,
        clauses: case.clauses.iter().map(ToString::to_string).collect(),
        needs: case.needs.iter().map(word).collect::<Result<_, _>>()?,
        config: serde_json::to_value(&case.config)?,
        databases: case.owns.databases.clone(),
        users: case.owns.users.clone(),
        exclusive: case.exclusive,
        preparation: case.preparation.iter().map(request_form).collect(),
        steps: case.steps.iter().map(step_form).collect(),
    })
}

fn request_form(request: &Request) -> RequestForm {
    let text = std::str::from_utf8(&request.body).ok();
    RequestForm {
        verb: request.verb.clone(),
        target: request.target.clone(),
        headers: request.headers.clone(),
        body: text.filter(|text| !text.is_empty()).map(str::to_owned),
        body_base64: if text.is_none() { Some(BASE64.encode(&request.body)) } else { None },
    }
}

fn step_form(step: &Step) -> StepForm {
    let alternative = step.alternative.as_ref().map(|alternative| AlternativeForm {
        because: alternative.because.clone(),
        answer: answer_form(&alternative.answer),
    });
    StepForm {
        request: request_form(&step.request),
        eventually: step.eventually,
        restart: step.restart.map(|restart| restart.as_str().to_owned()),
        expected: answer_form(&step.expected),
        alternative,
    }
}

fn answer_form(answer: &Answer) -> AnswerForm {
    let rule = |rule: &HeaderRule| match rule {
        HeaderRule::Exactly(text) => Rule::Exactly(text.clone()),
        HeaderRule::Matches(regex) => Rule::Matches(regex.to_string()),
        HeaderRule::Absent => Rule::Absent,
    };
    let headers = answer.common_headers.iter().chain(&answer.headers);
    let body = answer.body.as_ref().map(|body| match body {
        BodyRule::Exactly(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Rule::Exactly(text.to_owned()),
            Err(_) => Rule::Base64(BASE64.encode(bytes)),
        },
        BodyRule::Matches(regex) => Rule::Matches(regex.to_string()),
    });
    let headers = headers.map(|(name, header)| (name.clone(), rule(header))).collect();
    AnswerForm { status: answer.status, headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copied_cases_are_complete_and_fit_their_schema() {
        let folder = tempfile::tempdir().unwrap();
        copy(folder.path()).unwrap();
        let read = |name: &str| -> serde_json::Value {
            serde_json::from_str(&std::fs::read_to_string(folder.path().join(name)).unwrap()).unwrap()
        };
        let (cases, schema) = (read("cases.json"), read("cases.schema.json"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(&cases).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert!(!validator.is_valid(&serde_json::json!({"version": "1", "cases": [{"id": "a.b"}]})));
        let suite = Suite::embedded().unwrap();
        assert_eq!(cases["cases"].as_array().unwrap().len(), suite.cases.len());
        assert_eq!(Suite::read(&folder.path().join("cases")).unwrap().cases.len(), suite.cases.len());
    }
}
