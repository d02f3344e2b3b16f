//! The arguments of each command. Their comments are the help that `--help` prints.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::engine::ClockSetting;

/// A server for the InfluxDB 1.2 HTTP API.
#[derive(Debug, Parser)]
#[command(name = "fluxstone", version)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve the API until interrupted.
    Serve(ServeArguments),
    /// Print the effective settings, as a configuration file.
    Config(ConfigArguments),
    /// Check every stored file, report what is damaged and what is lost with it, and repair it on request.
    Repair(RepairArguments),
}

/// The source of the settings.
#[derive(Debug, Default, Args)]
pub(super) struct ConfigArguments {
    /// A configuration file in InfluxDB's format.
    #[arg(long, value_name = "FILE", env = "INFLUXDB_CONFIG_PATH")]
    pub(super) config: Option<PathBuf>,
    /// Warn of keys that InfluxDB 1.x does not have, instead of refusing them.
    #[arg(long, env = "FLUXSTONE_LENIENT_CONFIG", value_parser = FalseyValueParser::new())]
    pub(super) lenient_config: bool,
}

/// Settings on the command line override all others.
#[derive(Debug, Default, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    /// The address to listen on; port 0 is any free port.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) bind: Option<String>,
    /// The directory of the data.
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    pub(super) data_dir: Option<PathBuf>,
    /// Keep data in a temporary directory that is removed at exit.
    #[arg(long)]
    pub(super) ephemeral: bool,
    /// Require credentials, whatever the configuration says.
    #[arg(long)]
    pub(super) auth: bool,
    /// Write the number of the process to this file.
    #[arg(long, value_name = "FILE")]
    pub(super) pidfile: Option<PathBuf>,
    /// Print address, version and data directory in this form once clients can connect.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub(super) print_ready: ReadyForm,
    #[command(flatten)]
    pub(super) control: ControlArguments,
    /// Whether it is called by the name `influxd`.
    #[arg(skip)]
    pub(super) as_influxd: bool,
}

/// What tests of clients ask for.
#[derive(Debug, Default, Args)]
pub(super) struct ControlArguments {
    /// The clock, for tests: `fixed:TIME` stands still, `offset:DURATION` and `offset:TIME` run, `system` is the default.
    #[arg(long, value_name = "CLOCK", default_value_t)]
    pub(super) clock: ClockSetting,
    /// Let clients move the clock, script faults, read the requests of others, and drop everything: for tests only.
    #[arg(long)]
    pub(super) allow_control: bool,
    /// A file of faults in TOML, or in JSON if its name ends in .json.
    #[arg(long, value_name = "FILE", requires = "allow_control")]
    pub(super) faults: Option<PathBuf>,
}

/// How a server says that clients can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum ReadyForm {
    /// Lines for people.
    #[default]
    Text,
    /// One line of JSON with `url`, `scheme`, `address`, `socket`, `udp`, `version`, `data_dir` and `pid`.
    Json,
}

/// The server must not be running.
#[derive(Debug, Args)]
pub(super) struct RepairArguments {
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    /// The directory of the data.
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Do what the report says: restore or rewrite damaged files, set aside what cannot be kept, and delete nothing.
    #[arg(long)]
    pub(super) cut: bool,
}
