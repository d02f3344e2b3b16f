//! The options that say how to connect to a server.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::target::{Target, Trust};

/// How to connect to a server.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Reach {
    /// The server, as a URL such as <http://127.0.0.1:8086> or <https://host/path>, or a unix socket as `unix:/path`.
    #[arg(long)]
    pub(crate) target: Option<Target>,
    /// Connect to this unix socket instead of the host and port of the target.
    #[arg(long, value_name = "PATH", requires = "target")]
    unix_socket: Option<PathBuf>,
    /// Accept any certificate of an https target.
    #[arg(long, requires = "target", conflicts_with = "ca")]
    insecure: bool,
    /// Accept the certificates of this PEM file, and those that they have signed, instead of the system's.
    #[arg(long, value_name = "FILE", requires = "target")]
    ca: Option<PathBuf>,
}

impl Reach {
    /// Returns the target that the options describe.
    pub(crate) fn target(&self) -> anyhow::Result<Target> {
        let target = self.target.clone();
        let mut target =
            target.context("give the server with --target, or for `run` the command that starts it with --cmd")?;
        if let Some(socket) = &self.unix_socket {
            target = target.through(socket);
        }
        let trust = match &self.ca {
            Some(file) => Trust::File(file.clone()),
            None if self.insecure => Trust::Any,
            None => return Ok(target),
        };
        Ok(target.trusting(trust)?)
    }
}
