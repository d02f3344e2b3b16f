//! Builds the specification as a book with mdbook: the clauses with links to their cases and tests, the cases, the grammars, and the results.
//!
//! `contents` makes the pages, which are a pure function of the repository; this file writes them, runs mdbook, and has every link checked.

mod cases;
mod clauses;
mod contents;
mod grammar;
mod markdown;
mod material;
mod outline;
mod output;
mod place;
mod plain;
mod points;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::tree;
use contents::Contents;
use material::Material;

/// The options of `cargo xtask book`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder for the book.
    #[arg(long, value_name = "DIR", default_value = "target/book")]
    output: PathBuf,
    /// A folder that `cargo xtask results --html` has written; its page becomes part of the book.
    #[arg(long, value_name = "DIR")]
    matrix: Option<PathBuf>,
    /// The address of the repository's files, such as `https://HOST/OWNER/fluxstone/blob/main`, for links to tests and sources.
    #[arg(long, value_name = "URL")]
    sources: Option<String>,
}

/// Builds the book. Links that lead nowhere are violations.
pub(crate) fn build(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    let matrix = options.matrix.as_ref().map(|folder| folder.join("index.html"));
    let matrix = matrix.map(|path| std::fs::read(&path).with_context(|| path.display().to_string())).transpose()?;
    let material = Material::new(tree::read(root)?, options.sources.clone())?;
    let contents = contents::of(&material, matrix.is_some())?;
    if !contents.violations.is_empty() {
        return Ok(contents.violations);
    }
    if !has_mdbook() {
        println!(
            "book: no page was built, since mdbook is not installed (cargo install mdbook); the links of the sources are checked"
        );
        return Ok(Vec::new());
    }
    let output = std::path::absolute(root.join(&options.output))?;
    render(&contents, matrix.as_deref(), &output)?;
    let violations = output::check(&output)?;
    println!("{}", output.join("index.html").display());
    Ok(violations)
}

/// Whether mdbook is installed.
fn has_mdbook() -> bool {
    let status = Command::new("mdbook").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Writes the sources of the book into a temporary folder, and has mdbook make `output` of them.
fn render(contents: &Contents, matrix: Option<&[u8]>, output: &Path) -> anyhow::Result<()> {
    // mdbook empties its output folder.
    let is_empty = !output.exists() || std::fs::read_dir(output)?.next().is_none();
    if !is_empty && !output.join("searcher.js").exists() && !output.join("toc.html").exists() {
        bail!("{} has other files than those of a book", output.display());
    }
    let folder = tempfile::tempdir()?;
    for (name, text) in &contents.files {
        write(&folder.path().join(name), text.as_bytes())?;
    }
    if let Some(matrix) = matrix {
        write(&folder.path().join("src").join(place::MATRIX), matrix)?;
    }
    let mut mdbook = Command::new("mdbook");
    mdbook.arg("build").arg(folder.path()).arg("--dest-dir").arg(output);
    ensure!(mdbook.status().context("mdbook")?.success(), "mdbook failed");
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let context = || path.display().to_string();
    std::fs::create_dir_all(path.parent().unwrap_or(path)).with_context(context)?;
    std::fs::write(path, bytes).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::chromium;

    #[test]
    fn mdbook_builds_the_book_and_all_its_links_lead_somewhere() {
        if !has_mdbook() {
            println!("skipped: mdbook is not installed");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("book");
        let options = Options { output: output.clone(), matrix: None, sources: None };
        // The second build replaces the first one.
        for _ in 0..2 {
            let violations = build(&tree::root(), &options).unwrap();
            assert!(violations.is_empty(), "{violations:#?}");
        }
        let page = std::fs::read_to_string(output.join("write.html")).unwrap();
        // A clause is an anchor, and a table scrolls in a box of its own on a phone.
        for part in ["id=\"write.order.1\"", "name=\"viewport\"", "<div class=\"table-wrapper\">"] {
            assert!(page.contains(part), "{part}");
        }
        let page = output.join("compatibility.html");
        let text = std::fs::read_to_string(tree::root().join("spec/compatibility.md")).unwrap();
        let count = |begins: &str| text.lines().filter(|line| line.starts_with(begins)).count();
        let (all, deviations) = (count("**["), count("**[auth.deviation."));
        assert!(deviations > 0 && deviations < all);
        for (filter, shown) in [("", all), ("?answer=deviation", deviations), ("?answer=deviation&text=zebra", 0)] {
            let url = format!("file://{}{filter}", page.display());
            let Some(html) = chromium::shown(&url, &[]) else { return };
            assert!(html.contains(&format!("<output>{shown} of {all} clauses</output>")), "{filter}: {html}");
        }
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.txt"), "x").unwrap();
        let error = render(&Contents::default(), None, folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("has other files than those of a book"), "{error}");
        assert!(folder.path().join("thesis.txt").exists());
    }
}
