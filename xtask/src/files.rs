//! Rules for files: each Rust file begins by saying what lives in it, names say what a file is about, nothing mentions a place
//! outside the repository, and a file is rarely long.

use std::sync::LazyLock;

use regex::Regex;

use crate::tree::File;

/// Names that say nothing.
const FORBIDDEN_NAMES: [&str; 5] = ["utils.rs", "helpers.rs", "common.rs", "misc.rs", "types.rs"];

/// Longer files are listed.
const LINES_MAX: usize = 600;

/// The shortest first line that can say what lives in a file.
const FIRST_LINE_MIN: usize = "//! ".len() + 12;

/// Folders of a workplace, at the beginning of a path. (Put together, so that this file does not mention them.)
static WORKPLACE: LazyLock<Regex> = LazyLock::new(|| {
    let absolute = concat!("(?:/wo", "rk/|/tmp/w", "t/)");
    let relative = concat!(r"(?:\.\./)*sha", "red/(?:recordings|behaviour|design|seed|tools|hooks)");
    Regex::new(&format!(r#"(?:^|[\s"'`(=\[:<>])(?:{absolute}|{relative})"#))
        .unwrap_or_else(|error| unreachable!("a constant pattern: {error}"))
});

/// The violations in the given files.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        let path = &file.path;
        if file.is_rust() {
            let first = file.text.lines().next().unwrap_or_default();
            if !first.starts_with("//! ") || first.len() < FIRST_LINE_MIN {
                violations.push(format!("{path}:1: begin with a `//!` paragraph that says what lives here"));
            }
            let name = path.rsplit('/').next().unwrap_or_default();
            if FORBIDDEN_NAMES.contains(&name) {
                violations.push(format!("{path}: name the file after what it is about"));
            }
        }
        for (i, line) in file.text.lines().enumerate().filter(|(_, line)| WORKPLACE.is_match(line)) {
            violations.push(format!("{path}:{}: mentions a place outside the repository: {}", i + 1, line.trim()));
        }
    }
    violations
}

/// The Rust files that are longer than they should be.
pub(crate) fn long(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            found.push(format!("{} has {lines} lines: is there an idea that wants its own file?", file.path));
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
    fn a_rust_file_begins_by_saying_what_lives_in_it() {
        assert_eq!(violations("src/a.rs", "//! What lives here, in a sentence.\n"), 0);
        for text in ["", "//! x\n", "use std::fmt;\n", "/// About an item.\n"] {
            assert_eq!(violations("src/a.rs", text), 1, "{text}");
        }
        assert_eq!(violations("a.toml", "[package]\n"), 0);
    }

    #[test]
    fn a_file_is_named_after_what_it_is_about() {
        assert_eq!(violations("src/utils.rs", "//! What lives here, in a sentence.\n"), 1);
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
    fn long_files_are_listed() {
        let files = [File::new("a.rs", &"\n".repeat(601)), File::new("b.rs", &"\n".repeat(600))];
        assert_eq!(long(&files).len(), 1);
    }
}
