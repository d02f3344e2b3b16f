//! The table of contents, and the settings of mdbook.

use std::fmt::Write as _;

use super::cases::{self, Folders};
use super::material::Material;
use super::place;

/// The settings of mdbook. No page needs the network: its fonts and scripts are files of the book.
///
/// Cases are not searched in full, which would double the size of the index; their identifiers and rules are, in the lists of cases. Tests are
/// found by their names below the clauses.
///
/// The names of the style and the script are not ones that mdbook has itself.
pub(super) const SETTINGS: &str = r#"
[book]
title = "Fluxstone: the InfluxDB 1.2 HTTP API"
language = "en"
src = "src"

[output.html]
no-section-label = true
additional-css = ["pages.css"]
additional-js = ["points.js"]
input-404 = ""

[output.html.fold]
enable = true
level = 0

[output.html.print]
enable = false

[output.html.search]
limit-results = 40
use-boolean-and = true
heading-split-level = 6
boost-title = 4

[output.html.search.chapter]
"#;

/// Returns mdbook's file of settings.
pub(super) fn settings(folders: &Folders<'_>) -> String {
    let mut text = SETTINGS.trim_start().to_owned();
    let pages = folders.values().flat_map(|files| files.keys()).map(|file| place::page_of_cases(file));
    for page in pages.chain([place::TESTS.to_owned()]) {
        let _ = writeln!(text, "\"{page}\" = {{ enable = false }}");
    }
    text
}

/// Returns the paths of the pages of clauses: in the order in which `spec/README.md` names them, and then the others.
pub(super) fn pages_of_clauses(material: &Material) -> Vec<&str> {
    let is_page = |path: &&str| crate::spec::is_page(path);
    let mut pages: Vec<&str> = material.files.iter().map(|file| file.path.as_str()).filter(is_page).collect();
    let guide = material.file("spec/README.md").map_or("", |file| file.text.as_str());
    let rank = |path: &&str| {
        let name = path.strip_prefix("spec/").unwrap_or(path);
        guide.find(&format!("]({name})")).unwrap_or(usize::MAX)
    };
    pages.sort_by_key(rank);
    pages
}

/// Returns the table of contents.
pub(super) fn summary(material: &Material, folders: &Folders<'_>) -> String {
    let mut text = "# Summary\n\n[The specification](index.md)\n\n# Clauses\n\n".to_owned();
    let add = |text: &mut String, path: &str| {
        if let (Some(file), Some(page)) = (material.file(path), place::page_of(path)) {
            let title = file.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
            let _ = writeln!(text, "- [{title}]({page})");
        }
    };
    for path in pages_of_clauses(material) {
        add(&mut text, path);
    }
    text.push_str("\n# Grammars\n\n");
    for (_, name, page) in grammars(material) {
        let _ = writeln!(text, "- [The grammar of {name}]({page})");
    }
    text.push_str("\n# Evidence\n\n");
    add(&mut text, "conformance/README.md");
    let _ = writeln!(text, "- [Cases]({})", cases::INDEX);
    for (folder, files) in folders {
        let _ = writeln!(text, "  - [{folder}]({})", cases::folder_page(folder));
        for file in files.keys() {
            let (name, _) = cases::title(material, file);
            let _ = writeln!(text, "    - [{name}]({})", place::page_of_cases(file));
        }
    }
    let _ = writeln!(text, "- [Tests]({})", place::TESTS);
    add(&mut text, "conformance/faults/README.md");
    text.push_str("\n# Results\n\n");
    add(&mut text, "conformance/results/README.md");
    for path in results(material) {
        add(&mut text, path);
    }
    text.push_str("\n# History\n\n");
    add(&mut text, "CHANGELOG.md");
    text
}

/// The published results of each server.
pub(super) fn results(material: &Material) -> Vec<&str> {
    let paths = material.files.iter().map(|file| file.path.as_str());
    paths
        .filter(|path| {
            path.starts_with("conformance/results/") && place::is_a(path, "md") && !path.ends_with("/README.md")
        })
        .collect()
}

/// The grammars: the path, the name, and the page of each.
pub(super) fn grammars(material: &Material) -> Vec<(&str, &'static str, String)> {
    let names = [("spec/grammar/influxql.abnf", "InfluxQL"), ("spec/grammar/line-protocol.abnf", "line protocol")];
    let files = material.files.iter().filter(|file| place::is_a(&file.path, "abnf"));
    files
        .filter_map(|file| {
            let name = names.iter().find(|(path, _)| *path == file.path).map_or("a language", |(_, name)| name);
            Some((file.path.as_str(), name, place::page_of(&file.path)?))
        })
        .collect()
}
