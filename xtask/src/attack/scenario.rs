//! What an attack consists of: its name, the server that it needs, and what it does. The attacks themselves are in `attacks`.

use std::pin::Pin;

use super::arena::Arena;
use super::transport::Transport;

/// The configuration of servers whose attack needs no other.
pub(super) const QUIET: &str = "[http]\nlog-enabled = false\n";

/// A running attack. An error means that it could not be carried out.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// An attack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    /// What it does, in a line.
    pub(super) about: &'static str,
    /// The configuration of the server.
    pub(super) config: &'static str,
    /// Whether the server demands passwords.
    pub(super) has_login: bool,
    /// The limit on the server's open files, if it is low.
    pub(super) files: Option<u32>,
    /// Whether the good client's writes, which go to another database, must not be held up.
    pub(super) is_elsewhere: bool,
    /// The only transport that it makes sense over.
    pub(super) transport: Option<Transport>,
    pub(super) run: for<'a> fn(&'a Arena) -> Running<'a>,
}

impl Attack {
    /// An attack that does nothing to a server with default settings.
    pub(super) const PLAIN: Attack = Attack {
        name: "",
        about: "",
        config: QUIET,
        has_login: false,
        files: None,
        is_elsewhere: false,
        transport: None,
        run: |_| Box::pin(async { Ok(()) }),
    };
}
