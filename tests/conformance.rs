//! Runs every conformance case against the real server: each is exact, in both profiles, with and without authentication.

mod server;

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_conformance::case::{Case, Need, Profile};
use fluxstone_conformance::client::Response;
use fluxstone_conformance::known::Known;
use fluxstone_conformance::launch::Launcher;
use fluxstone_conformance::report::{self, Outcome, Report};
use fluxstone_conformance::run::{self, Settings};
use fluxstone_conformance::suite::{Selection, Suite};
use fluxstone_conformance::verdict::Verdict;
use fluxstone_conformance::{clauses, fleet};
use serde_json::Value;
use server::Server;

const ADMIN: (&str, &str) = ("admin", "a long password");

/// A server with a configuration, and the settings to run cases against it.
struct Arena {
    settings: Settings,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Arena {
    fn new(config: &toml::Table, profile: Profile) -> Arena {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("fluxstone.conf");
        let mut text = toml::to_string(config).expect("a table");
        if profile == Profile::Observed {
            text.push_str("\n[compat]\nprofile = \"1.2.4\"\n");
        }
        std::fs::write(&path, text).expect("a configuration file");
        let server = Server::with_config(&path);
        let target = format!("http://{}", server.address()).parse().expect("a target");
        let settings = Settings { profile, config: config.clone(), ..Settings::new(target) };
        Arena { settings, _server: server, _folder: folder }
    }

    /// Starts a server with authentication, for cases that do not need settings.
    async fn with_authentication(profile: Profile) -> Arena {
        let config = toml::from_str("[http]\nauth-enabled = true").expect("a table");
        let mut arena = Arena::new(&config, profile);
        arena.create_administrator().await;
        // Cases ask for authentication by `needs`, not by a setting.
        arena.settings.config = toml::Table::new();
        arena
    }

    async fn create_administrator(&mut self) {
        let answer = run::create_administrator(&self.settings.target, ADMIN, self.settings.answer_limit).await;
        assert_eq!(answer.expect("an answer").status, 200);
        self.settings.credentials = Some((ADMIN.0.to_owned(), ADMIN.1.to_owned()));
    }

    /// Runs the cases, checks that all that apply are exact, and returns their number.
    async fn demand_exact(&self, cases: &[&Case]) -> usize {
        let report = run::run(&self.settings, cases, |_| {}).await;
        assert!(report.outcomes.iter().all(Outcome::is_as_demanded), "{}", printed(&report));
        report.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::NotApplicable).count()
    }
}

/// Whether a case applies to a running server with default settings.
fn is_plain(case: &Case) -> bool {
    !case.needs.contains(&Need::Auth) && case.config.is_empty() && !case.has_restarts()
}

#[tokio::test]
async fn every_case_is_exact_in_the_documented_profile() {
    let suite = Suite::embedded().expect("sound cases");
    let cases = suite.select(&Selection::default());
    let plain = cases.iter().filter(|case| is_plain(case)).count();
    assert_eq!(Arena::new(&toml::Table::new(), Profile::Documented).demand_exact(&cases).await, plain);
}

#[tokio::test]
async fn every_case_is_exact_in_the_observed_profile() {
    let suite = Suite::embedded().expect("sound cases");
    let cases = suite.select(&Selection::default());
    assert!(cases.iter().flat_map(|case| &case.steps).any(|step| step.alternative.is_some()));
    let plain = cases.iter().filter(|case| is_plain(case)).count();
    assert_eq!(Arena::new(&toml::Table::new(), Profile::Observed).demand_exact(&cases).await, plain);
}

#[tokio::test]
async fn every_case_is_exact_with_authentication() {
    let suite = Suite::embedded().expect("sound cases");
    let cases = suite.select(&Selection::default());
    let applies = |case: &&&Case| !case.needs.contains(&Need::Empty) && case.config.is_empty() && !case.has_restarts();
    let arena = Arena::with_authentication(Profile::Documented).await;
    assert_eq!(arena.demand_exact(&cases).await, cases.iter().filter(applies).count());
    // Apart from these cases, the other profile behaves the same with authentication as without.
    let about_users: Vec<&Case> = cases.iter().filter(|case| case.needs.contains(&Need::Auth)).copied().collect();
    let arena = Arena::with_authentication(Profile::Observed).await;
    assert_eq!(arena.demand_exact(&about_users).await, about_users.iter().filter(applies).count());
}

#[tokio::test]
async fn every_case_that_needs_settings_is_exact_with_them() {
    let suite = Suite::embedded().expect("sound cases");
    let mut by_config: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in suite.cases.iter().filter(|case| !case.config.is_empty()) {
        by_config.entry(toml::to_string(&case.config).expect("a table")).or_default().push(case);
    }
    assert!(!by_config.is_empty());
    for cases in by_config.values() {
        for profile in [Profile::Documented, Profile::Observed] {
            let mut arena = Arena::new(&cases[0].config, profile);
            if cases.iter().any(|case| case.needs.contains(&Need::Auth)) {
                arena.create_administrator().await;
            }
            assert_eq!(arena.demand_exact(cases).await, cases.len());
        }
    }
}

#[tokio::test]
async fn every_case_with_restarts_is_exact() {
    let suite = Suite::embedded().expect("sound cases");
    let cases: Vec<&Case> = suite.cases.iter().filter(|case| case.has_restarts()).collect();
    assert!(!cases.is_empty());
    let words = format!(
        "{} serve --bind 127.0.0.1:{{port}} --data-dir {{data}} --config {{config}}",
        Server::program().display()
    );
    for profile in [Profile::Documented, Profile::Observed] {
        let launcher = Launcher::new(&words, format!("[compat]\nprofile = '{profile}'")).expect("a command");
        let settings = |target| Settings { profile, ..Settings::new(target) };
        let report = fleet::run(&launcher, &settings, &cases, |_| {}).await;
        assert!(report.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Exact), "{}", printed(&report));
    }
}

/// Cases in which a chunked answer has its error after the first chunk, so that no header can name its clause.
const LATE_ERRORS: &[&str] =
    &["clients.shell-several", "http.chunked-errors", "http.multi-error-middle-chunked", "statements.multi.chunked"];

/// Whether an answer has an error: in JSON, one of its documents does.
fn has_error(answer: &Response) -> bool {
    let documents = serde_json::Deserializer::from_slice(&answer.body).into_iter::<Value>().map_while(Result::ok);
    let in_results = |document: &Value| {
        let results = document["results"].as_array().into_iter().flatten();
        document.get("error").is_some() || results.into_iter().any(|result| result.get("error").is_some())
    };
    answer.status >= 400 || documents.into_iter().any(|document| in_results(&document))
}

// spec: control.clause.1, control.clause.2
#[tokio::test]
async fn every_answer_with_an_error_names_a_clause() {
    let suite = Suite::embedded().expect("sound cases");
    let known: BTreeSet<String> = clauses::embedded().keys().map(ToString::to_string).collect();
    let (mut named, mut wrong) = (BTreeSet::new(), Vec::new());
    for profile in [Profile::Documented, Profile::Observed] {
        let mut by_config: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
        let differs = |case: &&Case| case.steps.iter().any(|step| step.alternative.is_some());
        let mut cases: Vec<&Case> = suite.cases.iter().filter(|case| !case.has_restarts()).collect();
        cases.retain(|case| profile == Profile::Documented || differs(case));
        for case in cases {
            let needs_auth = case.needs.contains(&Need::Auth);
            let config = toml::to_string(&case.config).expect("a table");
            by_config.entry(format!("{needs_auth} {config}")).or_default().push(case);
        }
        for cases in by_config.values() {
            let needs_auth = cases[0].needs.contains(&Need::Auth);
            let mut arena = if needs_auth && cases[0].config.is_empty() {
                Arena::with_authentication(profile).await
            } else {
                Arena::new(&cases[0].config, profile)
            };
            if needs_auth && !cases[0].config.is_empty() {
                arena.create_administrator().await;
            }
            let answers = run::answers(&arena.settings, cases, |_| {}).await;
            for (case, answers) in cases.iter().zip(answers) {
                for (step, answer) in answers.expect("answers").into_iter().enumerate() {
                    let answer = answer.expect("an answer");
                    let clause = answer.header("fluxstone-clause");
                    let is_right = match &clause {
                        Some(clause) => has_error(&answer) && known.contains(clause),
                        None => !has_error(&answer) || LATE_ERRORS.contains(&case.id.to_string().as_str()),
                    };
                    if !is_right {
                        let body = String::from_utf8_lossy(&answer.body).into_owned();
                        wrong.push(format!("{} step {step}: {} {clause:?} {body}", case.id, answer.status));
                    }
                    named.extend(clause);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named.len() > 60, "{named:?}");
}

fn printed(report: &Report) -> String {
    let mut text = Vec::new();
    report::print(&mut text, report, &Known::default(), &clauses::embedded(), true).expect("memory takes any text");
    String::from_utf8_lossy(&text).into_owned()
}
