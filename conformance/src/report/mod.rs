//! The outcome of a run. Its JSON form is the source of the matrix of several servers; the other forms are for people and CI.

mod cases;
mod causes;
mod console;
mod html;
mod junit;
mod summary;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::case::{Case, CaseId, ClauseId, Level, Profile, Request, Restart, Step};
use crate::claims::Claim;
use crate::client::{NoAnswer, Response, Target};
use crate::curl;
use crate::expectation::{Expectation, Expected};
use crate::verdict::{Difference, Judgement, Relaxation, Verdict};

pub use console::print;
pub use html::{HtmlError, write_matrix};
pub use junit::to_junit;
pub use summary::{to_badge, to_markdown, to_tap};

/// The longest part of a body that a report holds.
const WIRE_BYTES_MAX: usize = 4096;

/// The outcome of a run.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Report {
    /// The URL of the server.
    pub target: String,
    /// The version that the server reports, or the name that `--label` gives it.
    pub server: String,
    /// The profile whose answers were expected.
    pub profile: Profile,
    /// What share of the cases was selected, if the run was only a first look.
    #[serde(default)]
    pub selection: Option<String>,
    /// The outcome of each case, in the order of the run.
    pub outcomes: Vec<Outcome>,
}

/// The outcome of a case.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Outcome {
    /// The case.
    pub id: CaseId,
    /// The rule that the case shows.
    pub about: String,
    /// The claim that the case is about; absent in reports of earlier versions.
    #[serde(default)]
    pub claim: Option<Claim>,
    /// The basis of the case.
    pub level: Level,
    /// The place of the rule in the API reference.
    pub source: Option<String>,
    /// The clauses that it is evidence for.
    pub clauses: Vec<ClauseId>,
    /// The file and line of the case.
    pub place: String,
    /// The worst verdict of its steps.
    pub verdict: Verdict,
    /// What the expectation file says of the case.
    #[serde(default)]
    pub expectation: Option<Expectation>,
    /// Why no step was judged.
    pub reason: Option<String>,
    /// The outcomes of the steps, up to the first that failed.
    pub steps: Vec<StepOutcome>,
    /// How long the case took.
    pub milliseconds: u64,
}

impl Outcome {
    /// Whether it is all that this project demands of its own server: exact, or, of a quirk that no profile reproduces, the
    /// documented answer, which both profiles give.
    pub fn is_as_demanded(&self) -> bool {
        match self.verdict {
            Verdict::Exact | Verdict::NotApplicable => true,
            Verdict::Equivalent => {
                let sensible = |step: &StepOutcome| step.answered_as == Some(Profile::Documented);
                self.clauses.iter().any(|clause| clause.subject() == "quirk")
                    && self.steps.iter().all(|step| step.verdict == Verdict::Exact || sensible(step))
            }
            Verdict::OwnWords | Verdict::Differs | Verdict::NoAnswer => false,
        }
    }
}

/// The outcome of a step.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct StepOutcome {
    /// The request.
    pub request: String,
    /// What happened to the server before the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// The command that repeats the request, with the names of the case.
    #[serde(default)]
    pub curl: String,
    /// The answer as it came, with the names of the case; absent if it is exact.
    #[serde(default)]
    pub wire: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// The parts of the answer that are not exact.
    pub differences: Vec<Difference>,
    /// What was overlooked, so that an answer that is not exact passes.
    #[serde(default)]
    pub relaxations: Vec<Relaxation>,
    /// The profile whose answer was given, if it is not the expected one.
    pub answered_as: Option<Profile>,
    /// Why there is no answer.
    pub error: Option<String>,
}

/// The number of cases with each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score([usize; Verdict::ALL.len()]);

impl Report {
    /// Returns the score of each area.
    pub fn scores(&self) -> BTreeMap<&str, Score> {
        let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
        for outcome in &self.outcomes {
            scores.entry(outcome.id.area()).or_default().add(outcome.verdict);
        }
        scores
    }
}

impl Report {
    /// Returns the score of each claim that has cases, from the smallest claim.
    pub fn claims(&self) -> BTreeMap<Claim, Score> {
        let mut scores: BTreeMap<Claim, Score> = BTreeMap::new();
        for outcome in &self.outcomes {
            if let Some(claim) = outcome.claim {
                scores.entry(claim).or_default().add(outcome.verdict);
            }
        }
        scores
    }

    /// Returns how the cases did of which the expectation file says something.
    pub fn expectations(&self) -> BTreeMap<Expected, Score> {
        let mut scores: BTreeMap<Expected, Score> = BTreeMap::new();
        for outcome in &self.outcomes {
            if let Some(expectation) = &outcome.expectation {
                scores.entry(expectation.expect).or_default().add(outcome.verdict);
            }
        }
        scores
    }

    /// Returns the counts of [`expectations`](Report::expectations) in words; empty if there are none.
    pub(crate) fn expected(&self) -> String {
        let count = |(expected, score): (&Expected, &Score)| {
            let (failed, passed) = (score.applicable() - score.passed(), score.passed());
            let all = score.applicable() + score.of(Verdict::NotApplicable);
            match expected {
                Expected::Skip => format!("{all} skipped"),
                Expected::Flaky if score.applicable() == 0 => format!("{all} flaky (not applicable)"),
                Expected::Flaky => format!("{all} flaky ({passed} passed, {failed} failed)"),
                Expected::Differs | Expected::Unsupported if passed > 0 => {
                    format!("{all} {} ({passed} passed)", expected.as_str())
                }
                Expected::Differs | Expected::Unsupported => format!("{all} {}", expected.as_str()),
            }
        };
        self.expectations().iter().map(count).collect::<Vec<_>>().join(", ")
    }

    /// Adds the cases that were not run, and puts all into the order of `cases`.
    pub fn add_skipped<'a>(&mut self, cases: &[&'a Case], skipped: impl Fn(&'a Case) -> Option<&'a str>) {
        let mut found: BTreeMap<CaseId, Outcome> =
            self.outcomes.drain(..).map(|outcome| (outcome.id.clone(), outcome)).collect();
        for case in cases {
            let outcome = match skipped(case) {
                Some(reason) => Some(Outcome { reason: Some(format!("skipped: {reason}")), ..Outcome::new(case) }),
                None => found.remove(&case.id),
            };
            self.outcomes.extend(outcome);
        }
    }

    /// Returns how many cases needed each relaxation to pass.
    pub fn relaxations(&self) -> BTreeMap<Relaxation, usize> {
        let mut counts = BTreeMap::new();
        for outcome in self.outcomes.iter().filter(|outcome| outcome.verdict.was_passed()) {
            let used: BTreeSet<Relaxation> = outcome.steps.iter().flat_map(|step| step.relaxations.clone()).collect();
            for relaxation in used {
                *counts.entry(relaxation).or_default() += 1;
            }
        }
        counts
    }
}

impl Score {
    /// Counts a verdict.
    pub fn add(&mut self, verdict: Verdict) {
        self.0[verdict as usize] += 1;
    }

    /// Returns the number of cases with a verdict.
    pub fn of(&self, verdict: Verdict) -> usize {
        self.0[verdict as usize]
    }

    /// Returns the number of cases that apply.
    pub fn applicable(&self) -> usize {
        self.0.iter().sum::<usize>() - self.of(Verdict::NotApplicable)
    }

    /// Returns the number of cases that passed.
    pub fn passed(&self) -> usize {
        Verdict::ALL.into_iter().filter(|verdict| verdict.was_passed()).map(|verdict| self.of(verdict)).sum()
    }
}

impl std::ops::AddAssign for Score {
    fn add_assign(&mut self, other: Score) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

impl Outcome {
    /// Returns the outcome of a case that has not been run.
    pub fn new(case: &Case) -> Outcome {
        Outcome {
            id: case.id.clone(),
            about: case.about.clone(),
            claim: Some(Claim::of(case)),
            level: case.level,
            source: case.source.clone(),
            clauses: case.clauses.clone(),
            place: format!("{}:{}", case.file, case.line),
            verdict: Verdict::NotApplicable,
            expectation: None,
            reason: None,
            steps: Vec::new(),
            milliseconds: 0,
        }
    }

    /// Returns the profile whose answer was given in some step, if it is not the expected one.
    pub fn answered_as(&self) -> Option<Profile> {
        self.steps.iter().find_map(|step| step.answered_as)
    }
}

impl StepOutcome {
    /// Returns the outcome of a step with an answer.
    pub fn judged(step: &Step, target: &Target, response: &Response, judgement: Judgement) -> StepOutcome {
        let wire = (judgement.verdict != Verdict::Exact).then(|| wire(response));
        StepOutcome {
            request: readable(&step.request),
            restart: step.restart,
            curl: curl::command_for(&step.request, target),
            wire,
            verdict: judgement.verdict,
            differences: judgement.differences,
            relaxations: judgement.relaxations,
            answered_as: judgement.answered_as,
            error: None,
        }
    }

    /// Returns the outcome of a step without an answer.
    pub fn unanswered(step: &Step, target: &Target, error: &NoAnswer) -> StepOutcome {
        StepOutcome {
            request: readable(&step.request),
            restart: step.restart,
            curl: curl::command_for(&step.request, target),
            wire: None,
            verdict: Verdict::NoAnswer,
            differences: Vec::new(),
            relaxations: Vec::new(),
            answered_as: None,
            error: Some(error.to_string()),
        }
    }
}

/// Returns an answer as it came: the status, every header, and the beginning of the body.
fn wire(response: &Response) -> String {
    let mut text = format!("HTTP/1.1 {}\n", response.status);
    for (name, value) in &response.headers {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    let shown = &response.body[..response.body.len().min(WIRE_BYTES_MAX)];
    text.push_str(&format!("\n{}", String::from_utf8_lossy(shown)));
    if shown.len() < response.body.len() {
        text.push_str(&format!("\n... and {} more bytes", response.body.len() - shown.len()));
    }
    text
}

/// Returns a request in readable form, without percent-encoding.
fn readable(request: &Request) -> String {
    let decoded = |bytes: &[u8]| percent_encoding::percent_decode(bytes).decode_utf8_lossy().into_owned();
    let mut text = format!("{} {}", request.verb, decoded(request.target.as_bytes()));
    for (name, value) in &request.headers {
        text.push_str(&format!("\n{name}: {value}"));
    }
    if !request.body.is_empty() {
        let is_form = request.headers.iter().any(|(_, value)| value == "application/x-www-form-urlencoded");
        let body = if is_form { decoded(&request.body) } else { String::from_utf8_lossy(&request.body).into_owned() };
        text.push_str("\n\n");
        text.push_str(&body);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report with one case that is exact and one that differs.
    pub(crate) fn report() -> Report {
        let outcome = |id: &str, verdict: Verdict, steps| Outcome {
            id: CaseId::try_from(id.to_owned()).unwrap(),
            about: format!("About {id} & <more>"),
            claim: Some(Claim::QueryCore),
            level: Level::Documented,
            source: None,
            clauses: vec![ClauseId::try_from("a.rule.1".to_owned()).unwrap()],
            place: "f.toml:9".to_owned(),
            verdict,
            expectation: None,
            reason: None,
            steps,
            milliseconds: 0,
        };
        let difference = |at: &str, expected: &str, actual: &str| Difference {
            at: at.to_owned(),
            expected: expected.to_owned(),
            actual: actual.to_owned(),
        };
        let step = StepOutcome {
            request: "GET /x".to_owned(),
            restart: None,
            curl: "curl -i -X GET 'http://localhost:1/x'".to_owned(),
            wire: None,
            verdict: Verdict::Differs,
            differences: vec![difference("status", "200", "404"), difference("body", "{\"x\":1}\n", "{\"x\":2}\n")],
            relaxations: Vec::new(),
            answered_as: None,
            error: None,
        };
        Report {
            target: "http://localhost:1".to_owned(),
            server: "1.0".to_owned(),
            profile: Profile::Documented,
            selection: None,
            outcomes: vec![
                outcome("a.good", Verdict::Exact, Vec::new()),
                outcome("a.bad", Verdict::Differs, vec![step]),
            ],
        }
    }

    #[test]
    fn a_report_round_trips_through_json() {
        let json = serde_json::to_string(&report()).unwrap();
        let back: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), json);
    }

    #[test]
    fn scores_count_verdicts() {
        let report = report();
        let score = report.scores()["a"];
        assert_eq!((score.applicable(), score.passed(), score.of(Verdict::Differs)), (2, 1, 1));
    }
}
