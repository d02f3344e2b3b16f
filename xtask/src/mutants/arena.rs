//! The configurations that cases are run in, and running servers with a fault in them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use fluxstone_conformance::case::{Case, Need, Profile};
use fluxstone_conformance::run::{self, Settings};
use fluxstone_conformance::suite::Suite;

use super::weave::SWITCH;

const ADMIN: (&str, &str) = ("admin", "a long password");

/// How long a server with a fault may take for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A configuration, and the cases that apply to it.
#[derive(Debug)]
pub(super) struct Arena<'s> {
    /// The settings that cases ask for.
    config: toml::Table,
    profile: Profile,
    has_users: bool,
    pub(super) cases: Vec<&'s Case>,
}

impl Arena<'_> {
    /// Whether the documented answers are expected.
    pub(super) fn is_documented(&self) -> bool {
        self.profile == Profile::Documented
    }
}

/// Both profiles, without and with authentication, and each configuration that cases ask for.
pub(super) fn all(suite: &Suite) -> anyhow::Result<Vec<Arena<'_>>> {
    let mut groups: BTreeMap<(String, bool), Vec<&Case>> = BTreeMap::new();
    for case in &suite.cases {
        let has_users = case.needs.contains(&Need::Auth);
        groups.entry((toml::to_string(&case.config)?, has_users)).or_default().push(case);
    }
    let mut arenas = Vec::new();
    for ((config, has_users), cases) in groups {
        for profile in [Profile::Documented, Profile::Observed] {
            arenas.push(Arena { config: toml::from_str(&config)?, profile, has_users, cases: cases.clone() });
        }
    }
    Ok(arenas)
}

/// A running server, killed on drop.
pub(super) struct Server {
    process: Child,
    settings: Settings,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts `binary` with a fault.
    pub(super) async fn start(binary: &Path, arena: &Arena<'_>, fault: &str) -> anyhow::Result<Server> {
        let folder = tempfile::tempdir()?;
        let mut config = arena.config.clone();
        if arena.has_users {
            section(&mut config, "http")?.insert("auth-enabled".to_owned(), true.into());
        }
        if arena.profile == Profile::Observed {
            section(&mut config, "compat")?.insert("profile".to_owned(), "1.2.4".into());
        }
        let path = folder.path().join("fluxstone.conf");
        std::fs::write(&path, toml::to_string(&config)?)?;
        let mut process = Command::new(binary)
            .args(["serve", "--bind", "127.0.0.1:0", "--config", &path.display().to_string(), "--data-dir"])
            .arg(folder.path().join("data"))
            .env(SWITCH, fault)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().map(BufReader::new);
        let settings = Settings { profile: arena.profile, answer_limit: ANSWER_LIMIT, ..unknown_target()? };
        let mut server = Server { process, settings, _folder: folder };
        let address = output
            .into_iter()
            .flat_map(|output| output.lines().map_while(Result::ok))
            .find_map(|line| line.split_once("listening on ").map(|(_, url)| url.trim().to_owned()));
        server.settings.target = address.context("the server ended without printing its address")?.parse()?;
        // Cases ask for authentication by `needs`, not by a setting.
        server.settings.config.clone_from(&arena.config);
        if arena.has_users {
            let answer = run::create_administrator(&server.settings.target, ADMIN, ANSWER_LIMIT).await?;
            if answer.status != 200 {
                bail!("the first administrator is refused with {}", answer.status);
            }
            server.settings.credentials = Some((ADMIN.0.to_owned(), ADMIN.1.to_owned()));
        }
        Ok(server)
    }

    /// Runs cases, and returns those whose answers are not exactly right.
    pub(super) async fn failures<'c>(&self, cases: &[&'c Case]) -> Vec<&'c Case> {
        let report = run::run(&self.settings, cases, |_| {}).await;
        let failed = |case: &&&Case| report.outcomes.iter().any(|o| o.id == case.id && !o.is_as_demanded());
        cases.iter().filter(failed).copied().collect()
    }
}

fn unknown_target() -> anyhow::Result<Settings> {
    Ok(Settings::new("http://127.0.0.1:1".parse()?))
}

fn section<'t>(config: &'t mut toml::Table, name: &str) -> anyhow::Result<&'t mut toml::Table> {
    let section = config.entry(name).or_insert_with(|| toml::Table::new().into());
    section.as_table_mut().with_context(|| format!("{name} is not a section"))
}
