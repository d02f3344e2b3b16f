//! Cases made of recordings: JSON lines with a case each, or HAR files, which browsers and proxies write.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use hyper::Uri;
use regex::Regex;
use serde::Deserialize;

use crate::case::{Answer, BodyRule, Case, CaseId, HeaderRule, Level, Owned, Request, Step, pair};
use crate::case_file;

/// The headers of an answer that are kept. Others vary, or concern the connection only.
const ANSWER_HEADERS: [&str; 3] = ["Content-Type", "Content-Encoding", "Www-Authenticate"];

/// The headers of a request that are left out: the runner sends its own.
const OWN_HEADERS: [&str; 4] = ["host", "content-length", "connection", "transfer-encoding"];

/// What creates a database or a user.
static CREATES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)\bCREATE\s+(DATABASE|USER)\s+(?:"((?:[^"\\]|\\.)+)"|([A-Za-z_][A-Za-z0-9_]*))"#).ok()
});

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files with recordings: HAR (`.har`), or a JSON object in each line.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The server whose answers are taken, where a line has those of several.
    #[arg(long, value_name = "NAME")]
    answers: Option<String>,
}

/// A line of a recording.
#[derive(Debug, Deserialize)]
struct Recording {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    config: toml::Table,
    steps: Vec<RecordedStep>,
}

#[derive(Debug, Deserialize)]
struct RecordedStep {
    request: RecordedRequest,
    response: Option<RecordedAnswer>,
    /// By the name of the server; another one's answer may be `"same"`.
    #[serde(default)]
    responses: BTreeMap<String, Responded>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Responded {
    Answer(RecordedAnswer),
    Word(Word),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    /// As that of the first server that has an answer of its own.
    Same,
}

#[derive(Debug, Deserialize)]
struct RecordedRequest {
    method: String,
    path: String,
    #[serde(default)]
    query: serde_json::Map<String, serde_json::Value>,
    raw_query: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    auth: Option<(String, String)>,
    body: Option<String>,
    body_b64: Option<String>,
    form: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Clone, Deserialize)]
struct RecordedAnswer {
    status: i32,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_b64: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Har {
    log: HarLog,
}

#[derive(Debug, Deserialize)]
struct HarLog {
    entries: Vec<HarEntry>,
}

#[derive(Debug, Deserialize)]
struct HarEntry {
    request: HarRequest,
    response: HarResponse,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    url: String,
    headers: Vec<HarHeader>,
    post_data: Option<HarText>,
}

#[derive(Debug, Deserialize)]
struct HarHeader {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct HarText {
    #[serde(default)]
    text: String,
    encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
struct HarResponse {
    status: u16,
    headers: Vec<HarHeader>,
    content: HarText,
}

/// Prints the cases of all files as one case file.
pub(super) fn import(out: &mut impl Write, args: &ImportArgs) -> anyhow::Result<()> {
    let mut cases = Vec::new();
    for path in &args.files {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("har")) {
            cases.push(of_har(path, &text).with_context(|| path.display().to_string())?);
            continue;
        }
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let case = of_line(line, args.answers.as_deref());
            cases.push(case.with_context(|| format!("{}:{}", path.display(), at + 1))?);
        }
    }
    write!(out, "{}", case_file::write("Imported recordings", "observed", &cases))?;
    Ok(())
}

fn of_line(line: &str, answers: Option<&str>) -> anyhow::Result<Case> {
    let Recording { name, about, config, steps } = serde_json::from_str(line)?;
    let steps = steps.into_iter().map(|step| {
        let answer = match step.response {
            Some(answer) => answer,
            None => answer_of(&step.responses, answers)?,
        };
        Ok(made_step(request_of(step.request)?, answer_rule(answer)?))
    });
    let steps = steps.collect::<anyhow::Result<Vec<_>>>()?;
    case(&name, &about, config, steps)
}

/// The answer of the server that is asked for, or of the only one that has an answer.
fn answer_of(responses: &BTreeMap<String, Responded>, name: Option<&str>) -> anyhow::Result<RecordedAnswer> {
    let mut own = responses.iter().filter_map(|(name, responded)| match responded {
        Responded::Answer(answer) => Some((name, answer)),
        Responded::Word(Word::Same) => None,
    });
    let first = own.next();
    match name {
        Some(name) => match responses.get(name) {
            Some(Responded::Answer(answer)) => Ok(answer.clone()),
            Some(Responded::Word(Word::Same)) => Ok(first.context("no server has an answer of its own")?.1.clone()),
            None => bail!("there is no answer of `{name}`"),
        },
        None => match (first, own.next()) {
            (Some((_, answer)), None) => Ok(answer.clone()),
            (Some(_), Some(_)) => bail!("there are answers of several servers: choose one with --answers"),
            (None, _) => bail!("there is no answer"),
        },
    }
}

fn request_of(recorded: RecordedRequest) -> anyhow::Result<Request> {
    let mut query: Vec<String> = recorded.raw_query.into_iter().collect();
    if !recorded.query.is_empty() {
        query.push(encoded(&recorded.query));
    }
    let target = if query.is_empty() { recorded.path } else { format!("{}?{}", recorded.path, query.join("&")) };
    let mut headers: Vec<(String, String)> = recorded.headers.into_iter().collect();
    if let Some((user, password)) = recorded.auth {
        let credentials = BASE64.encode(format!("{user}:{password}"));
        headers.push(("Authorization".to_owned(), format!("Basic {credentials}")));
    }
    let body = match (recorded.body, recorded.body_b64, recorded.form) {
        (Some(text), ..) => text.into_bytes(),
        (_, Some(encoded), _) => BASE64.decode(encoded)?,
        (.., Some(form)) => {
            headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
            encoded(&form).into_bytes()
        }
        _ => Vec::new(),
    };
    Ok(Request { verb: recorded.method, target, headers: sent(headers), body })
}

fn encoded(pairs: &serde_json::Map<String, serde_json::Value>) -> String {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    pairs.iter().map(|(key, value)| pair(key, &text(value))).collect::<Vec<_>>().join("&")
}

/// Leaves out the headers that the runner sends.
fn sent(headers: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let is_kept = |name: &str| !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) && !name.starts_with(':');
    headers.into_iter().filter(|(name, _)| is_kept(name)).collect()
}

fn answer_rule(recorded: RecordedAnswer) -> anyhow::Result<Answer> {
    let body = match (recorded.body, recorded.body_b64) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(encoded)) => BASE64.decode(encoded)?,
        (None, None) => Vec::new(),
    };
    let status = u16::try_from(recorded.status).context("the status is not one of HTTP")?;
    Ok(answer(status, recorded.headers, body))
}

fn answer(status: u16, headers: impl IntoIterator<Item = (String, String)>, body: Vec<u8>) -> Answer {
    let is_kept = |name: &str| ANSWER_HEADERS.iter().any(|kept| kept.eq_ignore_ascii_case(name));
    let headers = headers.into_iter().filter(|(name, _)| is_kept(name));
    let headers = headers.map(|(name, value)| (name, HeaderRule::Exactly(value))).collect();
    Answer { status, headers, common_headers: Vec::new(), body: Some(BodyRule::Exactly(body)) }
}

fn made_step(request: Request, expected: Answer) -> Step {
    Step { request, expected, alternative: None, eventually: false, restart: None }
}

fn of_har(path: &Path, text: &str) -> anyhow::Result<Case> {
    let har: Har = serde_json::from_str(text)?;
    let steps = har.log.entries.into_iter().map(|HarEntry { request, response }| {
        let uri: Uri = request.url.parse()?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let pairs = |headers: Vec<HarHeader>| headers.into_iter().map(|header| (header.name, header.value));
        let body = request.post_data.map_or_else(|| Ok(Vec::new()), har_bytes)?;
        let request = Request { verb: request.method, target, headers: sent(pairs(request.headers)), body };
        let content = har_bytes(response.content)?;
        Ok(made_step(request, answer(response.status, pairs(response.headers), content)))
    });
    let steps = steps.collect::<anyhow::Result<Vec<_>>>()?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    case(&format!("imported.{stem}"), &format!("The requests of {}", path.display()), toml::Table::new(), steps)
}

fn har_bytes(text: HarText) -> anyhow::Result<Vec<u8>> {
    Ok(if text.encoding.as_deref() == Some("base64") { BASE64.decode(text.text)? } else { text.text.into_bytes() })
}

fn case(name: &str, about: &str, config: toml::Table, steps: Vec<Step>) -> anyhow::Result<Case> {
    Ok(Case {
        id: identifier(name)?,
        about: if about.is_empty() { name.to_owned() } else { about.to_owned() },
        level: Level::Observed,
        source: None,
        clauses: Vec::new(),
        needs: Vec::new(),
        config,
        owns: owned(&steps),
        exclusive: false,
        preparation: Vec::new(),
        steps,
        file: String::new(),
        line: 0,
    })
}

/// Makes an identifier of a name: lower-case words, with dots for slashes and hyphens for all else.
fn identifier(name: &str) -> anyhow::Result<CaseId> {
    let word = |word: &str| {
        let parts = word.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
        parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
    };
    let words: Vec<String> = name.split(['/', '.']).map(word).filter(|word| !word.is_empty()).collect();
    let text = if words.len() == 1 { format!("imported.{}", words[0]) } else { words.join(".") };
    Ok(CaseId::try_from(text)?)
}

/// The databases and users that the requests create, as far as it can be seen.
fn owned(steps: &[Step]) -> Owned {
    let mut owned = Owned::default();
    let statements = steps.iter().flat_map(|step| {
        let query = step.request.target.split_once('?').map_or("", |(_, query)| query);
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(&step.request.body));
        pairs.filter(|(key, _)| key == "q").map(|(_, text)| text.into_owned()).collect::<Vec<_>>()
    });
    for statement in statements {
        for found in CREATES.iter().flat_map(|creates| creates.captures_iter(&statement)) {
            let Some(name) = found.get(2).or_else(|| found.get(3)) else { continue };
            let name = name.as_str().replace("\\\"", "\"").replace("\\\\", "\\");
            let names = if found[1].eq_ignore_ascii_case("DATABASE") { &mut owned.databases } else { &mut owned.users };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    owned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::parse_file;

    fn imported(files: &[(&str, &str)], answers: Option<&str>) -> Result<Vec<Case>, String> {
        let folder = tempfile::tempdir().unwrap();
        let files = files.iter().map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        });
        let args = ImportArgs { files: files.collect(), answers: answers.map(str::to_owned) };
        let mut out = Vec::new();
        import(&mut out, &args).map_err(|error| format!("{:#}", error.root_cause()))?;
        let text = String::from_utf8(out).unwrap();
        Ok(parse_file("x.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}")))
    }

    const LINE: &str = r#"{"name": "select/Some name", "config": {"http": {"max-row-limit": 2}}, "steps": [
        {"request": {"method": "POST", "path": "/query", "form": {"q": "CREATE DATABASE \"a b\"; create user u WITH PASSWORD 'x'"}},
         "responses": {"1.2.4": {"status": 200, "headers": {"Content-Type": "application/json", "Date": "x"}, "body": "{}\n"}, "1.6.7": "same"}},
        {"request": {"method": "GET", "path": "/query", "query": {"q": "SELECT 1", "db": "a b"}, "auth": ["u", "x"]},
         "responses": {"1.2.4": {"status": 400, "body": "no"}, "1.6.7": {"status": 200, "body": "yes"}}}]}"#;

    #[test]
    fn a_line_becomes_a_case_with_the_answers_of_one_server() {
        let line = LINE.replace('\n', " ");
        for (answers, status, body) in [("1.2.4", 400, "no"), ("1.6.7", 200, "yes")] {
            let cases = imported(&[("a.jsonl", &line)], Some(answers)).unwrap();
            let case = &cases[0];
            assert_eq!(case.id.as_str(), "select.some-name");
            assert_eq!(
                (&case.owns.databases[..], &case.owns.users[..]),
                (&["a b".to_owned()][..], &["u".to_owned()][..])
            );
            assert_eq!(case.config["http"]["max-row-limit"].as_integer(), Some(2));
            let [first, second] = &case.steps[..] else { panic!("{case:?}") };
            assert!(first.request.body.starts_with(b"q=CREATE%20DATABASE%20%22a%20b%22"));
            assert_eq!(first.expected.headers.len(), 1);
            assert_eq!(first.expected.body.as_ref().unwrap().to_string(), "{}\n");
            assert_eq!(second.request.target, "/query?q=SELECT%201&db=a%20b");
            assert_eq!(second.request.headers, [("Authorization".to_owned(), "Basic dTp4".to_owned())]);
            assert_eq!(
                (second.expected.status, second.expected.body.as_ref().unwrap().to_string()),
                (status, body.to_owned())
            );
        }
        let error = imported(&[("a.jsonl", &line)], None).unwrap_err();
        assert_eq!(error, "there are answers of several servers: choose one with --answers");
        assert_eq!(imported(&[("a.jsonl", &line)], Some("2")).unwrap_err(), "there is no answer of `2`");
    }

    #[test]
    fn a_har_file_becomes_a_case() {
        let har = r#"{"log": {"entries": [{"request": {"method": "POST", "url": "http://localhost:8086/write?db=d",
            "headers": [{"name": "Host", "value": "localhost:8086"}, {"name": "X", "value": "y"}], "postData": {"text": "m v=1"}},
            "response": {"status": 204, "headers": [{"name": "content-type", "value": "application/json"}],
            "content": {"text": "AP8=", "encoding": "base64"}}}]}}"#;
        let cases = imported(&[("My file.har", har)], None).unwrap();
        let step = &cases[0].steps[0];
        assert_eq!(cases[0].id.as_str(), "imported.my-file");
        assert_eq!((step.request.target.as_str(), &step.request.body[..]), ("/write?db=d", &b"m v=1"[..]));
        assert_eq!(step.request.headers, [("X".to_owned(), "y".to_owned())]);
        assert!(step.expected.body.as_ref().unwrap().admits(&[0, 255]));
        assert!(imported(&[("bad.har", "{}")], None).is_err());
        assert!(imported(&[("bad.jsonl", "{}")], None).is_err());
    }
}
