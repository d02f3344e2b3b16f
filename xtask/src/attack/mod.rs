//! `cargo xtask attack`: whether a client can take the server down, starve others, or lose what was acknowledged, measured by attack.
//!
//! Each attack gets a server of its own, in release mode, under a limit on its address space. While it goes on, a good client measures how
//! long its requests take ([`observer`]). Afterwards the server must still be the same process, answer, give its memory back, have every
//! point that it acknowledged, also after it is killed and started again, and end when it is asked to. The bounds are in [`bounds`]. Every
//! attack is bounded in count and time and goes to loopback only; servers are stopped however the run ends.

mod arena;
mod attacks;
mod bounds;
mod client;
mod observer;
mod report;
mod scenario;
mod server;
mod transport;
mod trial;
mod wire;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use report::Outcome;
use scenario::Attack;
use transport::Transport;

use crate::built;

/// The attacks of `--short`, which CI runs. They take a minute together and stay clear of their bounds on slow machines.
const SHORT: &[&str] = &[
    "abandoned-writes",
    "large-numbers",
    "deep-nesting",
    "abandoned-logins",
    "trickled-bodies",
    "slow-heads",
    "silent-connections",
    "malformed",
    "half-closed",
    "bad-lines-gzip",
    "many-windows",
    "long-select-list",
    "show-field-keys",
    "shards-per-write",
    "removals-under-writes",
    "long-texts",
    "many-patterns",
    "bound-values",
    "udp-flood",
    "dead-subscriptions",
    "explorer-forms",
];

/// The attacks of `--short` over other transports than TCP.
const SHORT_ELSEWHERE: &[(&str, Transport)] =
    &[("handshakes", Transport::Tls), ("half-closed", Transport::Tls), ("half-closed", Transport::Unix)];

/// Which attacks to run, and against what.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// The server's binary; built in release mode by default.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The limit on the server's address space, in MiB.
    #[arg(long, default_value_t = bounds::MEMORY >> 20)]
    memory: u64,
    /// How clients reach the server. TCP by default, and with `--short` a few attacks over the others as well.
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// Run only the attacks for CI, and judge only what does not depend on the speed of the machine.
    #[arg(long)]
    short: bool,
    /// Run only the attacks with these names.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// List the attacks, and do not run any.
    #[arg(long)]
    list: bool,
    /// Also write the outcome as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the attacks. Broken bounds are violations.
pub(crate) fn attack(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    let chosen = choose(options)?;
    if options.list {
        for (attack, transport) in chosen {
            println!("{:28} {:4} {}", attack.name, transport.name(), attack.about);
        }
        return Ok(Vec::new());
    }
    let binary = built::server(root, options.server.as_deref())?;
    raise_open_files_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let memory = options.memory << 20;
    let outcomes: Vec<Outcome> = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut outcomes = Vec::new();
        for (attack, transport) in chosen {
            let outcome = tokio::select! {
                outcome = trial::run(attack, transport, &binary, memory, options.short) => outcome,
                // Dropping the other future kills the server and removes its files.
                _ = tokio::signal::ctrl_c() => bail!("interrupted"),
                _ = terminated.recv() => bail!("terminated"),
            };
            print!("{}", report::progress(&outcome));
            outcomes.push(outcome);
        }
        anyhow::Ok(outcomes)
    })?;
    println!("{}", report::table(&outcomes));
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&outcomes)?;
        std::fs::write(path, json + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(outcomes.iter().flat_map(Outcome::violations).collect())
}

/// Chooses attacks, each with its transport: the one that was asked for, or TCP unless it needs another.
fn choose(options: &Options) -> anyhow::Result<Vec<(&'static Attack, Transport)>> {
    let find = |name: &str| {
        attacks::all()
            .find(|attack| attack.name == name)
            .with_context(|| format!("there is no attack `{name}`: see --list"))
    };
    if !options.only.is_empty() {
        let chosen = options.only.iter().map(|name| {
            let attack = find(name)?;
            let transport = options.transport.or(attack.transport).unwrap_or(Transport::Tcp);
            if attack.transport.is_some_and(|only| only != transport) {
                bail!("{name} makes no sense over {}", transport.name());
            }
            Ok((attack, transport))
        });
        return chosen.collect();
    }
    let transport = options.transport.unwrap_or(Transport::Tcp);
    let chosen = attacks::all()
        .filter(|attack| attack.transport.is_none_or(|only| only == transport))
        .filter(|attack| !options.short || SHORT.contains(&attack.name))
        .map(|attack| (attack, transport));
    let mut chosen: Vec<_> = chosen.collect();
    if options.short && options.transport.is_none() {
        for &(name, transport) in SHORT_ELSEWHERE {
            chosen.push((find(name)?, transport));
        }
    }
    Ok(chosen)
}

/// Attacks need some 1,500 connections. What the limit does not allow fails with an error that names it.
fn raise_open_files_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        println!("warning: the limit on open files cannot be raised: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attacks_for_ci_exist() {
        for name in SHORT.iter().chain(SHORT_ELSEWHERE.iter().map(|(name, _)| name)) {
            assert!(attacks::all().any(|attack| attack.name == *name), "{name}");
        }
    }
}
