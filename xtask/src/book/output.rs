//! Checks the HTML of the book: every link inside it leads to a page and an anchor that exist, and no page loads anything from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use html5gum::{Token, Tokenizer};
use percent_encoding::percent_decode_str;

use super::place;

/// What a page has and refers to.
#[derive(Debug, Default)]
struct Page {
    anchors: BTreeSet<String>,
    links: BTreeSet<String>,
    /// What the browser loads with the page.
    loads: BTreeSet<String>,
}

/// Returns a violation for each link that leads nowhere, and for each address outside the book that a page loads.
pub(super) fn check(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = BTreeSet::new();
    collect(folder, "", &mut files)?;
    let mut violations = Vec::new();
    let mut pages = BTreeMap::new();
    for file in &files {
        let path = folder.join(file);
        let read = || std::fs::read_to_string(&path).with_context(|| path.display().to_string());
        if place::is_a(file, "html") {
            pages.insert(file.as_str(), page(&read()?));
        } else if place::is_a(file, "css") {
            let text = read()?;
            let is_elsewhere = |part: &&str| part.starts_with("http") || part.starts_with("//");
            let loads = text.split("url(").skip(1).map(|part| part.trim_start_matches(['"', '\'', ' ']));
            violations.extend(loads.filter(is_elsewhere).map(|_| format!("{file}: loads something from elsewhere")));
        }
    }
    for (name, page) in &pages {
        for address in page.loads.iter().filter(|address| is_elsewhere(address)) {
            violations.push(format!("{name}: loads {address}, which is not part of the book"));
        }
        let links = page.links.iter().chain(&page.loads).filter(|address| !is_elsewhere(address));
        for address in links.filter(|address| !leads_somewhere(name, address, &files, &pages)) {
            violations.push(format!("{name}: the link to {address} leads nowhere"));
        }
    }
    println!("book: {} pages, {} links", pages.len(), pages.values().map(|page| page.links.len()).sum::<usize>());
    Ok(violations)
}

/// Whether an address has a scheme, or a host.
fn is_elsewhere(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme);
    address.starts_with("//")
        || scheme
            .is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
}

fn leads_somewhere(from: &str, address: &str, files: &BTreeSet<String>, pages: &BTreeMap<&str, Page>) -> bool {
    let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let path = decoded(path.split('?').next().unwrap_or_default());
    let Some(path) = (if path.is_empty() { Some(from.to_owned()) } else { place::resolve(from, &path) }) else {
        return false;
    };
    if fragment.is_empty() {
        return files.contains(&path);
    }
    pages.get(path.as_str()).is_some_and(|page| page.anchors.contains(&decoded(fragment)))
}

fn page(html: &str) -> Page {
    let mut page = Page::default();
    for Ok(token) in Tokenizer::new(html) {
        let Token::StartTag(tag) = token else { continue };
        for (name, value) in &tag.attributes {
            let value = String::from_utf8_lossy(value).into_owned();
            let name: &[u8] = name;
            let element: &[u8] = &tag.name;
            match (element, name) {
                (_, b"id") => drop(page.anchors.insert(value)),
                (b"link", b"href") | (_, b"src" | b"srcset" | b"data" | b"poster") => drop(page.loads.insert(value)),
                (_, b"href") => drop(page.links.insert(value)),
                _ => {}
            }
        }
    }
    page
}

/// Adds the paths of the files below a folder.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path: PathBuf = entry?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            files.insert(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(pages: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in pages {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        check(folder.path()).unwrap()
    }

    #[test]
    fn links_must_lead_somewhere() {
        let page =
            "<p id=\"x.1\"><a href=\"a/b.html#y%3A%3A1\">1</a><a href=\"#x.1\">2</a><a href=\"https://x.org/\">3</a>";
        let other = "<a id='y::1' href=../p.html>4</a><link href=\"../s.css?v=1\">";
        assert!(violations(&[("p.html", page), ("a/b.html", other), ("s.css", "")]).is_empty());
        let found = violations(&[("p.html", page), ("a/b.html", "<a href=c.html>5</a><a href='../p.html#z'>6</a>")]);
        assert_eq!(
            found,
            [
                "a/b.html: the link to ../p.html#z leads nowhere",
                "a/b.html: the link to c.html leads nowhere",
                "p.html: the link to a/b.html#y%3A%3A1 leads nowhere",
            ]
        );
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let page =
            "<script src=\"//x.org/a.js\"></script><link href='https://x.org/b.css'><a href='https://x.org'>1</a>";
        let style = "a { b: url(\"https://x.org/c\") } @font-face { src: url('d.woff2') }";
        let found = violations(&[("p.html", page), ("s.css", style)]);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
