//! The pages of the book, and whether their links lead somewhere: a pure function of the repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::material::Material;
use super::{cases, clauses, grammar, markdown, outline, place, points};
use crate::tree::File;

/// The files that mdbook needs.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The files by path. Pages are in `src/`.
    pub(super) files: BTreeMap<String, String>,
    /// The links that lead nowhere.
    pub(super) violations: Vec<String>,
}

/// Returns the book. `has_matrix` says whether the matrix of results will be part of it.
pub(super) fn of(material: &Material, has_matrix: bool) -> anyhow::Result<Contents> {
    let folders = cases::folders(material);
    let (mut pages, mut violations) = (BTreeMap::new(), Vec::new());
    for path in outline::pages_of_clauses(material) {
        let Some((file, name)) = material.file(path).zip(place::page_of(path)) else { continue };
        let mut text = clauses::page(material, file, &name, &mut violations);
        if name == points::PAGE {
            text = points::with_table(&text, file, |cell| linked_cell(material, file, cell))?;
        }
        pages.insert(name, text);
    }
    let mut documents = vec![
        "spec/README.md",
        "conformance/README.md",
        "conformance/faults/README.md",
        "conformance/results/README.md",
    ];
    documents.extend(outline::results(material));
    documents.push("CHANGELOG.md");
    for path in documents {
        let Some((file, name)) = material.file(path).zip(place::page_of(path)) else { continue };
        let mut text = material.linked(file, &name, &mut violations);
        if path == "conformance/results/README.md" && has_matrix {
            let link = place::link(&name, place::MATRIX, "");
            let _ = writeln!(text, "\n[The matrix]({link}) has the verdicts of all clauses and cases side by side.");
        }
        pages.insert(name, text);
    }
    for (path, language, name) in outline::grammars(material) {
        let text = material.file(path).map_or("", |file| file.text.as_str());
        let html = |address: String| address.replace(".md", ".html");
        let page = grammar::page(language, text, |id| material.address_of_clause(&name, id).map(html));
        pages.insert(name, page);
    }
    pages.insert(cases::INDEX.to_owned(), cases::index(material, &folders));
    for (folder, files) in &folders {
        pages.insert(cases::folder_page(folder), cases::list(material, folder, files));
        for (file, of_file) in files {
            pages.insert(place::page_of_cases(file), cases::page(material, file, of_file)?);
        }
    }
    pages.insert(place::TESTS.to_owned(), cases::tests(material));
    violations.extend(broken(&pages));
    let summary = outline::summary(material, &folders);
    pages.insert("SUMMARY.md".to_owned(), summary);
    let mut files: BTreeMap<String, String> =
        pages.into_iter().map(|(name, text)| (format!("src/{name}"), text)).collect();
    files.insert("book.toml".to_owned(), outline::settings(&folders));
    files.insert("pages.css".to_owned(), include_str!("pages.css").to_owned());
    files.insert("points.js".to_owned(), include_str!("points.js").to_owned());
    Ok(Contents { files, violations })
}

/// Returns a cell of the compatibility table with its links.
fn linked_cell(material: &Material, file: &File, cell: &str) -> String {
    if let Some(address) = material.address_of_clause(points::PAGE, cell) {
        return format!("[{cell}]({address})");
    }
    // What leads nowhere is reported for the page itself.
    material.linked(&File { path: file.path.clone(), text: cell.to_owned() }, points::PAGE, &mut Vec::new())
}

/// Returns a violation for each link that leads to no page, or to no anchor of its page.
fn broken(pages: &BTreeMap<String, String>) -> Vec<String> {
    let references: BTreeMap<&str, markdown::References> =
        pages.iter().map(|(name, text)| (name.as_str(), markdown::references(text))).collect();
    let mut violations = Vec::new();
    for (name, page) in &references {
        for link in page.links.iter().filter(|link| !link.contains("://")) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { Some((*name).to_owned()) } else { place::resolve(name, path) };
            let path = path.map(|path| path.replace(".html", ".md")).unwrap_or_default();
            let is_matrix = path == place::MATRIX.replace(".html", ".md");
            let is_found =
                references.get(path.as_str()).is_some_and(|to| fragment.is_empty() || to.anchors.contains(fragment));
            if !is_found && !is_matrix {
                violations.push(format!("{name}: the link to {link} leads nowhere"));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    fn book() -> Contents {
        of(&Material::new(tree::read(&tree::root()).unwrap(), None).unwrap(), false).unwrap()
    }

    #[test]
    fn every_link_of_the_book_leads_somewhere() {
        let violations = book().violations;
        assert!(violations.is_empty(), "{violations:#?}");
    }

    #[test]
    fn clauses_cases_and_tests_are_linked_both_ways() {
        let book = book();
        let page = |name: &str| book.files[&format!("src/{name}")].as_str();
        let http = page("http.md");
        assert!(http.contains("### http.json.4 {#http.json.4 .clause}\n"));
        assert!(http.contains(
            "- [http.json-error-escape](cases/http/json.md#http.json-error-escape): Error texts are JSON-escaped\n"
        ));
        let case = page("cases/http/json.md").split("## http.json-error-escape {#").nth(1).unwrap();
        assert!(case.contains("- Clauses: [http.json.4](../../http.md#http.json.4)\n"), "{case}");
        assert!(case.contains(
            "\ncurl -i -X POST 'http://127.0.0.1:8086/write?db=d' --data-binary 'a<b \"x\"'\nHTTP/1.1 400\n"
        ));
        let test = "tests.md#tests/readme.rs::the_walk_through_of_users_works_as_printed), `tests/readme.rs:";
        assert!(page("authentication.md").contains(test));
        let tests =
            page("tests.md").split("<a id=\"tests/readme.rs::the_walk_through_of_users_works_as_printed\">").nth(1);
        assert!(tests.unwrap().contains("[auth.bootstrap.1](authentication.md#auth.bootstrap.1)"));
        assert!(page("authentication.md").contains("- `auth.header-first`: the header counts before u and p (by "));
        assert!(
            page("grammar/influxql.md").contains("<a href=\"../influxql.html#influxql.query.1\">influxql.query.1</a>")
        );
        assert!(
            page("compatibility.md")
                .contains("\n| [compat.write.comments.1](#compat.write.comments.1) | By default a comment ends at the next newline ([`lp.body.4`](line-protocol.md#lp.body.4)). | Observed, ")
        );
    }

    #[test]
    fn each_page_is_in_the_table_of_contents() {
        let book = book();
        let summary = &book.files["src/SUMMARY.md"];
        let pages = book.files.keys().filter_map(|name| name.strip_prefix("src/")).filter(|name| *name != "SUMMARY.md");
        let absent: Vec<&str> = pages.filter(|page| !summary.contains(&format!("]({page})"))).collect();
        assert!(absent.is_empty(), "{absent:?}");
    }

    #[test]
    fn links_that_lead_nowhere_are_violations() {
        let page = |text: &str| text.to_owned();
        let pages = BTreeMap::from([
            ("a.md".to_owned(), page("# A\n[1](b/c.md#d) [2](#a) [3](x.md) [4](#e) [5](https://x.org)\n")),
            ("b/c.md".to_owned(), page("## D {#d}\n[6](../a.md) [7](../a.md#b)\n")),
        ]);
        let want = [
            "a.md: the link to x.md leads nowhere",
            "a.md: the link to #e leads nowhere",
            "b/c.md: the link to ../a.md#b leads nowhere",
        ];
        assert_eq!(broken(&pages), want);
    }
}
