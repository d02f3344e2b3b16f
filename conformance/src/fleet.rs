//! Runs cases against servers that are started for them: one server for each configuration that some case needs.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::case::{Case, Profile};
use crate::launch::{Group, LaunchError, Launcher, groups};
use crate::report::{Outcome, Report};
use crate::run::{self, Settings};
use crate::verdict::Verdict;

/// The administrator of servers with authentication.
const ADMINISTRATOR: (&str, &str) = ("administrator", "a password of the runner");

/// Runs every case against a server with its configuration, and passes each outcome to `progress`. The report has the order of `cases`.
pub async fn run(
    launcher: &Launcher,
    settings: &impl Fn(crate::client::Target) -> Settings,
    cases: &[&Case],
    mut progress: impl FnMut(&Outcome),
) -> Report {
    let mut report = Report {
        target: launcher.to_string(),
        server: "unknown".to_owned(),
        profile: Profile::default(),
        selection: None,
        outcomes: Vec::new(),
    };
    let mut outcomes: Vec<Option<Outcome>> = vec![None; cases.len()];
    for group in groups(cases) {
        let found = match run_group(launcher, settings, &group, &mut progress).await {
            Ok(found) => found,
            Err(reason) => {
                for (place, case) in &group.cases {
                    let outcome =
                        Outcome { verdict: Verdict::NotApplicable, reason: Some(reason.clone()), ..Outcome::new(case) };
                    progress(&outcome);
                    outcomes[*place] = Some(outcome);
                }
                continue;
            }
        };
        if report.server == "unknown" {
            report.server = found.server;
        }
        report.profile = found.profile;
        for ((place, _), outcome) in group.cases.iter().zip(found.outcomes) {
            outcomes[*place] = Some(outcome);
        }
    }
    report.outcomes = outcomes.into_iter().flatten().collect();
    report
}

/// Starts a server with default settings, and returns the version that it reports.
pub async fn version(
    launcher: &Launcher,
    settings: &impl Fn(crate::client::Target) -> Settings,
) -> Result<String, LaunchError> {
    let group = Group { config: toml::Table::new(), has_users: false, cases: Vec::new() };
    let server = launcher.start(&group).await?;
    Ok(run::version(&settings(server.target.clone())).await)
}

/// Runs the cases of one configuration. An error says why there is no server to run them against.
async fn run_group(
    launcher: &Launcher,
    settings: &impl Fn(crate::client::Target) -> Settings,
    group: &Group<'_>,
    progress: impl FnMut(&Outcome),
) -> Result<Report, String> {
    let server = launcher.start(group).await.map_err(|error| error.to_string())?;
    let target = server.target.clone();
    let process = Some(Arc::new(Mutex::new(server)));
    let mut settings = Settings { config: group.config.clone(), process, ..settings(target) };
    if group.has_users {
        let created = run::create_administrator(&settings.target, ADMINISTRATOR, settings.answer_limit).await;
        let created = created.map_err(|error| error.to_string())?;
        if created.status != 200 {
            return Err(format!("the server refuses its first administrator with status {}", created.status));
        }
        let (user, password) = ADMINISTRATOR;
        settings.credentials = Some((user.to_owned(), password.to_owned()));
    }
    let cases: Vec<&Case> = group.cases.iter().map(|(_, case)| *case).collect();
    Ok(run::run(&settings, &cases, progress).await)
}
