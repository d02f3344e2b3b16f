//! Where the files of the repository are in the book, and how one page refers to another.
//!
//! A page keeps its address for as long as its file keeps its name, and a clause is at `PAGE.html#CLAUSE`, so links into the book are stable.

/// The page with the tests that cite clauses.
pub(super) const TESTS: &str = "tests.md";

/// The matrix of the suite's results, which is not made by mdbook.
pub(super) const MATRIX: &str = "conformance/results/matrix.html";

/// The folder of the pages with the cases.
const CASES: &str = "conformance/cases/";

/// Returns the page of the book that a file of the repository becomes, or `None` if it is not part of the book.
pub(super) fn page_of(path: &str) -> Option<String> {
    let fixed = match path {
        "spec/README.md" => "index.md",
        "conformance/README.md" => "conformance/index.md",
        "conformance/results/README.md" => "conformance/results/index.md",
        "conformance/faults/README.md" => "conformance/faults.md",
        "CHANGELOG.md" => "changelog.md",
        _ => return page_of_its_kind(path),
    };
    Some(fixed.to_owned())
}

fn page_of_its_kind(path: &str) -> Option<String> {
    if let Some(case) = path.strip_prefix(CASES).and_then(|path| path.strip_suffix(".toml")) {
        return Some(format!("cases/{case}.md"));
    }
    if let Some(grammar) = path.strip_prefix("spec/grammar/").and_then(|path| path.strip_suffix(".abnf")) {
        return Some(format!("grammar/{grammar}.md"));
    }
    if path.starts_with("conformance/results/") && is_a(path, "md") {
        return Some(path.to_owned());
    }
    let clauses = path.strip_prefix("spec/").filter(|page| is_a(page, "md") && !page.contains('/'))?;
    Some(clauses.to_owned())
}

/// Whether a path has this extension.
pub(super) fn is_a(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, own)| own == extension)
}

/// Returns the page with the cases of a file; `file` is relative to the folder of the cases.
pub(super) fn page_of_cases(file: &str) -> String {
    format!("cases/{}.md", file.trim_end_matches(".toml"))
}

/// Returns the link from one page to another, or to a place in the same one.
pub(super) fn link(from: &str, to: &str, fragment: &str) -> String {
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
    if from == to && !fragment.is_empty() {
        return fragment;
    }
    let (mut from, mut to): (Vec<&str>, Vec<&str>) = (from.split('/').collect(), to.split('/').collect());
    from.pop();
    let file = to.pop().unwrap_or_default();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = "../".repeat(from.len() - shared);
    let down: String = to[shared..].iter().flat_map(|folder| [folder, "/"]).collect();
    format!("{up}{down}{file}{fragment}")
}

/// Returns the path that a relative link leads to, or `None` if it leaves the root. `from` is the path of the file with the link.
pub(super) fn resolve(from: &str, link: &str) -> Option<String> {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                path.pop()?;
            }
            part => path.push(part),
        }
    }
    Some(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_file_has_its_page() {
        for (path, page) in [
            ("spec/README.md", Some("index.md")),
            ("spec/write.md", Some("write.md")),
            ("spec/grammar/influxql.abnf", Some("grammar/influxql.md")),
            ("conformance/results/README.md", Some("conformance/results/index.md")),
            ("conformance/results/a-1.2.md", Some("conformance/results/a-1.2.md")),
            ("conformance/cases/http/csv.toml", Some("cases/http/csv.md")),
            ("spec/src/lib.rs", None),
            ("CONTRIBUTING.md", None),
        ] {
            assert_eq!(page_of(path).as_deref(), page, "{path}");
        }
        assert_eq!(page_of_cases("http/csv.toml"), "cases/http/csv.md");
    }

    #[test]
    fn links_are_relative() {
        assert_eq!(link("a.md", "b.md", ""), "b.md");
        assert_eq!(link("a.md", "cases/b/c.md", "x.1"), "cases/b/c.md#x.1");
        assert_eq!(link("cases/b/c.md", "a.md", "x"), "../../a.md#x");
        assert_eq!(link("cases/b/c.md", "cases/d/e.md", ""), "../d/e.md");
        assert_eq!(link("cases/b/c.md", "cases/b/c.md", "x"), "#x");
    }

    #[test]
    fn relative_links_are_resolved() {
        assert_eq!(resolve("spec/README.md", "../conformance/README.md").as_deref(), Some("conformance/README.md"));
        assert_eq!(resolve("spec/a.md", "./b.md").as_deref(), Some("spec/b.md"));
        assert_eq!(resolve("a.md", "../b.md"), None);
    }
}
