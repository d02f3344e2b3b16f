//! The server under attack: a process under a limit on its address space, on a free loopback port, with its data in a temporary directory
//! that outlives the process, so that it can be started again.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use super::bounds::{SHUTDOWN_MAX, START_MAX};
use super::transport::{Endpoint, Transport, certificate};
use crate::usage;

/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The file of the certificate and its key, below the server's directory.
const CERTIFICATE: &str = "certificate.pem";

/// Sets the limits and then becomes the server, so that the process id is the server's. Open files are limited first where asked.
const SCRIPT: &str =
    r#"if [ "$1" != - ]; then ulimit -n "$1" || exit 1; fi; ulimit -v "$0" || exit 1; shift; exec "$@""#;

/// How servers are started.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// The server's binary.
    pub(super) binary: PathBuf,
    /// The limit on the address space, in bytes.
    pub(super) memory: u64,
    /// The configuration file's text.
    pub(super) config: &'static str,
    /// The limit on open files, if it is not the one of this process.
    pub(super) files: Option<u32>,
    /// How clients reach it.
    pub(super) transport: Transport,
}

/// A running server, killed on drop.
pub(super) struct Server {
    setup: Setup,
    directory: TempDir,
    process: Process,
    connector: Option<TlsConnector>,
    /// Where clients reach it.
    pub(super) endpoint: Endpoint,
    /// Where it takes datagrams, if it does.
    pub(super) udp: Option<SocketAddr>,
}

/// A process, killed on drop.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // These fail only if the process has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts a server in a new directory, and waits until it listens.
    pub(super) async fn start(setup: Setup) -> anyhow::Result<Server> {
        let directory = tempfile::Builder::new().prefix("attack-").tempdir()?;
        std::fs::write(directory.path().join("server.toml"), setup.config)?;
        let is_encrypted = setup.transport == Transport::Tls;
        let connector = if is_encrypted { Some(certificate(&directory.path().join(CERTIFICATE))?) } else { None };
        let (process, ready) = spawn(&setup, directory.path()).await?;
        let endpoint = ready.endpoint(connector.as_ref());
        let udp = ready.udp.first().copied();
        Ok(Server { setup, directory, process, connector, endpoint, udp })
    }

    /// Kills the server and starts it again on the same data.
    pub(super) async fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.process.0.kill()?;
        self.process.0.wait()?;
        let ready;
        (self.process, ready) = spawn(&self.setup, self.directory.path()).await?;
        self.endpoint = ready.endpoint(self.connector.as_ref());
        self.udp = ready.udp.first().copied();
        Ok(())
    }

    /// Asks the server to end, and waits for that.
    pub(super) async fn shut_down(&mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.pid().cast_signed()).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + SHUTDOWN_MAX;
        while self.exit_status()?.is_none() {
            if Instant::now() >= deadline {
                bail!("it did not end within {} s of SIGTERM", SHUTDOWN_MAX.as_secs());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Returns how the process has ended, if it has.
    pub(super) fn exit_status(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.process.0.try_wait()?)
    }

    /// Returns the process id.
    pub(super) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Returns the memory that is resident now, in bytes.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        usage::resident_memory(self.pid())
    }

    /// Returns the last lines that the server has printed.
    pub(super) fn last_words(&self) -> String {
        last_words(self.directory.path())
    }
}

/// What a server says about itself when clients can connect.
#[derive(Debug, Deserialize)]
struct Ready {
    address: SocketAddr,
    socket: Option<PathBuf>,
    udp: Vec<SocketAddr>,
}

impl Ready {
    fn endpoint(&self, connector: Option<&TlsConnector>) -> Endpoint {
        match (&self.socket, connector) {
            (Some(path), _) => Endpoint::Unix(path.clone()),
            (None, Some(connector)) => Endpoint::Tls(self.address, connector.clone()),
            (None, None) => Endpoint::Tcp(self.address),
        }
    }
}

/// The variables that override settings for a transport.
fn variables(transport: Transport, directory: &Path) -> Vec<(&'static str, OsString)> {
    match transport {
        Transport::Tcp => Vec::new(),
        Transport::Tls => vec![
            ("INFLUXDB_HTTP_HTTPS_ENABLED", "true".into()),
            ("INFLUXDB_HTTP_HTTPS_CERTIFICATE", directory.join(CERTIFICATE).into()),
        ],
        Transport::Unix => vec![
            ("INFLUXDB_HTTP_UNIX_SOCKET_ENABLED", "true".into()),
            ("INFLUXDB_HTTP_BIND_SOCKET", directory.join("socket").into()),
        ],
    }
}

async fn spawn(setup: &Setup, directory: &Path) -> anyhow::Result<(Process, Ready)> {
    let output = std::fs::File::create(directory.join("output"))?;
    let errors = output.try_clone()?;
    let process = Command::new("sh")
        .envs(variables(setup.transport, directory))
        .args(["-c", SCRIPT])
        .arg((setup.memory / 1024).to_string())
        .arg(setup.files.map_or_else(|| "-".to_owned(), |files| files.to_string()))
        .arg(&setup.binary)
        .args(["serve", "--bind", "127.0.0.1:0", "--print-ready", "json", "--config"])
        .arg(directory.join("server.toml"))
        .arg("--data-dir")
        .arg(directory.join("store"))
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .context("sh")?;
    let mut process = Process(process);
    let deadline = Instant::now() + START_MAX;
    loop {
        let printed = std::fs::read_to_string(directory.join("output"))?;
        let ready = printed.lines().find_map(|line| serde_json::from_str(line).ok());
        if let Some(ready) = ready {
            return Ok((process, ready));
        }
        if let Some(status) = process.0.try_wait()? {
            bail!("it ended with {status} before it listened: {}", last_words(directory));
        }
        if Instant::now() >= deadline {
            bail!("it did not listen within {} s", START_MAX.as_secs());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn last_words(directory: &Path) -> String {
    let printed = std::fs::read(directory.join("output")).unwrap_or_default();
    let printed = String::from_utf8_lossy(&printed);
    let lines: Vec<&str> = printed.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" | ").chars().take(400).collect()
}
