//! The repository's chores: `cargo xtask <chore>`.
//!
//! | chore | what it checks or does |
//! |---|---|
//! | `check` | first lines and names of files, mentions of places outside the repository |
//! | `spec` | the clauses, the citations of them, and that no identifier vanishes |
//! | `fuzz-smoke` | runs every fuzz target for a few seconds |
//! | `influxdb` | runs the conformance suite against an installed InfluxDB, a server that no one here wrote |
//! | `kill-rounds` | kills the server while clients write, many times, and looks for what was acknowledged |
//! | `compare` | measures writes and queries beside another server, in one run |

mod citations;
mod compare;
mod compat;
mod files;
mod fuzz;
mod imports;
mod influxdb;
mod kills;
mod lock;
mod seeds;
mod spec;
mod tree;

use std::process::ExitCode;

use clap::Parser;

/// The repository's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Check the rules of the house: floors, files, names.
    Check,
    /// Check the specification against the cases and tests that cite it.
    Spec {
        /// Print every clause with its evidence.
        #[arg(long)]
        matrix: bool,
        /// Note new identifiers in `conformance/ids.lock`.
        #[arg(long)]
        bless: bool,
    },
    /// Run every fuzz target for a short time, if cargo-fuzz is installed.
    FuzzSmoke {
        /// Only the targets whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
        /// How long each target runs.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// Run the conformance suite against InfluxDB, if `influxd` is installed.
    Influxdb,
    /// Kill the server while clients write, and look for what was acknowledged.
    KillRounds(kills::Options),
    /// Measure what writes and queries cost beside another server, in one run.
    Compare(compare::Options),
}

fn main() -> ExitCode {
    let done = match Chore::parse() {
        Chore::Check => check(),
        Chore::Spec { matrix, bless } => spec::check(&tree::root(), matrix, bless),
        Chore::FuzzSmoke { only, seconds } => fuzz::smoke(&tree::root(), &only, seconds),
        Chore::Influxdb => influxdb::judge(&tree::root()),
        Chore::KillRounds(options) => kills::rounds(&tree::root(), &options),
        Chore::Compare(options) => compare::compare(&tree::root(), &options),
    };
    match done {
        Ok(violations) if violations.is_empty() => ExitCode::SUCCESS,
        Ok(violations) => {
            for violation in &violations {
                eprintln!("error: {violation}");
            }
            eprintln!("{} violations", violations.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> anyhow::Result<Vec<String>> {
    let files = tree::read(&tree::root())?;
    let mut violations = compat::check(&files);
    violations.extend(files::check(&files));
    violations.extend(imports::check(&files));
    for warning in files::long(&files) {
        println!("warning: {warning}");
    }
    Ok(violations)
}
