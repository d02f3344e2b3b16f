//! Conformance cases, and how they are read from their TOML files.
//!
//! Parse, don't validate: a [`Case`] is complete and can be run. Every mistake in a file (an unknown key, an
//! invalid regular expression, an undefined preparation) is found while the file is read, and reported with file and line.
//! `conformance/README.md` describes the format.

mod answer;
mod id;
mod request;
mod text;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use answer::{AlternativeText, HeaderRules};
pub use answer::{Answer, AnswerError, AnswerText, BodyRule, HeaderRule, Profile};
pub use id::{CaseId, ClauseId, IdError};
pub(crate) use request::pair;
pub use request::{Pairs, Part, Request, RequestError, RequestText};
pub use text::Text;

/// One case: its preparation, its steps, and its basis.
#[derive(Debug, Clone)]
pub struct Case {
    /// The identifier, unique over all files.
    pub id: CaseId,
    /// The rule that the case shows, in a sentence.
    pub about: String,
    /// The basis of the case.
    pub level: Level,
    /// The place of the rule in the API reference.
    pub source: Option<String>,
    /// The clauses that it is evidence for.
    pub clauses: Vec<ClauseId>,
    /// The state that a target must be in for the case to apply.
    pub needs: Vec<Need>,
    /// Settings that the target must have been started with, as sections and keys of InfluxDB's configuration file.
    pub config: toml::Table,
    /// Everything that the case creates. The runner drops it before and after the case.
    pub owns: Owned,
    /// Whether the case needs the whole server: its names are sent as written, and no other case runs at the same time.
    pub exclusive: bool,
    /// Requests that set up the case. They are not judged, but must succeed.
    pub preparation: Vec<Request>,
    /// The requests whose answers are judged.
    pub steps: Vec<Step>,
    /// The file that holds the case.
    pub file: String,
    /// The line of the file where it begins.
    pub line: usize,
}

/// One request and its expected answer.
#[derive(Debug, Clone)]
pub struct Step {
    /// The request.
    pub request: Request,
    /// The answer of the documented profile.
    pub expected: Answer,
    /// The answer of the other profile, if it differs, and why.
    pub alternative: Option<Alternative>,
    /// Whether the request is repeated until the answer is right or time is up, for work that a server does in the background.
    pub eventually: bool,
    /// How the server is ended, and started again, before the request is sent.
    pub restart: Option<Restart>,
}

/// How a server is ended before it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Restart {
    /// Without warning (SIGKILL).
    Kill,
    /// On request (SIGTERM): it must end by itself.
    Terminate,
}

impl Restart {
    /// The word for it in case files.
    pub fn as_str(self) -> &'static str {
        match self {
            Restart::Kill => "kill",
            Restart::Terminate => "terminate",
        }
    }
}

impl std::fmt::Display for Restart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Restart::Kill => "kill the server (SIGKILL), and start it again",
            Restart::Terminate => "end the server (SIGTERM), and start it again",
        })
    }
}

/// A labelled second answer.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// Its label.
    pub profile: Profile,
    /// Why the answers differ.
    pub because: String,
    /// The answer.
    pub answer: Answer,
}

/// The basis of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Stated or shown by the API reference.
    Documented,
    /// InfluxDB 1.2.4 does so, by a rule that makes sense.
    Observed,
    /// InfluxDB 1.2.4 does so by accident.
    Quirk,
}

/// The state that a target must be in for a case to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Authentication is on, and the runner has the credentials of an administrator.
    Auth,
    /// The target has no databases (except `_internal`) and no users, since answers list all of them.
    Empty,
}

/// What a server holds for all of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holdings {
    /// Databases, and what belongs to them.
    Databases,
    /// Users.
    Users,
}

/// Everything that a case creates. The runner drops it before and after the case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owned {
    /// Databases.
    #[serde(default)]
    pub databases: Vec<String>,
    /// Users.
    #[serde(default)]
    pub users: Vec<String>,
}

/// A mistake in a case file, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct CaseError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The mistake.
    pub message: String,
}

/// Reads the cases of one file. Messages call it `file`.
pub fn parse_file(file: &str, text: &str) -> Result<Vec<Case>, CaseError> {
    let error_at =
        |offset: usize, message: String| CaseError { file: file.to_owned(), line: line_of(text, offset), message };
    let parsed: FileText =
        toml::from_str(text).map_err(|e| error_at(e.span().map_or(0, |span| span.start), e.message().to_owned()))?;
    let mut cases = Vec::with_capacity(parsed.case.len());
    for case in &parsed.case {
        let offset = case.span().start;
        let made = parsed.build(case.get_ref(), file, line_of(text, offset));
        cases.push(made.map_err(|message| error_at(offset, message))?);
    }
    Ok(cases)
}

/// A case file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(rename = "about")]
    _about: String,
    level: Level,
    #[serde(default)]
    needs: Vec<Need>,
    #[serde(default)]
    owns: Owned,
    every_response: Option<EveryResponse>,
    #[serde(default)]
    given: BTreeMap<String, Vec<Prepared>>,
    #[serde(default)]
    case: Vec<Spanned<CaseText>>,
}

/// The headers that every judged answer of the file must have.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EveryResponse {
    headers: HeaderRules,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseText {
    id: CaseId,
    about: String,
    level: Option<Level>,
    source: Option<String>,
    #[serde(default)]
    clauses: Vec<ClauseId>,
    #[serde(default)]
    needs: Vec<Need>,
    #[serde(default)]
    config: toml::Table,
    owns: Option<Owned>,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    given: Vec<String>,
    step: Vec<StepText>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RequestText")]
struct Prepared(Request);

impl TryFrom<RequestText> for Prepared {
    type Error = RequestError;

    fn try_from(text: RequestText) -> Result<Prepared, RequestError> {
        Request::try_from(text).map(Prepared)
    }
}

/// The keys of [`RequestText`] again, since `serde` cannot refuse unknown keys of a flattened struct.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepText {
    request: String,
    #[serde(default)]
    params: Pairs,
    #[serde(default)]
    headers: Pairs,
    body: Option<Text>,
    body_base64: Option<String>,
    form: Option<Pairs>,
    multipart: Option<Vec<Part>>,
    user: Option<String>,
    password: Option<String>,
    #[serde(default)]
    eventually: bool,
    restart: Option<Restart>,
    response: Option<AnswerText>,
    alternative: Option<AlternativeText>,
}

impl Case {
    /// Whether the server is ended and started again in the course of the case.
    pub fn has_restarts(&self) -> bool {
        self.steps.iter().any(|step| step.restart.is_some())
    }
}

impl FileText {
    fn build(&self, text: &CaseText, file: &str, line: usize) -> Result<Case, String> {
        let level = text.level.unwrap_or(self.level);
        if level == Level::Documented && text.source.is_none() {
            return Err(format!("the documented case `{}` must name its `source`", text.id));
        }
        if text.clauses.is_empty() {
            return Err(format!("the case `{}` must name the `clauses` that it is evidence for", text.id));
        }
        let mut preparation = Vec::new();
        for name in &text.given {
            let steps = self.given.get(name).ok_or_else(|| format!("there is no preparation called `{name}`"))?;
            preparation.extend(steps.iter().map(|prepared| prepared.0.clone()));
        }
        let mut needs = self.needs.clone();
        needs.extend(text.needs.iter().filter(|need| !self.needs.contains(need)));
        let every = self.every_response.as_ref().map(|every| every.headers.0.as_slice()).unwrap_or_default();
        let steps: Vec<Step> = text
            .step
            .iter()
            .enumerate()
            .map(|(i, step)| step.build(every).map_err(|e| format!("step {} of `{}`: {e}", i + 1, text.id)))
            .collect::<Result<_, _>>()?;
        if steps.is_empty() {
            return Err(format!("the case `{}` has no step", text.id));
        }
        let restarts = steps.iter().any(|step| step.restart.is_some());
        let exclusive = text.exclusive || needs.contains(&Need::Empty) || !text.config.is_empty() || restarts;
        let lists = |step: &Step| step.lists(Holdings::Databases) || step.lists(Holdings::Users);
        if !exclusive && steps.iter().any(lists) {
            return Err(format!("the case `{}` lists what the whole server holds: it must be `exclusive`", text.id));
        }
        Ok(Case {
            id: text.id.clone(),
            about: text.about.clone(),
            level,
            source: text.source.clone(),
            clauses: text.clauses.clone(),
            exclusive,
            needs,
            config: text.config.clone(),
            owns: text.owns.clone().unwrap_or_else(|| self.owns.clone()),
            preparation,
            steps,
            file: file.to_owned(),
            line,
        })
    }
}

impl Step {
    /// Whether a right answer lists everything of a kind that the server holds.
    pub fn lists(&self, holdings: Holdings) -> bool {
        static LISTS: LazyLock<[Option<regex::Regex>; 2]> = LazyLock::new(|| {
            let databases =
                r"(?i)\bshow\s+(databases|continuous\s+queries|subscriptions|shards|shard\s+groups|queries)\b";
            [databases, r"(?i)\bshow\s+users\b"].map(|pattern| regex::Regex::new(pattern).ok())
        });
        let is_list = |text: &str| LISTS[holdings as usize].as_ref().is_some_and(|lists| lists.is_match(text));
        self.expected.status == 200 && is_list(&self.request.decoded())
    }
}

impl StepText {
    fn build(&self, every: &[(String, HeaderRule)]) -> Result<Step, String> {
        let request = RequestText {
            request: self.request.clone(),
            params: self.params.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            body_base64: self.body_base64.clone(),
            form: self.form.clone(),
            multipart: self.multipart.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
        };
        let response = self.response.clone().ok_or("no `response` (the command `record` can fill it in)")?;
        let alternative = match self.alternative.clone() {
            Some(text) if text.profile == Profile::Documented => {
                return Err("an alternative must have another profile than `documented`".to_owned());
            }
            Some(text) => {
                let (profile, because) = (text.profile, text.because.clone());
                Some(Alternative { profile, because, answer: answer(text.into(), every)? })
            }
            None => None,
        };
        Ok(Step {
            request: request.try_into().map_err(|e: RequestError| e.to_string())?,
            expected: answer(response, every)?,
            alternative,
            eventually: self.eventually,
            restart: self.restart,
        })
    }
}

/// Adds the headers that every answer of the file must have, unless the answer has its own rule for them.
fn answer(text: AnswerText, every: &[(String, HeaderRule)]) -> Result<Answer, String> {
    let mut answer = Answer::try_from(text).map_err(|e| e.to_string())?;
    for (name, rule) in every {
        if !answer.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
            answer.common_headers.push((name.clone(), rule.clone()));
        }
    }
    Ok(answer)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&b| b == b'\n').count() + 1
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a case with these keys and steps.
    pub(crate) fn case_with(keys: &str) -> Case {
        let text = format!("about = 'x'\nlevel = 'observed'\n[[case]]\nid = 'a.b'\nabout = 'y'\n{keys}\n");
        parse_file("f.toml", &text).unwrap().remove(0)
    }

    /// Returns a case with these keys and one step, which is a ping.
    pub(crate) fn case(keys: &str) -> Case {
        case_with(&format!("clauses = ['a.1']\n{keys}\n[[case.step]]\nrequest = 'GET /ping'\nresponse.status = 204"))
    }

    const CASE: &str = r#"
about = "What the file is about"
level = "documented"
owns = { databases = ["mydb"] }

[every_response.headers]
Request-Id = { matches = "^[0-9a-f-]{36}$" }

[[given.mydb]]
request = "POST /query"
form = { q = 'CREATE DATABASE "mydb"' }

[[case]]
id = "write.conflict"
about = "A rule"
source = "API reference, /write"
clauses = ["write.conflict.1"]
given = ["mydb"]

[[case.step]]
request = "POST /write?db=mydb"
body = "m f=1i"
response.status = 400
response.body = "a"
[case.step.alternative]
profile = "1.2.4"
because = "it says so"
status = 400
body = "b"
"#;

    #[test]
    fn a_case_is_read_with_what_its_file_gives_it() {
        let cases = parse_file("f.toml", CASE).unwrap();
        let [case] = cases.as_slice() else { panic!("one case") };
        assert_eq!((case.id.as_str(), case.id.area(), case.line), ("write.conflict", "write", 13));
        assert_eq!(case.owns.databases, ["mydb"]);
        assert_eq!(case.preparation.len(), 1);
        let step = &case.steps[0];
        assert_eq!(step.expected.common_headers.len(), 1);
        let alternative = step.alternative.as_ref().unwrap();
        assert_eq!((alternative.profile, alternative.answer.common_headers.len()), (Profile::Observed, 1));
    }

    #[test]
    fn mistakes_are_reported_with_file_and_line() {
        let line = |needle: &str| line_of(CASE, CASE.find(needle).unwrap());
        for (from, to, at, says) in [
            ("about = \"A rule\"", "abuot = \"A rule\"", line("about = \"A"), "unknown field `abuot`"),
            ("body = \"m f=1i\"", "bdy = \"m f=1i\"", line("body = \"m"), "unknown field `bdy`"),
            ("response.body", "response.bdoy", line("response.body"), "unknown field `bdoy`"),
            ("write.conflict\"", "Conflict\"", line("id ="), "not an identifier"),
            ("given = [\"mydb\"]", "given = [\"other\"]", line("[[case]]"), "no preparation"),
            ("response.status = 400\nresponse.body = \"a\"", "", line("[[case]]"), "no `response`"),
            ("source = ", "# ", line("[[case]]"), "must name its `source`"),
            ("profile = \"1.2.4\"", "profile = \"documented\"", line("[[case]]"), "another profile"),
            ("request = \"POST /query\"", "request = \"POST\"", line("[[given"), "is not a request"),
            (
                "request = \"POST /write?db=mydb\"\nbody = \"m f=1i\"\nresponse.status = 400",
                "request = \"GET /query?q=show+users\"\nresponse.status = 200",
                line("[[case]]"),
                "must be `exclusive`",
            ),
        ] {
            assert!(CASE.contains(from), "{from}");
            let error = parse_file("f.toml", &CASE.replace(from, to)).unwrap_err();
            assert!(error.message.contains(says), "{error}");
            assert_eq!((error.file.as_str(), error.line), ("f.toml", at), "{error}");
        }
    }
}
