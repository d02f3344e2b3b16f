//! Starts the servers that are judged, from a command line with placeholders, each with the configuration that some cases need.
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{port}` | a free port of the loopback interface |
//! | `{data}` | a new empty folder |
//! | `{config}` | a configuration file: the base file, in which `{port}` and `{data}` are filled in too, and the settings of the cases |
//!
//! A server is killed, and its folder removed, when its cases are done. Cases may end it before that, and start it again on the same folder.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::case::{Case, Need, Request, Restart};
use crate::client::{self, Target};

/// The longest time from the start of a server to its first answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The longest time that a server takes to end when it is asked to.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The end of a server's messages that is reported if it does not start, in bytes.
const MESSAGES_BYTES_MAX: usize = 2000;

/// The file in a server's folder that has its messages.
const MESSAGES: &str = "messages";

/// How to start a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Launcher {
    words: Vec<String>,
    /// The configuration file that the settings of cases are added to, with placeholders.
    base: String,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The command line is empty, or a quotation mark is not closed.
    #[error("`{0}` is not a command line")]
    Command(String),
    /// The command line does not say where the server listens.
    #[error("the command must contain {{port}}, or {{config}} with a base file that does")]
    NoPort,
    /// The command line does not say where the settings of cases are.
    #[error("needs settings, which the command does not take: it has no {{config}}")]
    NoConfig,
    /// The base file is not TOML.
    #[error("the base configuration: {0}")]
    Base(#[from] toml::de::Error),
    /// The system refuses something.
    #[error("{0}: {1}")]
    System(&'static str, std::io::Error),
    /// The server has ended.
    #[error("the server ended instead of serving: {0}")]
    Ended(String),
    /// The server does not answer.
    #[error("the server does not answer on port {0}")]
    Silent(u16),
    /// The server goes on after SIGTERM.
    #[error("the server did not end within {} s after SIGTERM", END_LIMIT.as_secs())]
    StillRuns,
}

/// A running server, killed on drop.
#[derive(Debug)]
pub struct Launched {
    /// Where it listens.
    pub target: Target,
    /// The words of its command line, without placeholders.
    words: Vec<String>,
    port: u16,
    process: Child,
    folder: tempfile::TempDir,
}

/// A configuration, and the cases that need it.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The settings, as sections and keys of InfluxDB's configuration file.
    pub config: toml::Table,
    /// Whether the server needs an administrator.
    pub has_users: bool,
    /// The cases, with their place in the selection.
    pub cases: Vec<(usize, &'a Case)>,
}

/// Returns the cases by the configuration that they need, the default one first.
pub fn groups<'a>(cases: &[&'a Case]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (place, case) in cases.iter().enumerate() {
        let has_users = case.needs.contains(&Need::Auth);
        match groups.iter_mut().find(|group| group.config == case.config && group.has_users == has_users) {
            Some(group) => group.cases.push((place, case)),
            None => groups.push(Group { config: case.config.clone(), has_users, cases: vec![(place, case)] }),
        }
    }
    groups.sort_by_key(|group| (!group.config.is_empty(), group.has_users));
    groups
}

impl Launcher {
    /// Reads a command line, as a POSIX shell splits it, and the base of its configuration file.
    pub fn new(command: &str, base: String) -> Result<Launcher, LaunchError> {
        let words = shlex::split(command).filter(|words| !words.is_empty());
        let words: Vec<String> = words.ok_or_else(|| LaunchError::Command(command.to_owned()))?;
        let contains = |placeholder: &str| words.iter().any(|word| word.contains(placeholder));
        if contains("{port}") || (contains("{config}") && base.contains("{port}")) {
            Ok(Launcher { words, base })
        } else {
            Err(LaunchError::NoPort)
        }
    }

    /// Starts a server with settings, and waits until it answers.
    pub async fn start(&self, group: &Group<'_>) -> Result<Launched, LaunchError> {
        let has_settings = group.has_users || !group.config.is_empty();
        if has_settings && !self.words.iter().any(|word| word.contains("{config}")) {
            return Err(LaunchError::NoConfig);
        }
        let folder = tempfile::tempdir().map_err(|error| LaunchError::System("a temporary folder", error))?;
        let port = free_port().map_err(|error| LaunchError::System("a free port", error))?;
        let (data, config) = (folder.path().join("data"), folder.path().join("server.conf"));
        std::fs::create_dir(&data).map_err(|error| LaunchError::System("the data folder", error))?;
        let fill = |text: &str| {
            let text = text.replace("{port}", &port.to_string()).replace("{data}", &data.display().to_string());
            text.replace("{config}", &config.display().to_string())
        };
        let mut settings: toml::Table = toml::from_str(&fill(&self.base))?;
        merge(&mut settings, &group.config);
        if group.has_users {
            let users: toml::Table = toml::from_str("http = { auth-enabled = true }")?;
            merge(&mut settings, &users);
        }
        let text = toml::to_string(&settings).unwrap_or_default();
        std::fs::write(&config, text).map_err(|error| LaunchError::System("the configuration file", error))?;
        let words: Vec<String> = self.words.iter().map(|word| fill(word)).collect();
        let process = spawn(&words, folder.path())?;
        // A port and an address in digits always make a target.
        let target = format!("http://127.0.0.1:{port}").parse().map_err(|_| LaunchError::Silent(port))?;
        let mut launched = Launched { target, words, port, process, folder };
        launched.wait().await?;
        Ok(launched)
    }
}

impl std::fmt::Display for Launcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

impl Launched {
    /// Ends the server, starts it again with the same files on the same port, and waits until it answers.
    pub(crate) async fn restart(&mut self, restart: Restart) -> Result<(), LaunchError> {
        if restart == Restart::Terminate {
            self.terminate().await?;
        } else {
            self.process.kill().await.map_err(|error| LaunchError::System("SIGKILL", error))?;
        }
        self.process = spawn(&self.words, self.folder.path())?;
        self.wait().await
    }

    #[cfg(unix)]
    async fn terminate(&mut self) -> Result<(), LaunchError> {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = self.process.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).map_err(|error| LaunchError::System("SIGTERM", error.into()))?;
        }
        match tokio::time::timeout(END_LIMIT, self.process.wait()).await {
            Ok(ended) => ended.map(drop).map_err(|error| LaunchError::System("the end of the server", error)),
            Err(_) => Err(LaunchError::StillRuns),
        }
    }

    #[cfg(not(unix))]
    async fn terminate(&mut self) -> Result<(), LaunchError> {
        Err(LaunchError::System("SIGTERM", std::io::ErrorKind::Unsupported.into()))
    }

    /// Waits for the first answer.
    async fn wait(&mut self) -> Result<(), LaunchError> {
        let ping =
            Request { verb: "GET".to_owned(), target: "/ping".to_owned(), headers: Vec::new(), body: Vec::new() };
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if client::send(&self.target, &ping, START_LIMIT).await.is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(LaunchError::Ended(format!("{status}\n{}", end_of(self.folder.path()))));
            }
            if Instant::now() >= deadline {
                return Err(LaunchError::Silent(self.port));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Starts a process whose messages are appended to a file in a folder.
fn spawn(words: &[String], folder: &Path) -> Result<Child, LaunchError> {
    let Some((program, arguments)) = words.split_first() else { return Err(LaunchError::Command(String::new())) };
    let log = || std::fs::OpenOptions::new().create(true).append(true).open(folder.join(MESSAGES));
    let log = || log().map_err(|error| LaunchError::System("a file for the server's messages", error));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(log()?).stderr(log()?).kill_on_drop(true);
    command.spawn().map_err(|error| LaunchError::Ended(format!("{program}: {error}")))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Returns the end of the messages in a folder.
fn end_of(folder: &Path) -> String {
    let bytes = std::fs::read(folder.join(MESSAGES)).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(MESSAGES_BYTES_MAX)..]).trim_end().to_owned()
}

/// Adds settings to a configuration, and replaces those that it has.
fn merge(config: &mut toml::Table, settings: &toml::Table) {
    for (key, value) in settings {
        match (config.get_mut(key), value) {
            (Some(toml::Value::Table(section)), toml::Value::Table(settings)) => merge(section, settings),
            _ => {
                config.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_added_to_the_base() {
        let mut config = toml::from_str("a = 1\n[http]\nx = 1\ny = 1").unwrap();
        merge(&mut config, &toml::from_str("[http]\ny = 2\n[data]\nz = 3").unwrap());
        assert_eq!(config, toml::from_str("a = 1\n[http]\nx = 1\ny = 2\n[data]\nz = 3").unwrap());
    }

    #[test]
    fn a_command_says_where_the_server_listens() {
        assert!(Launcher::new("server --port {port}", String::new()).is_ok());
        assert!(Launcher::new("server -c {config}", "bind = ':{port}'".to_owned()).is_ok());
        for bad in ["", "server", "server '{port}", "server -c {config}"] {
            assert!(Launcher::new(bad, String::new()).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_server_that_ends_is_reported_with_its_messages() {
        let launcher = Launcher::new("sh -c 'echo no {port} >&2; exit 3'", String::new()).unwrap();
        let group = Group { config: toml::Table::new(), has_users: false, cases: Vec::new() };
        let error = launcher.start(&group).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3\nno "), "{error}");
    }
}
