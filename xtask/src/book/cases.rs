//! The pages of the cases, of their folders, and of the tests that cite clauses.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fluxstone_conformance::case::{Case, Level, Need};
use fluxstone_conformance::evidence::Fault;
use fluxstone_conformance::show;

use super::material::Material;
use super::{place, plain};
use crate::citations::Citation;

/// The page that lists the folders.
pub(super) const INDEX: &str = "cases/index.md";

/// The cases of each file of each folder.
pub(super) type Folders<'c> = BTreeMap<&'c str, BTreeMap<&'c str, Vec<&'c Case>>>;

/// Returns the cases by folder and file.
pub(super) fn folders(material: &Material) -> Folders<'_> {
    let mut folders = Folders::new();
    for case in &material.cases {
        let folder = case.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().entry(&case.file).or_default().push(case);
    }
    folders
}

/// Returns the page that lists the cases of a folder.
pub(super) fn folder_page(folder: &str) -> String {
    place::resolve(INDEX, &format!("{folder}/index.md")).unwrap_or_default()
}

/// Returns the name of a file of cases, and what the file says that it is about.
pub(super) fn title<'m>(material: &'m Material, file: &'m str) -> (&'m str, String) {
    let name = file.trim_end_matches(".toml").rsplit('/').next().unwrap_or_default();
    let text = material.file(&format!("conformance/cases/{file}")).map_or("", |file| file.text.as_str());
    let about =
        toml::from_str::<toml::Table>(text).ok().and_then(|table| table.get("about")?.as_str().map(str::to_owned));
    (name, about.unwrap_or_default())
}

/// Returns the page with the list of folders.
pub(super) fn index(material: &Material, folders: &Folders<'_>) -> String {
    let mut text = format!(
        "# Cases\n\nThe {} cases of the suite, each with its requests and the answers that are expected.\n\
         [The suite]({}) says how they are run.\n\n| folder | files | cases |\n|---|---:|---:|\n",
        material.cases.len(),
        place::link(INDEX, "conformance/index.md", "")
    );
    for (folder, files) in folders {
        let cases: usize = files.values().map(Vec::len).sum();
        let link = place::link(INDEX, &folder_page(folder), "");
        let _ = writeln!(text, "| [{folder}]({link}) | {} | {cases} |", files.len());
    }
    text
}

/// Returns the page with the list of the cases of a folder.
pub(super) fn list(material: &Material, folder: &str, files: &BTreeMap<&str, Vec<&Case>>) -> String {
    let page = folder_page(folder);
    let mut text = format!("# Cases: {folder}\n");
    for (file, cases) in files {
        let to = place::page_of_cases(file);
        let (name, about) = title(material, file);
        let _ = writeln!(text, "\n## {name}\n\n[{}]({})\n", plain::markdown(&about), place::link(&page, &to, ""));
        for case in cases {
            let link = place::link(&page, &to, case.id.as_str());
            let _ = writeln!(text, "- [{}]({link}): {}", case.id, plain::markdown(&case.about));
        }
    }
    text
}

/// Returns the page with the cases of a file.
pub(super) fn page(material: &Material, file: &str, cases: &[&Case]) -> anyhow::Result<String> {
    let page = place::page_of_cases(file);
    let (name, about) = title(material, file);
    let mut text = format!("# {}\n\n{}.\n", plain::markdown(name), plain::markdown(about.trim_end_matches('.')));
    for case in cases {
        let about = plain::markdown(case.about.trim_end_matches('.'));
        let _ = writeln!(text, "\n## {id} {{#{id} .case}}\n\n{about}.\n", id = case.id);
        facts(material, &page, case, &mut text);
        let mut shown = Vec::new();
        show::write_exchanges(&mut shown, case)?;
        show::write_history(&mut shown, case)?;
        let (block, is_cut) = plain::block(&String::from_utf8_lossy(&shown));
        let _ = write!(text, "\n{block}");
        if is_cut {
            let _ = writeln!(text, "\nThis is a part; `fluxstone-conformance show {}` prints all of it.", case.id);
        }
    }
    Ok(text)
}

/// Writes the clauses, the basis, the requirements and the noticed faults of a case.
fn facts(material: &Material, page: &str, case: &Case, text: &mut String) {
    let clauses: Vec<String> = case.clauses.iter().map(|id| material.clause_link(page, id.as_str())).collect();
    let _ = writeln!(text, "- Clauses: {}", clauses.join(", "));
    let level = match case.level {
        Level::Documented => "documented",
        Level::Observed => "observed",
        Level::Quirk => "a quirk of InfluxDB 1.2.4",
    };
    let source = case.source.as_ref().map(|source| format!(": {}", plain::markdown(source))).unwrap_or_default();
    let _ = writeln!(text, "- Basis: {level}{source}");
    for need in &case.needs {
        let need = match need {
            Need::Auth => "authentication is on",
            Need::Empty => "the server has no databases and no users",
        };
        let _ = writeln!(text, "- Needs: {need}");
    }
    for (section, keys) in &case.config {
        for (key, value) in keys.as_table().into_iter().flatten() {
            let _ = writeln!(text, "- Setting: `[{section}] {key} = {value}`");
        }
    }
    noticed(material.evidence.noticed_by_case(&case.id), "", text);
}

fn noticed(faults: &[Fault], indent: &str, text: &mut String) {
    for fault in faults {
        let _ = writeln!(text, "{indent}- Notices the fault `{}`: {}", fault.id, plain::markdown(&fault.what));
    }
}

/// Returns the page with the tests that cite clauses, by file.
pub(super) fn tests(material: &Material) -> String {
    let mut files: BTreeMap<&str, BTreeMap<&str, Vec<&Citation>>> = BTreeMap::new();
    for citation in material.citations.iter().filter(|citation| citation.is_evidence) {
        let file = citation.test.split("::").next().unwrap_or_default();
        files.entry(file).or_default().entry(&citation.test).or_default().push(citation);
    }
    let mut text = "# Tests\n\nThe tests of this repository that cite clauses: those of what no client can see, or only with a setting, a clock \
                    or a fault.\n"
        .to_owned();
    for (file, tests) in files {
        let _ = writeln!(text, "\n## {}\n", plain::markdown(file));
        for (test, citations) in tests {
            let name = test.rsplit("::").next().unwrap_or_default();
            let name = if name == file { "the file" } else { name };
            let clauses: Vec<String> = citations
                .iter()
                .filter_map(|citation| citation.clause.as_ref().ok())
                .map(|id| material.clause_link(place::TESTS, id.as_str()))
                .collect();
            let at = citations.first().map(|citation| material.source_link(&citation.place)).unwrap_or_default();
            let _ = writeln!(
                text,
                "- <a id=\"{test}\"></a>{}, {at}: {}",
                plain::markdown(&name.replace('_', " ")),
                clauses.join(", ")
            );
            noticed(material.evidence.noticed_by_test(test), "  ", &mut text);
        }
    }
    text
}
