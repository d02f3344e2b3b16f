//! The table of the compatibility page: a row for each clause, which a script in the page filters.
//!
//! Without scripts it is a table with all rows; with them, controls appear above it.

use std::fmt::Write as _;

use fluxstone_conformance::clauses::{self, Clause};

use crate::tree::File;

/// The page that gets the table.
pub(super) const PAGE: &str = "compatibility.md";

/// Returns the text of the compatibility page with the table before its first section. `text` is that of the page of the book, and
/// `file` that of the repository; `row` links the cells of a row.
pub(super) fn with_table(text: &str, file: &File, row: impl Fn(&str) -> String) -> anyhow::Result<String> {
    let table = table(file, row)?;
    let Some((before, after)) = text.split_once("\n## ") else { return Ok(text.to_owned()) };
    Ok(format!("{before}\n## All points\n\n<div id=\"points\">\n\n{table}\n</div>\n\n## {after}"))
}

fn table(file: &File, row: impl Fn(&str) -> String) -> anyhow::Result<String> {
    let mut table =
        String::from("| clause | by default | 1.2.4 | subject | answer | basis |\n|---|---|---|---|---|---|\n");
    for clause in clauses::parse_page(&file.path, &file.text)? {
        let (default, observed) = answers(&clause);
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} |",
            row(clause.id.as_str()),
            row(&default),
            row(&observed),
            section(file, &clause),
            kind(&clause),
            basis(&clause)
        );
    }
    Ok(table)
}

/// Which answer a profile gives.
fn kind(clause: &Clause) -> &'static str {
    match clause.id.subject() {
        "compat" => "by profile",
        "quirk" => "not reproduced",
        _ => "deviation",
    }
}

fn basis(clause: &Clause) -> &'static str {
    let lines = clause.text.lines().rev();
    let known = [("_Documented", "documented"), ("_Observed", "observed"), ("_Design", "design")];
    let found = lines.take(1).find_map(|line| known.iter().find(|(begins, _)| line.starts_with(begins)));
    found.map_or("", |(_, basis)| basis)
}

/// The heading that a clause is under.
fn section<'f>(file: &'f File, clause: &Clause) -> &'f str {
    let above = file.text.lines().take(clause.line - 1).filter_map(|line| line.strip_prefix("##"));
    above.last().map(|heading| heading.trim_start_matches('#').trim()).unwrap_or_default()
}

/// Returns the default answer and the observed one, each as one line in which a cell does not end.
fn answers(clause: &Clause) -> (String, String) {
    let (mut default, mut observed) = (String::new(), String::new());
    let mut to = &mut default;
    for line in clause.text.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with("Under the profile") || line.starts_with('_') {
            break;
        }
        if line.starts_with("Observed") {
            to = &mut observed;
        }
        if !to.is_empty() {
            to.push(' ');
        }
        to.push_str(&line.replace('|', "\\|"));
    }
    (default, observed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# C\n\nAll.\n\n## Writes\n\n**[compat.a.b.1]** By default `x|y`.\nMore.\nObserved, z.\nUnder the profile the server MUST.\n\
                        _Observed._\n\n### Sub\n\n**[quirk.c.1]** It is.\nObserved by 1.6.7, it is not.\n_Documented: /x._\n";

    #[test]
    fn the_table_has_a_row_for_each_clause() {
        let file = File::new("spec/compatibility.md", PAGE);
        let page = with_table(PAGE, &file, str::to_owned).unwrap();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert_eq!(
            rows,
            [
                r"| compat.a.b.1 | By default `x\|y`. More. | Observed, z. | Writes | by profile | observed |",
                "| quirk.c.1 | It is. | Observed by 1.6.7, it is not. | Sub | not reproduced | documented |"
            ]
        );
        assert!(page.starts_with("# C\n\nAll.\n\n## All points\n") && page.contains("</div>\n\n## Writes\n"), "{page}");
    }
}
