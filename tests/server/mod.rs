//! Starts the real server for a test, on a free loopback port, and stops it on drop.
//!
//! The environment variable `FLUXSTONE_SERVER` replaces the binary that was built with the test.

#![allow(dead_code, reason = "each integration test uses a part of it")]
#![allow(unreachable_pub, reason = "a test crate has no interface to keep small")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a server whose data is removed when it stops.
    pub fn ephemeral() -> Server {
        Server::start(&["--ephemeral"])
    }

    /// Starts a server with a configuration file, whose data is removed when it stops.
    pub fn with_config(config: &Path) -> Server {
        Server::start(&["--ephemeral", "--config", &config.display().to_string()])
    }

    /// Starts a server with these arguments, whose data is removed when it stops.
    pub fn start_with(arguments: &[&str]) -> Server {
        Server::start(&[&["--ephemeral"], arguments].concat())
    }

    /// Starts a server on a data directory that is kept.
    pub fn on(data_dir: &Path) -> Server {
        Server::start(&["--data-dir", &data_dir.display().to_string()])
    }

    /// Starts a server with a configuration file, on a data directory that is kept.
    pub fn on_with_config(data_dir: &Path, config: &Path) -> Server {
        Server::start(&["--data-dir", &data_dir.display().to_string(), "--config", &config.display().to_string()])
    }

    /// Starts a server with a configuration file, on a data directory that may be damaged, and keeps its messages in a file. Returns
    /// `None` if it refuses to start.
    pub fn try_on(data_dir: &Path, config: &Path, messages: File) -> Option<Server> {
        let mut command = Command::new(Server::program());
        command.stderr(messages);
        let (data_dir, config) = (data_dir.display().to_string(), config.display().to_string());
        Server::try_spawn(command, &["--data-dir", &data_dir, "--config", &config])
    }

    /// Starts a server through another command, whose last arguments are the server's binary and arguments.
    pub fn run_by(mut command: Command, arguments: &[&str]) -> Server {
        command.arg(Server::program());
        Server::spawn(command, arguments)
    }

    /// Starts a server through another command, as [`run_by`](Server::run_by) does, with a configuration file and data that is removed
    /// when it stops.
    pub fn run_by_with_config(command: Command, config: &Path) -> Server {
        Server::run_by(command, &["--ephemeral", "--config", &config.display().to_string()])
    }

    fn start(arguments: &[&str]) -> Server {
        Server::spawn(Command::new(Server::program()), arguments)
    }

    pub fn program() -> OsString {
        std::env::var_os("FLUXSTONE_SERVER").unwrap_or_else(|| env!("CARGO_BIN_EXE_fluxstone").into())
    }

    fn spawn(command: Command, arguments: &[&str]) -> Server {
        Server::try_spawn(command, arguments).expect("the server ended without printing its address")
    }

    fn try_spawn(mut command: Command, arguments: &[&str]) -> Option<Server> {
        let mut process = command
            .args(["serve", "--bind", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let output = BufReader::new(process.stdout.take().expect("standard output is piped"));
        let address = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("listening on http://").map(|(_, address)| address.trim().to_owned()));
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            let _ = process.kill();
            let _ = process.wait();
            return None;
        };
        Some(Server { process, address })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, so that it can neither clean up nor flush.
    pub fn kill(mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    /// Asks it to shut down, so that it removes temporary data.
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        let asked = Command::new("kill").arg(self.process.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}
