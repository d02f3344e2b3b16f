//! The identifiers of the specification's clauses, for errors that name the one that a request did not keep.

use std::fmt;

/// A clause of the specification (`spec/*.md`). `cargo xtask spec` checks that each one that is named in the code exists.
///
/// ```
/// use fluxstone_model::Clause;
/// assert_eq!(Clause::new("http.q.1").to_string(), "http.q.1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Clause(&'static str);

impl Clause {
    /// The clause with this identifier, which must be written as a literal here, so that it can be checked.
    pub const fn new(id: &'static str) -> Clause {
        Clause(id)
    }

    /// The identifier.
    pub const fn id(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
