//! Failures by their likely cause: those whose first failed step differs in the same way, so that a long report begins with few lines.

use std::collections::BTreeMap;

use super::{Outcome, Report};
use crate::content::documents;
use crate::verdict::Difference;

/// The failures of one cause.
#[derive(Debug)]
pub(crate) struct Cause<'a> {
    /// What they have in common.
    pub(crate) what: String,
    /// The failed cases.
    pub(crate) outcomes: Vec<&'a Outcome>,
}

/// Returns the causes of failures, those with the most cases first.
pub(crate) fn causes(report: &Report) -> Vec<Cause<'_>> {
    let mut by_cause: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
    for outcome in report.outcomes.iter().filter(|outcome| outcome.verdict.is_failure()) {
        by_cause.entry(cause(outcome)).or_default().push(outcome);
    }
    let mut causes: Vec<Cause<'_>> = by_cause.into_iter().map(|(what, outcomes)| Cause { what, outcomes }).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.outcomes.len()));
    causes
}

fn cause(outcome: &Outcome) -> String {
    let Some(step) = outcome.steps.iter().find(|step| step.verdict.is_failure()) else {
        let reason = outcome.reason.as_deref().unwrap_or("no step was judged");
        return reason.split(':').next().unwrap_or(reason).to_owned();
    };
    if let Some(error) = &step.error {
        return error.clone();
    }
    if let Some(status) = step.differences.iter().find(|difference| difference.at == "status") {
        return format!("status {} instead of {}", status.actual, status.expected);
    }
    let body = step.differences.iter().find(|difference| difference.at == "body");
    match body {
        Some(body) => body_cause(body),
        None => step.differences.first().map_or_else(|| "unknown".to_owned(), |difference| difference.at.clone()),
    }
}

/// Returns how two bodies differ: an error that is new or missing, or rows.
fn body_cause(body: &Difference) -> String {
    let error = |text: &str| {
        let documents = documents(text.as_bytes())?;
        documents.iter().find_map(first_error)
    };
    match (error(&body.expected), error(&body.actual)) {
        (None, Some(error)) => format!("an error instead of a result: {error}"),
        (Some(_), None) => "a result instead of an error".to_owned(),
        _ if documents(body.actual.as_bytes()).is_none() => "the body is not JSON, or other cells".to_owned(),
        _ => "other rows, columns or values".to_owned(),
    }
}

fn first_error(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Object(members) => {
            let own = members.get("error").and_then(|error| error.as_str()).map(str::to_owned);
            own.or_else(|| members.values().find_map(first_error))
        }
        serde_json::Value::Array(elements) => elements.iter().find_map(first_error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn failures_are_folded_by_their_first_difference() {
        let mut report = report();
        report.outcomes.push(report.outcomes[1].clone());
        let found: Vec<(String, usize)> = causes(&report).into_iter().map(|c| (c.what, c.outcomes.len())).collect();
        assert_eq!(found, [("status 404 instead of 200".to_owned(), 2)]);
    }

    #[test]
    fn bodies_differ_in_errors_or_rows() {
        let cause = |expected: &str, actual: &str| {
            let (expected, actual) = (expected.to_owned(), actual.to_owned());
            body_cause(&Difference { at: "body".to_owned(), expected, actual })
        };
        assert_eq!(cause("{}", "{\"results\":[{\"error\":\"no\"}]}"), "an error instead of a result: no");
        assert_eq!(cause("{\"error\":\"no\"}", "{}"), "a result instead of an error");
        assert_eq!(cause("[1]", "[2]"), "other rows, columns or values");
    }
}
