//! The command line: `fluxstone serve`, `fluxstone config` and `fluxstone repair`, or that of `influxd`. What a server needs to run is left to
//! [`Server`](crate::Server).

mod arguments;
mod error;
mod influxd;
mod logging;
mod repair;
mod serve;
mod settings;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use error::CommandError;
use influxd::Invocation;

use crate::StartError;
use crate::config::Logging;
use crate::storage::StorageError;

/// Runs the command that the arguments of the process ask for.
pub fn run() -> ExitCode {
    let result = if influxd::is_influxd(std::env::args_os().next().as_ref()) {
        match influxd::invocation(std::env::args_os()) {
            Invocation::Run(arguments) => serve::serve(&arguments),
            Invocation::Config(arguments) => settings::print_settings(&arguments),
            Invocation::Version => {
                println!("InfluxDB v1.2.4 (Fluxstone {})", env!("CARGO_PKG_VERSION"));
                Ok(())
            }
        }
    } else {
        match Arguments::parse().command {
            Command::Serve(arguments) => serve::serve(&arguments),
            Command::Config(arguments) => settings::print_settings(&arguments),
            Command::Repair(arguments) => {
                logging::begin(&Logging::default());
                repair::repair(&arguments)
            }
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
