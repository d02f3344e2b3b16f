//! The command line of InfluxDB's `influxd`, which the binary takes when it is called by that name, for programs that start InfluxDB.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use super::arguments::{ConfigArguments, ServeArguments};

/// A server for the InfluxDB 1.2 HTTP API, called as InfluxDB is called.
#[derive(Debug, Parser)]
#[command(name = "influxd", disable_version_flag = true, args_conflicts_with_subcommands = true)]
struct Influxd {
    #[command(subcommand)]
    command: Option<InfluxdCommand>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
enum InfluxdCommand {
    /// Run the server. This is what happens without a command, too.
    Run(RunArguments),
    /// Print the effective settings, as a configuration file.
    Config(FileArguments),
    /// Print the version.
    Version,
}

#[derive(Debug, Args)]
struct FileArguments {
    /// A configuration file.
    #[arg(long, value_name = "FILE", env = "INFLUXDB_CONFIG_PATH")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Write the number of the process to this file.
    #[arg(long, value_name = "FILE")]
    pidfile: Option<PathBuf>,
    /// Has no effect.
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
}

/// What `influxd` is asked to do.
#[derive(Debug)]
pub(super) enum Invocation {
    Run(ServeArguments),
    Config(ConfigArguments),
    Version,
}

/// Whether the process was called by the name `influxd`.
pub(super) fn is_influxd(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new("influxd")))
}

/// Reads the arguments after the name of the program. Exits with a message if they are wrong, or ask for help.
pub(super) fn invocation(arguments: impl Iterator<Item = OsString>) -> Invocation {
    let influxd = Influxd::parse_from(arguments.map(with_two_dashes));
    match influxd.command {
        None => Invocation::Run(serve_arguments(influxd.run)),
        Some(InfluxdCommand::Run(run)) => Invocation::Run(serve_arguments(run)),
        Some(InfluxdCommand::Config(file)) => Invocation::Config(config_arguments(file)),
        Some(InfluxdCommand::Version) => Invocation::Version,
    }
}

/// Go takes long options with one dash, too.
fn with_two_dashes(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text.starts_with('-') && !text.starts_with("--") && text.len() > 2 => format!("-{text}").into(),
        _ => argument,
    }
}

/// Files for InfluxDB are taken as they are: keys that no InfluxDB has are warnings.
fn config_arguments(file: FileArguments) -> ConfigArguments {
    ConfigArguments { config: file.config, lenient_config: true }
}

fn serve_arguments(run: RunArguments) -> ServeArguments {
    ServeArguments {
        config: config_arguments(run.file),
        pidfile: run.pidfile,
        as_influxd: true,
        ..ServeArguments::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoked(arguments: &[&str]) -> Invocation {
        invocation(arguments.iter().map(OsString::from))
    }

    // spec: http.influxd.1
    #[test]
    fn options_have_one_dash_or_two() {
        for arguments in [
            &["influxd", "-config", "a.conf", "-pidfile", "p"][..],
            &["influxd", "run", "-config=a.conf", "--pidfile=p"],
            &["/usr/bin/influxd", "--config", "a.conf", "-pidfile", "p", "-hostname", "h"],
        ] {
            let Invocation::Run(run) = invoked(arguments) else { panic!("{arguments:?}") };
            assert_eq!(run.config.config, Some(PathBuf::from("a.conf")));
            assert_eq!(run.pidfile, Some(PathBuf::from("p")));
            assert!(run.as_influxd && run.config.lenient_config);
        }
        assert!(matches!(invoked(&["influxd", "version"]), Invocation::Version));
        let Invocation::Config(config) = invoked(&["influxd", "config", "-config", "b"]) else { panic!("no config") };
        assert_eq!(config.config, Some(PathBuf::from("b")));
    }

    // spec: http.influxd.1
    #[test]
    fn the_name_decides() {
        for (name, expected) in [("influxd", true), ("/a/b/influxd", true), ("fluxstone", false), ("influxd2", false)] {
            assert_eq!(is_influxd(Some(&OsString::from(name))), expected, "{name}");
        }
        assert!(!is_influxd(None));
    }
}
