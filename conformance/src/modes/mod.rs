//! The commands beside running and writing cases: what belongs to a clause, two servers side by side, copies of the cases for other runners,
//! and cases made of recordings.

mod compare;
mod copy;
mod explain;
mod import;
mod pair;
mod random;
mod shrink;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

/// A command of this module.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Show a clause of the specification, or those of a case, with all cases about it.
    Explain {
        /// The identifier of a clause or a case, or a prefix of several clauses.
        id: String,
    },
    /// Send the same requests to two servers, and report where the answers of the second differ from those of the first.
    Compare(Box<compare::CompareArgs>),
    /// Write the cases, and a JSON form of them with its schema, for other runners.
    Copy {
        /// The folder to write to. Files of the same names are replaced.
        folder: PathBuf,
    },
    /// Make cases of recorded requests and answers, printed as a case file.
    Import(import::ImportArgs),
}

/// Executes a command.
pub(crate) async fn execute(mode: Mode) -> anyhow::Result<ExitCode> {
    match mode {
        Mode::Explain { id } => explain::explain(&mut std::io::stdout().lock(), &id)?,
        Mode::Compare(args) => return compare::compare(*args).await,
        Mode::Copy { folder } => copy::copy(&folder)?,
        Mode::Import(args) => import::import(&mut std::io::stdout().lock(), &args)?,
    }
    Ok(ExitCode::SUCCESS)
}
