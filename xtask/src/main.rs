//! The repository's chores: `cargo xtask <chore>`.
//!
//! | chore | purpose |
//! |---|---|
//! | `check` | checks the first lines and names of files, mentions of places outside the repository, files of a crate that use each other, compatibility points that nothing reads, and faults whose place is gone |
//! | `spec` | checks the clauses, their citations, the cases of the table of privileges, and that no identifier is removed |
//! | `book` | builds the specification as a book, with the cases and tests of each clause, and checks its links |
//! | `fuzz-smoke` | runs every fuzz target for a few seconds |
//! | `results` | runs the conformance suite against the servers that are installed, and compares with the published results |
//! | `pictures` | takes pictures of the explorer for the README |
//! | `mutants` | puts faults into the server, one at a time, and checks that a conformance case notices each |
//! | `kill-rounds` | kills the server many times while clients write, and checks that no acknowledged write is lost |
//! | `attack` | attacks the server under a limit on its memory, and checks that it survives, serves others, and loses nothing |
//! | `compare` | compares the cost of writes and queries with another server's, in one run |
//! | `release` | builds archives of the server and of the conformance runner for this machine |
//! | `guard` | counts the instructions of the hot paths, and compares them with those that are committed |

mod archives;
mod attack;
mod book;
mod built;
mod citations;
mod compare;
mod compat;
mod evidence;
mod files;
mod fuzz;
mod guard;
mod imports;
mod kills;
mod lock;
mod map;
mod mutants;
mod pictures;
mod privileges;
mod results;
mod seeds;
mod spec;
mod tree;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// The repository's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Check the repository's rules for files, imports, compatibility points and faults.
    Check,
    /// Check the specification against the cases and tests that cite it, and what these are worth.
    Spec {
        /// Print every clause with its evidence.
        #[arg(long)]
        matrix: bool,
        /// Write the cases of the table of privileges and `conformance/faults/evidence.txt`, and add new identifiers to
        /// `conformance/ids.lock`.
        #[arg(long)]
        bless: bool,
    },
    /// Build the specification as a book, and check its links. Needs mdbook.
    Book(book::Options),
    /// Run every fuzz target for a short time. Needs cargo-fuzz.
    FuzzSmoke {
        /// Run only the targets whose names contain this.
        #[arg(long, default_value = "")]
        only: String,
        /// The duration of each target's run, in seconds.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// Run the conformance suite against this server and others that are installed, and compare with `conformance/results`.
    Results(results::Options),
    /// Take pictures of the explorer for the README. Needs Chromium.
    Pictures(pictures::Options),
    /// Put faults into the server, one at a time, and check that a conformance case notices each.
    Mutants(mutants::Options),
    /// Kill the server while clients write, and check that no acknowledged write is lost.
    KillRounds(kills::Options),
    /// Attack the server, and check that it survives, serves others, and loses nothing.
    Attack(attack::Options),
    /// Compare the cost of writes and queries with another server's, in one run.
    Compare(compare::Options),
    /// Build archives of the server and of the conformance runner for this machine, with their checksums.
    Release {
        /// The folder for the archives.
        #[arg(long, value_name = "DIR", default_value = "target/archives")]
        output: PathBuf,
    },
    /// Count the instructions of the hot paths, and compare them with the committed counts. Needs valgrind.
    Guard(guard::Options),
}

fn main() -> ExitCode {
    let done = match Chore::parse() {
        Chore::Check => check(),
        Chore::Spec { matrix, bless } => spec::check(&tree::root(), matrix, bless),
        Chore::Book(options) => book::build(&tree::root(), &options),
        Chore::FuzzSmoke { only, seconds } => fuzz::smoke(&tree::root(), &only, seconds),
        Chore::Results(options) => results::judge(&tree::root(), &options),
        Chore::Pictures(options) => pictures::take(&tree::root(), &options),
        Chore::Mutants(options) => mutants::measure(&tree::root(), &options),
        Chore::KillRounds(options) => kills::rounds(&tree::root(), &options),
        Chore::Attack(options) => attack::attack(&tree::root(), &options),
        Chore::Compare(options) => compare::compare(&tree::root(), &options),
        Chore::Release { output } => archives::write(&tree::root(), &output),
        Chore::Guard(options) => guard::guard(&tree::root(), &options),
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
    violations.extend(map::check(&files));
    violations.extend(files::check(&files));
    violations.extend(imports::check(&files));
    violations.extend(mutants::check(&tree::root())?);
    for warning in files::long(&files) {
        println!("warning: {warning}");
    }
    Ok(violations)
}
