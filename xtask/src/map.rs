//! The map of the server, `src/lib.rs`, held against the files: each path that it names must exist.

use std::sync::LazyLock;

use regex::Regex;

use crate::tree::File;

const MAP: &str = "src/lib.rs";

/// A path in backticks that has a folder: a file, or a folder with a slash at its end.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`([a-z_]+/(?:[a-z_]+/)*(?:[a-z_]+\.rs)?)`").unwrap_or_else(|error| unreachable!("{error}"))
});

/// Returns a violation for each path on the map that does not exist under `src/` or at the root.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let Some(map) = files.iter().find(|file| file.path == MAP) else {
        return vec![format!("{MAP} is missing")];
    };
    let exists = |path: &str| {
        let is_there = |wanted: &str| {
            files
                .iter()
                .any(|file| if wanted.ends_with('/') { file.path.starts_with(wanted) } else { file.path == wanted })
        };
        is_there(path) || is_there(&format!("src/{path}"))
    };
    let docs = map.text.lines().filter(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    let paths = PATH.captures_iter(&docs).map(|found| found.extract::<1>().1[0]);
    paths.filter(|path| !exists(path)).map(|path| format!("{MAP}: `{path}` does not exist")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_on_the_map_exists() {
        let check =
            |map: &str| check(&[File::new(MAP, map), File::new("src/http/write.rs", ""), File::new("spec/a.md", "")]);
        assert!(
            check("//! `http/write.rs`, `http/`, `spec/`, `write.rs`, `a::b`\nlet x = \"`http/read.rs`\";").is_empty()
        );
        assert_eq!(check("//! `http/read.rs`"), ["src/lib.rs: `http/read.rs` does not exist"]);
        assert_eq!(check("//! `htt/`"), ["src/lib.rs: `htt/` does not exist"]);
    }
}
