//! The rule for the names of databases and retention policies.

use fluxstone_go::is_printable;

/// Whether `name` is valid: printable, without path separators, and neither `.` nor `..`.
pub(super) fn is_valid_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.chars().all(|c| !matches!(c, '/' | '\\') && is_printable(c))
}
