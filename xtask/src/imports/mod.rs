//! No two files of a crate use each other, so that each can be read on its own.
//!
//! Tests are exempt: they belong to the file that they test.

mod graph;
mod source;
mod tokens;

use crate::tree::File;
use graph::{Crate, Uses};

/// Returns a violation for each cycle of files within a crate.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let text = |path: &str| {
        let index = files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(files[index].text.as_str())
    };
    let mut violations = Vec::new();
    for root in roots(files) {
        let uses = Crate::read(&root, &text).uses();
        for (a, b) in graph::pairs(&uses) {
            violations.push(format!("{a} and {b} use each other ({}, {})", place(&uses, a, b), place(&uses, b, a)));
        }
        for cycle in graph::longer_cycles(&uses) {
            let next = cycle.iter().cycle().skip(1);
            let steps: Vec<String> = cycle.iter().zip(next).map(|(from, to)| place(&uses, from, to)).collect();
            violations.push(format!("{} files use each other in a cycle ({})", cycle.len(), steps.join(", ")));
        }
    }
    violations
}

/// Returns the root files of all crates: `lib.rs` and `main.rs` in a package's folder or in its `src`.
fn roots(files: &[File]) -> Vec<String> {
    let packages = files.iter().filter_map(|file| file.path.strip_suffix("Cargo.toml"));
    let candidates = packages
        .flat_map(|folder| ["lib.rs", "main.rs", "src/lib.rs", "src/main.rs"].map(|name| format!("{folder}{name}")));
    candidates.filter(|root| files.iter().any(|file| file.path == *root)).collect()
}

/// Returns the first use of one file by another, with its place.
fn place(uses: &Uses, from: &str, to: &str) -> String {
    let found = uses.get(&(from.to_owned(), to.to_owned()));
    found.map_or_else(String::new, |(line, path)| format!("{from}:{line} `{path}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The violations in a crate of the given files.
    fn violations(sources: &[(&str, &str)]) -> Vec<String> {
        let mut files: Vec<File> = sources.iter().map(|(path, text)| File::new(path, text)).collect();
        files.push(File::new("Cargo.toml", ""));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        check(&files)
    }

    #[test]
    fn two_files_that_use_each_other_are_a_violation() {
        let found = violations(&[
            ("src/lib.rs", "mod a;\nmod b;"),
            ("src/a.rs", "use super::b::B;\npub struct A;"),
            ("src/b.rs", "pub struct B;\nfn f() -> crate::a::A { todo() }"),
        ]);
        assert_eq!(
            found,
            ["src/a.rs and src/b.rs use each other (src/a.rs:1 `super::b::B`, src/b.rs:2 `crate::a::A`)"]
        );
    }

    #[test]
    fn a_longer_cycle_is_a_violation() {
        let found = violations(&[
            ("src/lib.rs", "mod a;\nmod b;\nmod c;"),
            ("src/a.rs", "use super::b;"),
            ("src/b.rs", "use super::c;"),
            ("src/c.rs", "use super::a;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("3 files use each other in a cycle (src/a.rs:1 `super::b`, "), "{found:?}");
    }

    #[test]
    fn use_in_one_direction_is_fine() {
        let lib = ("src/lib.rs", "mod a;\nmod b;");
        assert!(violations(&[lib, ("src/a.rs", "use super::b::B;"), ("src/b.rs", "pub struct B;")]).is_empty());
        let strings = "// use super::a;\nconst TEXT: &str = \"super::a\";\nuse b::a;";
        assert!(violations(&[lib, ("src/a.rs", "use super::b;"), ("src/b.rs", strings)]).is_empty());
    }

    #[test]
    fn tests_may_use_anything() {
        let test = "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}";
        let crate_files = [("src/lib.rs", "mod a;\nmod b;"), ("src/a.rs", "use super::b::B;"), ("src/b.rs", test)];
        assert!(violations(&crate_files).is_empty());
        let file =
            [("src/lib.rs", "#[cfg(test)]\nmod tests;\nuse a::A;\nmod a;"), ("src/tests.rs", "use super::a::A;")];
        assert!(violations(&[&file[..], &[("src/a.rs", "pub struct A;")]].concat()).is_empty());
    }

    #[test]
    fn a_parent_may_pass_on_what_its_children_define() {
        let children = [("src/a/b.rs", "use super::C;\nuse super::D;\npub struct B;"), ("src/a/c.rs", "pub struct C;")];
        for (parent, expected) in [
            ("mod b;\nmod c;\npub use b::B;\npub(crate) use c::C;\npub struct D;", 0),
            ("mod b;\nmod c;\npub use b::B;\nuse c::C;\npub struct D(B);", 1),
            ("mod b;\nmod c;\nuse c::C;\npub struct D;\nfn f() { b::g(); }", 1),
        ] {
            let found = violations(&[&children[..], &[("src/lib.rs", "mod a;"), ("src/a/mod.rs", parent)]].concat());
            assert_eq!(found.len(), expected, "{parent}: {found:?}");
        }
    }

    #[test]
    fn a_re_export_counts_as_the_file_that_defines_the_item() {
        let found = violations(&[
            ("src/lib.rs", "mod a;\nmod b;\npub use a::*;\npub use b::B as Other;"),
            ("src/a.rs", "use crate::Other;\npub struct A;"),
            ("src/b.rs", "use crate::A;\npub struct B;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn inline_modules_belong_to_their_file() {
        let found = violations(&[
            ("src/lib.rs", "mod a;\nmod b;"),
            ("src/a.rs", "pub mod inner {\n    use super::super::b::B;\n    pub struct A;\n}"),
            ("src/b.rs", "use super::a::inner::A;\npub struct B;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
