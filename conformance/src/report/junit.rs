//! The report for CI systems: one test suite for each area, one test case for each case.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as JunitReport, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Report};
use crate::known::Known;
use crate::verdict::Verdict;

/// Returns the report as `JUnit` XML. Known differences count as skipped.
pub fn to_junit(report: &Report, known: &Known) -> Result<String, SerializeError> {
    let mut junit = JunitReport::new(format!("conformance of {} ({})", report.target, report.server));
    for area in report.scores().keys() {
        let mut suite = TestSuite::new(*area);
        for outcome in report.outcomes.iter().filter(|outcome| outcome.id.area() == *area) {
            suite.add_test_case(test_case(outcome, known));
        }
        junit.add_test_suite(suite);
    }
    junit.to_string()
}

fn test_case(outcome: &Outcome, known: &Known) -> TestCase {
    let status = match (outcome.verdict, known.reason(&outcome.id)) {
        (Verdict::NotApplicable, _) => skipped(outcome.reason.as_deref().unwrap_or_default()),
        (verdict, Some(reason)) if verdict.is_failure() => {
            let expect = known.entry(&outcome.id).map_or("known", |entry| entry.expect.as_str());
            skipped(&format!("{expect}, as expected: {reason}"))
        }
        (Verdict::Differs, None) => failed(NonSuccessKind::Failure, outcome),
        (Verdict::NoAnswer, None) => failed(NonSuccessKind::Error, outcome),
        _ => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(outcome.id.as_str(), status);
    case.set_classname(outcome.id.area()).set_time(Duration::from_millis(outcome.milliseconds));
    case
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

fn failed(kind: NonSuccessKind, outcome: &Outcome) -> TestCaseStatus {
    let mut description = outcome.reason.clone().unwrap_or_default();
    for step in outcome.steps.iter().filter(|step| step.verdict.is_failure()) {
        if let Some(restart) = step.restart {
            description.push_str(&format!("{restart}\n"));
        }
        description.push_str(&format!("{}\n{}\n", step.request, step.error.as_deref().unwrap_or_default()));
        for difference in &step.differences {
            description.push_str(&format!(
                "{}\nexpected: {}\ngot: {}\n",
                difference.at, difference.expected, difference.actual
            ));
        }
    }
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(outcome.about.as_str()).set_type(outcome.verdict.as_str()).set_description(description);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn failed_cases_are_reported_as_failures() {
        let xml = to_junit(&report(), &Known::default()).unwrap();
        assert!(xml.contains(r#"<testsuite name="a" tests="2" disabled="0" errors="0" failures="1">"#), "{xml}");
        assert!(xml.contains(r#"<testcase name="a.good" classname="a" time="0.000"#), "{xml}");
    }
}
