//! Rules for files: each Rust file begins with a summary of its contents, is named after its subject, and is rarely long; no file mentions a
//! place outside the repository.

use std::sync::LazyLock;

use regex::Regex;

use crate::tree::File;

/// Names that do not say what a file is about.
const FORBIDDEN_NAMES: [&str; 5] = ["utils.rs", "helpers.rs", "common.rs", "misc.rs", "types.rs"];

/// Longer files are reported as warnings.
const LINES_MAX: usize = 600;

/// The shortest acceptable first line.
const FIRST_LINE_MIN: usize = "//! ".len() + 12;

/// Paths of a developer's machine. The pattern is assembled so that this file does not match it.
static WORKPLACE: LazyLock<Regex> = LazyLock::new(|| {
    let absolute = concat!("(?:/wo", "rk/|/tmp/w", "t/)");
    let relative = concat!(r"(?:\.\./)*sha", "red/(?:recordings|behaviour|design|seed|tools|hooks)");
    Regex::new(&format!(r#"(?:^|[\s"'`(=\[:<>])(?:{absolute}|{relative})"#))
        .unwrap_or_else(|error| unreachable!("a constant pattern: {error}"))
});

/// Returns the violations in the given files.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        let path = &file.path;
        if file.is_rust() {
            let first = file.text.lines().next().unwrap_or_default();
            if !first.starts_with("//! ") || first.len() < FIRST_LINE_MIN {
                violations.push(format!("{path}:1: begin with a `//!` paragraph that summarises the contents"));
            }
            let name = path.rsplit('/').next().unwrap_or_default();
            if FORBIDDEN_NAMES.contains(&name) {
                violations.push(format!("{path}: name the file after its subject"));
            }
        }
        for (i, line) in file.text.lines().enumerate().filter(|(_, line)| WORKPLACE.is_match(line)) {
            violations.push(format!("{path}:{}: mentions a place outside the repository: {}", i + 1, line.trim()));
        }
    }
    violations
}

/// Returns a warning for each Rust file that is too long.
pub(crate) fn long(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            found.push(format!("{} has {lines} lines: consider splitting it", file.path));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(path: &str, text: &str) -> usize {
        check(&[File::new(path, text)]).len()
    }

    #[test]
    fn a_rust_file_begins_with_a_summary() {
        assert_eq!(violations("src/a.rs", "//! A summary in one sentence.\n"), 0);
        for text in ["", "//! x\n", "use std::fmt;\n", "/// About an item.\n"] {
            assert_eq!(violations("src/a.rs", text), 1, "{text}");
        }
        assert_eq!(violations("a.toml", "[package]\n"), 0);
    }

    #[test]
    fn a_file_is_named_after_its_subject() {
        assert_eq!(violations("src/utils.rs", "//! A summary in one sentence.\n"), 1);
    }

    #[test]
    fn places_outside_the_repository_are_not_mentioned() {
        for place in [concat!("/wo", "rk/x"), concat!("see `/tmp/w", "t/x`"), concat!("in ../sha", "red/seed/x")] {
            assert_eq!(violations("README.md", place), 1, "{place}");
        }
        for fine in [concat!("https://x.org/wo", "rk/x"), "work/x", concat!("a sha", "red/secret"), "shared/log"] {
            assert_eq!(violations("README.md", fine), 0, "{fine}");
        }
    }

    #[test]
    fn long_files_are_reported() {
        let files = [File::new("a.rs", &"\n".repeat(601)), File::new("b.rs", &"\n".repeat(600))];
        assert_eq!(long(&files).len(), 1);
    }
}
