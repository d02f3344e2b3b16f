//! Two servers side by side: the answers of the first are what the second is judged by, instead of those of the cases.

use indicatif::{ProgressBar, ProgressStyle};

use crate::case::{Answer, BodyRule, Case, HeaderRule, Step};
use crate::client::{NoAnswer, Response};
use crate::report::Report;
use crate::run;
use crate::settings::Settings;

/// Headers that name a server or a request, and differ on purpose.
const OWN_HEADERS: [&str; 3] = ["X-Influxdb-Version", "Request-Id", "Date"];

/// The two servers.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) first: Settings,
    pub(super) second: Settings,
}

/// What a comparison showed.
pub(super) struct Comparison {
    pub(super) report: Report,
    /// Why cases, or steps of them, were not compared.
    pub(super) skipped: Vec<String>,
}

impl Pair {
    /// Sends the steps of the cases to both.
    pub(super) async fn compare(&self, cases: &[&Case]) -> anyhow::Result<Comparison> {
        let bar = ProgressBar::new(2 * cases.len() as u64)
            .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?);
        let answers = run::answers(&self.first, cases, |_| bar.inc(1)).await;
        let (mut answered, mut skipped) = (Vec::new(), Vec::new());
        for (case, answers) in cases.iter().zip(answers) {
            match answers {
                Ok(answers) => {
                    let silent = answers.iter().filter_map(|answer| answer.as_ref().err());
                    skipped.extend(silent.map(|error| format!("{}: {error}", case.id)));
                    answered.push(with_answers(case, &answers));
                }
                Err(reason) => skipped.push(format!("{}: {reason}", case.id)),
            }
        }
        let mut report = run::run(&self.second, &answered.iter().collect::<Vec<_>>(), |outcome| {
            bar.set_message(outcome.id.to_string());
            bar.inc(1);
        })
        .await;
        bar.finish_and_clear();
        let first = run::version(&self.first).await;
        report.selection = Some(format!("judged by the answers of {} (version {first})", self.first.target));
        Ok(Comparison { report, skipped })
    }

    /// Returns the case with the answers of the first server, up to the first step to which the second one gives another answer;
    /// `None` if there is none.
    pub(super) async fn difference(&self, case: &Case) -> anyhow::Result<Option<Case>> {
        let Some(Ok(answers)) = run::answers(&self.first, &[case], |_| {}).await.pop() else { return Ok(None) };
        let mut answered = with_answers(case, &answers);
        let report = run::run(&self.second, &[&answered], |_| {}).await;
        let Some(outcome) = report.outcomes.first() else { return Ok(None) };
        let Some(at) = outcome.steps.iter().position(|step| step.verdict.is_failure()) else { return Ok(None) };
        answered.steps.truncate(at + 1);
        Ok(Some(answered))
    }
}

/// Returns a case that expects these answers. Steps without one are left out.
fn with_answers(case: &Case, answers: &[Result<Response, NoAnswer>]) -> Case {
    let answered = case.steps.iter().zip(answers).filter_map(|(step, answer)| {
        let answer = answer.as_ref().ok()?;
        Some(Step { expected: expected(step, answer), alternative: None, ..step.clone() })
    });
    Case { steps: answered.collect(), ..case.clone() }
}

/// Returns the answer that is expected after this one was given. What a case lets vary may vary.
fn expected(step: &Step, given: &Response) -> Answer {
    let admitted = std::iter::once(&step.expected).chain(step.alternative.as_ref().map(|other| &other.answer));
    let rules = |(name, rule): &(String, HeaderRule)| {
        let actual = given.header(name);
        let rule = match (rule, actual) {
            (HeaderRule::Matches(regex), Some(actual)) if regex.is_match(&actual) => rule.clone(),
            (_, Some(actual)) => HeaderRule::Exactly(actual),
            (_, None) => HeaderRule::Absent,
        };
        (name.clone(), rule)
    };
    let compared = |headers: &[(String, HeaderRule)]| -> Vec<_> {
        let is_compared = |name: &str| !OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        headers.iter().filter(|(name, _)| is_compared(name)).map(rules).collect()
    };
    let varies = admitted.clone().filter_map(|answer| answer.body.as_ref()).find_map(|body| match body {
        BodyRule::Matches(_) if body.admits(&given.body) => Some(body.clone()),
        _ => None,
    });
    Answer {
        status: given.status,
        headers: compared(&step.expected.headers),
        common_headers: compared(&step.expected.common_headers),
        body: Some(varies.unwrap_or_else(|| BodyRule::Exactly(given.body.to_vec()))),
    }
}
