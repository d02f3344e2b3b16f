//! One case against a target: the preparation, the steps with their verdicts, and the removal of everything that the case made.
//!
//! What a case owns is dropped before and after it. Its preparation must succeed; then every step is judged, up to the first without an answer.
//! The verdict on the case is the worst of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::case::{Case, Holdings, Need, Request, Step};
use crate::claims::{self, Judged};
use crate::client::{self, NoAnswer, Response};
use crate::content;
use crate::names::Names;
use crate::report::{Outcome, StepOutcome};
use crate::settings::Settings;
use crate::verdict::{self, Judgement, Verdict};

/// One case against a target.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    settings: &'a Settings,
    case: &'a Case,
    names: Names<'a>,
}

impl<'a> Attempt<'a> {
    /// Prepares to run a case that has this number in the run.
    pub(crate) fn new(settings: &'a Settings, case: &'a Case, number: usize) -> Attempt<'a> {
        let names = match &settings.mark {
            Some(mark) if !case.exclusive => Names::of_run(mark, number, &case.owns),
            _ => Names::as_written(&case.owns),
        };
        Attempt { settings, case, names }
    }

    /// Runs and judges the case.
    pub(crate) async fn run(&self) -> Outcome {
        let started = Instant::now();
        let mut outcome = Outcome::new(self.case);
        if let Some(reason) = inapplicable(self.settings, self.case) {
            outcome.reason = Some(reason);
            return outcome;
        }
        self.drop_owned().await;
        if self.case.needs.contains(&Need::Empty) && !is_empty(self.settings).await {
            outcome.reason = Some("needs a target without databases and users".to_owned());
            return outcome;
        }
        if let Err((verdict, reason)) = self.prepare().await {
            outcome.verdict = verdict;
            outcome.reason = Some(reason);
        } else {
            outcome.verdict = Verdict::Exact;
            for step in &self.case.steps {
                if claims::judged(&self.settings.claims, step) == Judged::Not {
                    // It may be what the next steps need.
                    let _ = self.send_step(step).await;
                    continue;
                }
                let step = self.run_step(step).await;
                let is_silent = step.verdict == Verdict::NoAnswer;
                outcome.verdict = outcome.verdict.max(step.verdict);
                outcome.steps.push(step);
                if is_silent {
                    break;
                }
            }
            if outcome.steps.is_empty() {
                outcome.verdict = Verdict::NotApplicable;
                outcome.reason = Some("has no step within what the target claims (--claim)".to_owned());
            }
        }
        self.drop_owned().await;
        outcome.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        outcome
    }

    /// Runs the case without judging it, and returns the answers to its steps. A step that holds eventually is repeated until it does.
    pub(crate) async fn replay(&self) -> Result<Vec<Result<Response, NoAnswer>>, String> {
        if let Some(reason) = inapplicable(self.settings, self.case) {
            return Err(reason);
        }
        self.drop_owned().await;
        self.prepare().await.map_err(|(_, reason)| reason)?;
        let mut responses = Vec::with_capacity(self.case.steps.len());
        for step in &self.case.steps {
            responses.push(self.settle(step).await.map(|(response, _)| response));
        }
        self.drop_owned().await;
        Ok(responses)
    }

    async fn prepare(&self) -> Result<(), (Verdict, String)> {
        for request in &self.case.preparation {
            let line = format!("{} {}", request.verb, request.target);
            match self.send(request, true).await {
                // What a server does not claim, it may refuse.
                _ if claims::is_write_only(&self.settings.claims) && claims::is_query(request) => {}
                Err(error) => return Err((Verdict::NoAnswer, format!("preparation `{line}`: {error}"))),
                Ok(response) if response.status >= 300 || has_error(&response) => {
                    let body = String::from_utf8_lossy(&response.body).trim_end().to_owned();
                    let reason = format!("preparation `{line}` was refused with {}: {body}", response.status);
                    return Err((Verdict::Differs, reason));
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    async fn run_step(&self, step: &Step) -> StepOutcome {
        // The report shows the request of the case, without the administrator's credentials.
        match self.settle(step).await {
            Ok((response, judgement)) => StepOutcome::judged(step, &self.settings.target, &response, judgement),
            Err(error) => StepOutcome::unanswered(step, &self.settings.target, &error),
        }
    }

    /// Sends a step, until its answer is right if it holds eventually.
    async fn settle(&self, step: &Step) -> Result<(Response, Judgement), NoAnswer> {
        self.restart(step).await?;
        let deadline = Instant::now() + self.settings.patience;
        loop {
            let judged = self.send_step(step).await.map(|response| {
                let mut judgement = verdict::judge(step, &response, self.settings.profile);
                if claims::judged(&self.settings.claims, step) == Judged::Status {
                    judgement = judgement.as_sender_sees_it(step, response.status);
                }
                (response, judgement)
            });
            let is_right = judged.as_ref().is_ok_and(|(_, judgement)| !judgement.verdict.is_failure());
            if !step.eventually || is_right || Instant::now() >= deadline {
                return judged;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the target and starts it again, if the step asks for it.
    async fn restart(&self, step: &Step) -> Result<(), NoAnswer> {
        match (step.restart, &self.settings.process) {
            (Some(restart), Some(process)) => {
                let restarted = process.lock().await.restart(restart).await;
                restarted.map_err(|error| NoAnswer::Restart(error.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Sends a step. Cases about authentication have their own credentials.
    async fn send_step(&self, step: &Step) -> Result<Response, NoAnswer> {
        self.send(&step.request, !self.case.needs.contains(&Need::Auth)).await
    }

    /// Sends a request with the names of the run, and returns the answer with the names of the case.
    async fn send(&self, request: &Request, as_administrator: bool) -> Result<Response, NoAnswer> {
        let sent = self.names.apply(request);
        let request =
            if as_administrator { as_admin(self.settings, sent.request.clone()) } else { sent.request.clone() };
        let response = client::send(&self.settings.target, &request, self.settings.answer_limit).await?;
        Ok(self.names.restore(&sent, response))
    }

    /// Drops what the case owns. The answers do not matter, since it may not exist.
    async fn drop_owned(&self) {
        drop_all(self.settings, self.names.databases(), self.names.users()).await;
    }
}

/// Drops databases and users. The answers do not matter.
pub(crate) async fn drop_all(
    settings: &Settings,
    databases: impl IntoIterator<Item = String>,
    users: impl IntoIterator<Item = String>,
) {
    let databases = databases.into_iter().map(|name| format!("DROP DATABASE {}", quoted(&name)));
    let users = users.into_iter().map(|name| format!("DROP USER {}", quoted(&name)));
    for statement in databases.chain(users) {
        let _ = as_administrator(settings, &statement).await;
    }
}

/// Lets the target run a statement as administrator.
pub(crate) async fn as_administrator(settings: &Settings, statement: &str) -> Result<Response, NoAnswer> {
    client::send(&settings.target, &as_admin(settings, query(statement)), settings.answer_limit).await
}

/// Returns why a case does not apply to the target, if it does not.
fn inapplicable(settings: &Settings, case: &Case) -> Option<String> {
    if case.needs.contains(&Need::Auth) && settings.credentials.is_none() && settings.token.is_none() {
        return Some("needs authentication, and an administrator (--user and --password, or --token)".to_owned());
    }
    if case.has_restarts() && settings.process.is_none() {
        return Some("needs a target that the runner starts (--cmd), since it is restarted".to_owned());
    }
    for (section, wanted) in &case.config {
        if !contains(settings.config.get(section), wanted) {
            return Some(format!("needs a target with the settings {} (--target-config)", one_line(&case.config)));
        }
    }
    if case.config.is_empty() && !settings.config.is_empty() {
        return Some("needs a target with default settings".to_owned());
    }
    if case.exclusive || settings.mark.is_none() { kept_from(settings, case) } else { None }
}

/// Returns why an exclusive case does not get on with what the target holds, if it does not.
fn kept_from(settings: &Settings, case: &Case) -> Option<String> {
    let (held, owned) = (&settings.held, &case.owns);
    if !settings.drop_existing {
        let mut databases = owned.databases.iter().filter(|name| held.databases.contains(*name));
        let mut users = owned.users.iter().filter(|name| held.users.contains(*name));
        if let Some(name) = databases.next().or_else(|| users.next()) {
            return Some(format!("would drop `{name}`, which the target holds (--drop-existing)"));
        }
    }
    let lists = |names: &BTreeSet<String>, own: &[String], holdings| {
        names.iter().any(|name| !own.contains(name)) && case.steps.iter().any(|step| step.lists(holdings))
    };
    let lists_others = lists(&held.databases, &owned.databases, Holdings::Databases)
        || lists(&held.users, &owned.users, Holdings::Users);
    lists_others.then(|| "lists everything that the target holds, which has other databases or users".to_owned())
}

/// Whether a setting, or each setting of a section, has the wanted value.
fn contains(actual: Option<&toml::Value>, wanted: &toml::Value) -> bool {
    match (actual, wanted) {
        (Some(toml::Value::Table(actual)), toml::Value::Table(wanted)) => {
            wanted.iter().all(|(key, wanted)| contains(actual.get(key), wanted))
        }
        (actual, wanted) => actual == Some(wanted),
    }
}

fn one_line(config: &toml::Table) -> String {
    toml::to_string(config).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the target has no users, and no databases except its own.
async fn is_empty(settings: &Settings) -> bool {
    for statement in ["SHOW DATABASES", "SHOW USERS"] {
        match as_administrator(settings, statement).await {
            Ok(response) if first_column(&response).iter().all(|name| name == "_internal") => {}
            _ => return false,
        }
    }
    true
}

fn as_admin(settings: &Settings, request: Request) -> Request {
    match (&settings.credentials, &settings.token) {
        (Some((user, password)), _) => request.with_credentials(user, password),
        (None, Some(token)) => request.with_token(token),
        (None, None) => request,
    }
}

/// Returns the request that lets a server run a statement.
pub(crate) fn query(statement: &str) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("q", statement).finish();
    Request {
        verb: "POST".to_owned(),
        target: "/query".to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: body.into_bytes(),
    }
}

/// Returns a name as it is written in a statement.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Whether a `/query` answer contains an error, which is sent with status 200.
fn has_error(response: &Response) -> bool {
    let results = |document: &serde_json::Value| document.get("results").and_then(|r| r.as_array()).cloned();
    let documents = content::documents(&response.body).unwrap_or_default();
    documents.iter().filter_map(results).flatten().any(|result| result.get("error").is_some())
}

/// Returns the first column of the first series of an answer.
pub(crate) fn first_column(response: &Response) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let rows = document.pointer("/results/0/series/0/values").and_then(|rows| rows.as_array()).cloned();
    rows.unwrap_or_default().iter().filter_map(|row| row.get(0)?.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Restart;
    use crate::case::tests::case;

    #[test]
    fn a_case_applies_where_its_needs_and_settings_are_met() {
        let plain = case("");
        let auth = case("needs = ['auth']");
        let limited = case("config = { http = { max-row-limit = 3 } }");
        let mut settings = Settings::new("http://localhost:1".parse().unwrap());
        let applies =
            |settings: &Settings| [&plain, &auth, &limited].map(|case| inapplicable(settings, case).is_none());
        assert_eq!(applies(&settings), [true, false, false]);
        settings.credentials = Some(("u".to_owned(), "p".to_owned()));
        assert_eq!(applies(&settings), [true, true, false]);
        settings.config = toml::from_str("http = { max-row-limit = 3, realm = 'x' }").unwrap();
        assert_eq!(applies(&settings), [false, false, true]);
        settings.config = toml::from_str("http = { max-row-limit = 4 }").unwrap();
        assert_eq!(applies(&settings), [false, false, false]);
        let mut restarted = plain.clone();
        restarted.steps[0].restart = Some(Restart::Kill);
        let settings = Settings::new("http://localhost:1".parse().unwrap());
        assert!(inapplicable(&settings, &restarted).is_some_and(|reason| reason.contains("--cmd")));
    }

    #[test]
    fn an_exclusive_case_does_not_drop_what_the_target_holds() {
        let exclusive = case("owns = { databases = ['d'] }\nexclusive = true");
        let isolated = case("owns = { databases = ['d'] }");
        let mut settings = Settings::new("http://localhost:1".parse().unwrap());
        assert_eq!(inapplicable(&settings, &exclusive), None);
        settings.held.databases.insert("d".to_owned());
        assert!(inapplicable(&settings, &exclusive).is_some_and(|reason| reason.starts_with("would drop `d`")));
        assert_eq!(inapplicable(&settings, &isolated), None);
        settings.drop_existing = true;
        assert_eq!(inapplicable(&settings, &exclusive), None);
        let mut lister = exclusive.clone();
        lister.steps[0].request.target = "/query?q=SHOW+DATABASES".to_owned();
        lister.steps[0].expected.status = 200;
        assert_eq!(inapplicable(&settings, &lister), None);
        settings.held.databases.insert("other".to_owned());
        assert!(inapplicable(&settings, &lister).is_some_and(|reason| reason.starts_with("lists everything")));
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted(r#"a"b\"#), r#""a\"b\\""#);
    }
}
