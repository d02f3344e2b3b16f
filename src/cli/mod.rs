//! The command line: `fluxstone serve`, `fluxstone config` and `fluxstone repair`.

mod repair;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{ConfigError, Loaded, load};
use crate::storage::StorageError;

/// A server for the InfluxDB 1.2 HTTP API.
#[derive(Debug, Parser)]
#[command(name = "fluxstone", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until interrupted.
    Serve(ServeArguments),
    /// Print the effective settings, as a configuration file.
    Config(ConfigArguments),
    /// Say where the log is damaged, if a server does not start for that, and cut it there if asked to.
    Repair(RepairArguments),
}

/// Where settings come from.
#[derive(Debug, Args)]
struct ConfigArguments {
    /// A configuration file in InfluxDB's format.
    #[arg(long, value_name = "FILE", env = "INFLUXDB_CONFIG_PATH")]
    config: Option<PathBuf>,
}

/// Settings from the command line win over all others.
#[derive(Debug, Args)]
struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where to listen; port 0 is any free port.
    #[arg(long, value_name = "HOST:PORT")]
    bind: Option<String>,
    /// Where data are kept.
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data_dir: Option<PathBuf>,
    /// Keep data in a temporary directory that is removed at exit.
    #[arg(long)]
    ephemeral: bool,
    /// Ask requests for credentials, whatever the configuration says.
    #[arg(long)]
    auth: bool,
}

/// The server must not be running.
#[derive(Debug, Args)]
struct RepairArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where data are kept.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Keep what precedes the damage, and set aside what follows.
    #[arg(long)]
    cut: bool,
}

/// Why a command failed. Displays as the user sees it.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("can't read {}: {error}", path.display())]
    ConfigFile { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("can't listen on {address}: {error}")]
    Listen { address: String, error: std::io::Error },
    #[error("can't open the data in {}: {error}", path.display())]
    Open { path: PathBuf, error: StorageError },
    #[error("the log is damaged")]
    Damaged,
    #[error("{what}: {error}")]
    System { what: &'static str, error: std::io::Error },
    #[error("can't print the settings: {0}")]
    Print(#[from] toml::ser::Error),
}

/// Does what the process was asked to.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    let result = match arguments.command {
        Command::Serve(serve) => serve::serve(&serve),
        Command::Config(config) => print_settings(&config),
        Command::Repair(arguments) => repair::repair(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fluxstone: {error}");
            if matches!(error, CommandError::Open { error: StorageError::DamagedLog { .. }, .. }) {
                eprintln!("fluxstone: `fluxstone repair`, with the same settings, says what can be kept");
            }
            ExitCode::FAILURE
        }
    }
}

/// `FLUXSTONE_LOG` chooses what is logged, in the syntax of `tracing_subscriber::EnvFilter`.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var("FLUXSTONE_LOG")
        .from_env_lossy();
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

fn load_settings(arguments: &ConfigArguments) -> Result<Loaded, CommandError> {
    // Variables that are no text can't be ours.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let Some(path) = &arguments.config else { return Ok(load(None, environment)?) };
    let text = std::fs::read_to_string(path).map_err(|error| CommandError::ConfigFile { path: path.clone(), error })?;
    Ok(load(Some((&path.display().to_string(), &text)), environment)?)
}

fn print_settings(arguments: &ConfigArguments) -> Result<(), CommandError> {
    let mut loaded = load_settings(arguments)?;
    loaded.settings.data.wal_dir = loaded.settings.data.log_dir();
    print!("{}", toml::to_string(&loaded.settings)?);
    for warning in &loaded.warnings {
        eprintln!("fluxstone: {warning}");
    }
    for note in loaded.warnings.iter().chain(&loaded.without_effect) {
        println!("# {note}");
    }
    Ok(())
}
