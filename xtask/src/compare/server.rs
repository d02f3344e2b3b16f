//! The servers: started on free loopback ports with data in temporary directories, or already running.
//!
//! Both get the same configuration file: every write is on disk before it is acknowledged, there are no limits, and data in memory is
//! written to files soon after the last write, so that a server settles. Settings that one server does not know have no effect on it,
//! such as the profile that makes Fluxstone answer exactly as InfluxDB does.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use super::client::Connection;
use crate::usage;

/// The longest time from start to the first answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server that can be started, or is already running.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// A short name, for the head of a column.
    pub(super) name: String,
    /// Its name and version, as it prints them.
    pub(super) title: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// A binary, and its arguments before the path of the configuration file.
    Binary(PathBuf, &'static [&'static str]),
    /// `host:port`, and the process id if its costs are to be measured.
    Address(String, Option<u32>),
}

/// A server that answers. If it was started here, it is killed on drop.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: String,
    /// The process whose costs are measured.
    pid: Option<u32>,
    started: Option<Started>,
}

#[derive(Debug)]
struct Started {
    process: Child,
    directory: TempDir,
}

impl Program {
    /// Returns the server of this repository.
    pub(super) fn fluxstone(binary: &Path) -> anyhow::Result<Program> {
        Program::binary("Fluxstone", binary, &["--version"], &["serve", "--config"])
    }

    /// Returns the other server: a URL, with the process id of its server if it is known, or the binary of an InfluxDB.
    pub(super) fn peer(text: &str, pid: Option<u32>) -> anyhow::Result<Program> {
        let Some(address) = text.strip_prefix("http://") else {
            return Program::binary("InfluxDB", Path::new(text), &["version"], &["-config"]);
        };
        let address = address.trim_end_matches('/');
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
        Ok(Program { name: "peer".to_owned(), title: text.to_owned(), place: Place::Address(address, pid) })
    }

    fn binary(name: &str, path: &Path, version: &[&str], serve: &'static [&'static str]) -> anyhow::Result<Program> {
        let asked = Command::new(path).args(version).stderr(Stdio::null()).output();
        let output = asked.with_context(|| path.display().to_string())?;
        let title = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Program { name: name.to_owned(), title, place: Place::Binary(path.to_owned(), serve) })
    }
}

impl Server {
    /// Starts a server and waits until it answers.
    pub(super) async fn start(program: &Program) -> anyhow::Result<Server> {
        let mut server = match &program.place {
            Place::Address(address, pid) => Server { address: address.clone(), pid: *pid, started: None },
            Place::Binary(path, serve) => Server::spawn(path, serve)?,
        };
        server.wait_for_answer().await.with_context(|| program.name.clone())?;
        Ok(server)
    }

    fn spawn(path: &Path, serve: &[&str]) -> anyhow::Result<Server> {
        let directory = tempfile::Builder::new().prefix("compare-").tempdir()?;
        let address = free_address()?;
        let config = directory.path().join("server.conf");
        std::fs::write(&config, configuration(&address, &free_address()?, directory.path()))?;
        let output = || std::fs::File::create(directory.path().join("output")).map(Stdio::from);
        let process = Command::new(path)
            .args(serve)
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?)
            .spawn()
            .with_context(|| path.display().to_string())?;
        Ok(Server { address, pid: Some(process.id()), started: Some(Started { process, directory }) })
    }

    async fn wait_for_answer(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let answer = match Connection::open(&self.address).await {
                Ok(mut connection) => connection.ping().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            if let Some(started) = &mut self.started
                && let Some(status) = started.process.try_wait()?
            {
                let output = std::fs::read(started.directory.path().join("output")).unwrap_or_default();
                bail!("it exited with {status}: {}", String::from_utf8_lossy(&output));
            }
        }
    }

    /// Returns the CPU time used so far, in seconds, if its process is known.
    pub(super) fn cpu_s(&self) -> anyhow::Result<Option<f64>> {
        self.pid.map(usage::cpu_s).transpose()
    }

    /// Returns the peak memory so far, in bytes, if its process is known.
    pub(super) fn peak_memory(&self) -> anyhow::Result<Option<u64>> {
        self.pid.map(usage::peak_memory).transpose()
    }

    /// Returns the size of all files, in bytes, if the server was started here.
    pub(super) fn disk_bytes(&self) -> anyhow::Result<Option<u64>> {
        self.started.as_ref().map(|started| usage::disk_bytes(&started.directory.path().join("store"))).transpose()
    }
}

/// The directory is removed after the process has ended.
impl Drop for Started {
    fn drop(&mut self) {
        // These fail only if the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn configuration(address: &str, backup_address: &str, directory: &Path) -> String {
    let path = |name: &str| directory.join("store").join(name).display().to_string();
    format!(
        r#"reporting-disabled = true
bind-address = {backup_address:?}

[meta]
dir = {:?}

[data]
dir = {:?}
wal-dir = {:?}
wal-fsync-delay = "0s"
max-series-per-database = 0
max-values-per-tag = 0
cache-snapshot-write-cold-duration = "3s"
compact-full-write-cold-duration = "6s"
compact-throughput = "1g"
compact-throughput-burst = "1g"

[http]
bind-address = {address:?}
log-enabled = false

[monitor]
store-enabled = false

[compat]
profile = "1.2.4"
"#,
        path("meta"),
        path("data"),
        path("wal"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_running_server() {
        for (url, expected) in [("http://127.0.0.1:8086/", "127.0.0.1:8086"), ("http://db.example", "db.example:80")] {
            let program = Program::peer(url, Some(7)).unwrap();
            assert!(matches!(&program.place, Place::Address(address, Some(7)) if address == expected), "{program:?}");
        }
    }

    #[test]
    fn the_error_for_a_missing_binary_has_its_path() {
        let error = Program::peer("/nowhere/influxd", None).unwrap_err();
        assert!(format!("{error:#}").starts_with("/nowhere/influxd: "));
    }
}
