//! The command line: `fluxstone serve`, `fluxstone config` and `fluxstone repair`, or that of `influxd`. What a server needs to run is left to
//! [`Server`](crate::Server).

mod arguments;
mod error;
mod influxd;
mod repair;
mod serve;
mod settings;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use error::CommandError;
use influxd::Invocation;

use crate::StartError;
use crate::storage::StorageError;

/// Runs the command that the arguments of the process ask for.
pub fn run() -> ExitCode {
    let result = if influxd::is_influxd(std::env::args_os().next().as_ref()) {
        let invocation = influxd::invocation(std::env::args_os());
        log_to_stderr();
        match invocation {
            Invocation::Run(arguments) => serve::serve(&arguments),
            Invocation::Config(arguments) => settings::print_settings(&arguments),
            Invocation::Version => {
                println!("InfluxDB v1.2.4 (Fluxstone {})", env!("CARGO_PKG_VERSION"));
                Ok(())
            }
        }
    } else {
        let arguments = Arguments::parse();
        log_to_stderr();
        match arguments.command {
            Command::Serve(arguments) => serve::serve(&arguments),
            Command::Config(arguments) => settings::print_settings(&arguments),
            Command::Repair(arguments) => repair::repair(&arguments),
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fluxstone: {error}");
            if let CommandError::Start(StartError::Open { error, .. }) = &error {
                advise(error);
            }
            ExitCode::FAILURE
        }
    }
}

/// Says what to do about damage.
fn advise(error: &StorageError) {
    match error {
        StorageError::Damaged { path, .. } => {
            eprintln!("fluxstone: run `fluxstone repair` with the same settings to see what can be kept");
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("segment-")) {
                eprintln!(
                    "fluxstone: with `[data] start-without-damaged-segments = true` the server starts without that file"
                );
            }
        }
        StorageError::DamagedLog { .. } => {
            eprintln!("fluxstone: run `fluxstone repair` with the same settings to see what can be kept");
        }
        StorageError::WrongLog { .. } => {
            eprintln!(
                "fluxstone: if they are lost, run `fluxstone repair` with the same settings to see what can be kept"
            );
        }
        _ => {}
    }
}

/// Sets up the log. `FLUXSTONE_LOG` chooses what is logged, in the syntax of `tracing_subscriber::EnvFilter`.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var("FLUXSTONE_LOG")
        .from_env_lossy();
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
