//! The cases that a command is about.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::case::{Case, Level};
use crate::claims::Claim;
use crate::suite::{Selection, Suite, SuiteError};

/// Options that select cases.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Only the cases of these areas (the first word of their identifiers).
    #[arg(long, value_delimiter = ',')]
    area: Vec<String>,
    /// Only what the server claims to do.
    #[arg(long = "claim", value_enum, value_delimiter = ',', value_name = "CLAIM")]
    pub(crate) claims: Vec<Claim>,
    /// Only the cases of these levels.
    #[arg(long, value_enum, value_delimiter = ',')]
    level: Vec<Level>,
    /// Only these cases; a prefix of identifiers up to a dot selects all of them.
    #[arg(long = "case", value_name = "ID", value_delimiter = ',')]
    ids: Vec<String>,
    /// Only the cases that cite these clauses; a prefix of identifiers up to a dot selects all of them.
    #[arg(long = "clause", value_name = "CLAUSE", value_delimiter = ',')]
    pub(crate) clauses: Vec<String>,
    /// Read cases from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
}

impl Chosen {
    /// All cases that there are to choose from.
    pub(crate) fn suite(&self) -> Result<Suite, SuiteError> {
        suite(self.cases.as_deref())
    }

    /// The cases of `suite` that are selected.
    pub(crate) fn of<'s>(&self, suite: &'s Suite) -> Vec<&'s Case> {
        suite.select(&Selection {
            areas: self.area.clone(),
            claims: self.claims.clone(),
            levels: self.level.clone(),
            ids: self.ids.clone(),
            clauses: self.clauses.clone(),
        })
    }
}

/// The cases of a folder, or the embedded ones.
pub(crate) fn suite(folder: Option<&Path>) -> Result<Suite, SuiteError> {
    folder.map_or_else(Suite::embedded, Suite::read)
}
