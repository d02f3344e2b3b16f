//! Starts the real server for a test, on a free port of the loopback interface, and ends it when dropped. `FLUXSTONE_SERVER`
//! names another binary than the one that was built with the test.

#![allow(dead_code, reason = "each integration test uses a part of it")]
#![allow(unreachable_pub, reason = "a test crate has no interface to keep small")]

use std::ffi::OsString;
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
    /// A server whose data vanish with it.
    pub fn ephemeral() -> Server {
        Server::start(&["--ephemeral"])
    }

    /// A server whose data vanish with it, with a configuration file.
    pub fn with_config(config: &Path) -> Server {
        Server::start(&["--ephemeral", "--config", &config.display().to_string()])
    }

    /// A server on a data directory that stays.
    pub fn on(data_dir: &Path) -> Server {
        Server::start(&["--data-dir", &data_dir.display().to_string()])
    }

    /// A server on a data directory that stays, with a configuration file.
    pub fn on_with_config(data_dir: &Path, config: &Path) -> Server {
        Server::start(&["--data-dir", &data_dir.display().to_string(), "--config", &config.display().to_string()])
    }

    /// A server that another command runs: the arguments are its program and what that gets.
    pub fn run_by(mut command: Command, arguments: &[&str]) -> Server {
        command.arg(Server::program());
        Server::spawn(command, arguments)
    }

    fn start(arguments: &[&str]) -> Server {
        Server::spawn(Command::new(Server::program()), arguments)
    }

    fn program() -> OsString {
        std::env::var_os("FLUXSTONE_SERVER").unwrap_or_else(|| env!("CARGO_BIN_EXE_fluxstone").into())
    }

    fn spawn(mut command: Command, arguments: &[&str]) -> Server {
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
            panic!("the server ended without printing its address");
        };
        Server { process, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as a power cut would: no clean-up, no flush.
    pub fn kill(mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    /// Asks it to end, so that it removes what it made.
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
