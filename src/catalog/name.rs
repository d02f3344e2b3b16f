//! The rule for the names of databases and retention policies.

use fluxstone_go::is_printable;

/// Whether a database or policy may be called `name`: printable, no path separator, not a directory's own names.
pub(super) fn is_valid_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.chars().all(|c| !matches!(c, '/' | '\\') && is_printable(c))
}
