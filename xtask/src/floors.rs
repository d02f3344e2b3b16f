//! The floors of `src/`: a module uses the floors below its own, and on its own floor only what [`NEIGHBOURS`] allows.
//!
//! The table is the map in `src/lib.rs`, so that the map can't become untrue. Uses are found in the text as `crate::module`,
//! alone or in a group. Tests are held to the same rule, since a test that needs a higher floor belongs to that floor.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::tree::File;

/// Who may use whom on the same floor.
const NEIGHBOURS: [(&str, &str); 3] = [
    ("cli", "config"),
    // Snapshots implement the trait through which queries read.
    ("storage", "query"),
    // A value that is read from the settings.
    ("config", "compat"),
];

static ROW: LazyLock<Regex> = LazyLock::new(|| pattern(r"^//! \| ([0-9]+) \| ((?:\[`[a-z_]+`\](?:, )?)+) \|"));
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[`([a-z_]+)`\]"));
static MODULE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:pub )?mod ([a-z_]+);"));
static USE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bcrate::(?:([a-z_]+)|\{)"));

/// The violations in `src/`.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let Some(map) = files.iter().find(|file| file.path == "src/lib.rs") else {
        return vec!["src/lib.rs is missing".to_owned()];
    };
    let floors = floors(&map.text);
    let mut violations = Vec::new();
    for line in map.text.lines() {
        if let Some(module) = MODULE.captures(line).map(|c| c[1].to_owned())
            && !floors.contains_key(&module)
        {
            violations.push(format!("src/lib.rs: the map gives `{module}` no floor"));
        }
    }
    for file in files.iter().filter(|file| file.is_rust()) {
        let Some(module) = module_of(&file.path) else { continue };
        let Some(&own) = floors.get(module) else { continue };
        for (line, used) in uses(&file.text) {
            let Some(&floor) = floors.get(&used) else { continue };
            let allowed = floor < own || used == module || NEIGHBOURS.contains(&(module, used.as_str()));
            if !allowed {
                let path = &file.path;
                violations.push(format!("{path}:{line}: `{module}` (floor {own}) uses `{used}` (floor {floor})"));
            }
        }
    }
    violations
}

/// The floor of each module, from the map.
fn floors(map: &str) -> BTreeMap<String, u32> {
    let mut floors = BTreeMap::new();
    for row in map.lines().filter_map(|line| ROW.captures(line)) {
        for name in NAME.captures_iter(&row[2]) {
            floors.insert(name[1].to_owned(), row[1].parse().unwrap_or_default());
        }
    }
    floors
}

/// The module of `src/` to which a file belongs.
fn module_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("src/")?;
    let first = rest.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// The modules that a file names, with the lines on which it does.
fn uses(text: &str) -> Vec<(usize, String)> {
    let code: Vec<&str> =
        text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect();
    let code = code.join("\n");
    let mut uses = Vec::new();
    for found in USE.captures_iter(&code) {
        let Some(whole) = found.get(0) else { continue };
        let line = code[..whole.start()].matches('\n').count() + 1;
        match found.get(1) {
            Some(name) => uses.push((line, name.as_str().to_owned())),
            None => uses.extend(group(&code[whole.end()..]).into_iter().map(|name| (line, name))),
        }
    }
    uses
}

/// The first words of the members of a group, given the text behind its opening brace.
fn group(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut name) = (1, Some(String::new()));
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (&mut name, c) {
            (Some(open), 'a'..='z' | '_') => open.push(c),
            (Some(open), c) if !(open.is_empty() && c.is_whitespace()) => names.extend(name.take()),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && c == ',' {
            name = Some(String::new());
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| unreachable!("a constant pattern: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "//! | 4 | [`engine`] | x | HTTP |\n//! | 3 | [`query`] | [`engine::x`] | |\n\
                       //! | 3 | [`storage`], [`catalog`] | |\npub mod engine;\npub mod query;\npub mod storage;\n";

    fn violations(path: &str, text: &str) -> Vec<String> {
        check(&[File::new("src/lib.rs", MAP), File::new(path, text)])
    }

    #[test]
    fn a_module_uses_the_floors_below() {
        assert!(violations("src/engine/mod.rs", "use crate::query::X;\nuse crate::{storage, catalog};\n").is_empty());
        assert!(violations("src/storage/log.rs", "use crate::query::Source;\nuse crate::storage::Y;\n").is_empty());
        assert!(violations("src/query/mod.rs", "// use crate::engine::X;\n/// [`crate::engine`]\n").is_empty());
    }

    #[test]
    fn a_module_uses_neither_a_floor_above_nor_its_neighbour() {
        for (path, text, found) in [
            (
                "src/query/plan.rs",
                "\nuse crate::engine::X;",
                "src/query/plan.rs:2: `query` (floor 3) uses `engine` (floor 4)",
            ),
            (
                "src/query.rs",
                "fn f() { crate::storage::g() }",
                "src/query.rs:1: `query` (floor 3) uses `storage` (floor 3)",
            ),
            (
                "src/catalog/mod.rs",
                "use crate::{\n    model::{a, engine},\n    storage::X,\n};",
                "src/catalog/mod.rs:1: `catalog` (floor 3) uses `storage` (floor 3)",
            ),
        ] {
            assert_eq!(violations(path, text), [found]);
        }
    }

    #[test]
    fn each_module_stands_in_the_map() {
        let found = check(&[File::new("src/lib.rs", &format!("{MAP}pub mod other;\n"))]);
        assert_eq!(found, ["src/lib.rs: the map gives `other` no floor"]);
    }
}
