//! Puts the faults into a copy of the sources, each behind a switch, and builds the server from it.
//!
//! The production code knows nothing of them. The copy is in the target folder, and shares the dependencies that are built there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::faults::Fault;

/// The environment variable that switches a fault on, by its name.
pub(super) const SWITCH: &str = "FLUXSTONE_MUTANT";

/// The binary's name, which must not be that of the real server.
const BINARY: &str = "fluxstone-mutants";

/// What the root of each crate gets.
const SWITCH_CODE: &str = r#"
/// Whether a fault is switched on.
#[allow(dead_code)]
pub(crate) fn mutant(id: &str) -> bool {
    static ON: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    ON.get_or_init(|| std::env::var("FLUXSTONE_MUTANT").unwrap_or_default()) == id
}
"#;

/// Builds the server with all faults switched off, and returns its binary.
pub(super) fn build(root: &Path, faults: &[Fault]) -> anyhow::Result<PathBuf> {
    let target = root.join("target");
    let copy = target.join("mutants/tree");
    let mut woven = woven(root, faults)?;
    woven.insert("Cargo.toml".to_owned(), manifest(&std::fs::read_to_string(root.join("Cargo.toml"))?));
    for name in sources(root)? {
        let content = match woven.remove(&name) {
            Some(text) => text.into_bytes(),
            None => std::fs::read(root.join(&name)).with_context(|| name.clone())?,
        };
        write_if_changed(&copy.join(&name), &content)?;
    }
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--keep-going", "--bin", BINARY])
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .context("cargo build")?;
    if !status.success() {
        bail!("the server with faults does not compile");
    }
    Ok(target.join("debug").join(BINARY))
}

/// Checks that the code that each fault replaces is still there.
pub(super) fn check(root: &Path, faults: &[Fault]) -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for fault in faults {
        let text = std::fs::read_to_string(root.join(&fault.file)).with_context(|| fault.file.clone())?;
        violations.extend(place(&text, fault).err().map(|error| error.to_string()));
    }
    Ok(violations)
}

/// The server's manifest, with another name for its binary.
fn manifest(text: &str) -> String {
    let text = text.replace("default-run = \"fluxstone\"\n", "");
    format!("{text}\n[[bin]]\nname = {BINARY:?}\npath = \"src/main.rs\"\n")
}

/// The files of the repository.
fn sources(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    let names = String::from_utf8(output.stdout)?;
    Ok(names.split('\0').filter(|name| !name.is_empty() && root.join(name).is_file()).map(str::to_owned).collect())
}

/// Unchanged files keep their times, so that only crates with changes are built again.
fn write_if_changed(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(path, content)?)
}

/// The changed files, by name.
fn woven(root: &Path, faults: &[Fault]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut by_file: BTreeMap<&str, Vec<&Fault>> = BTreeMap::new();
    for fault in faults {
        by_file.entry(&fault.file).or_default().push(fault);
    }
    let mut changed = BTreeMap::new();
    for (file, faults) in by_file {
        let text = std::fs::read_to_string(root.join(file)).with_context(|| file.to_owned())?;
        changed.insert(file.to_owned(), weave(&text, &faults)?);
    }
    let roots: BTreeSet<String> = changed.keys().map(|file| crate_root(root, file)).collect();
    for file in roots {
        let text = match changed.remove(&file) {
            Some(text) => text,
            None => std::fs::read_to_string(root.join(&file))?,
        };
        changed.insert(file, format!("#![allow(warnings)]\n{text}{SWITCH_CODE}"));
    }
    Ok(changed)
}

/// The root of the crate that a file belongs to.
fn crate_root(root: &Path, file: &str) -> String {
    let of_folder = file.split('/').take(2).collect::<Vec<_>>().join("/") + "/lib.rs";
    if root.join(&of_folder).exists() { of_folder } else { "src/lib.rs".to_owned() }
}

/// Puts faults into a file. Those that replace the same code are alternatives.
fn weave(text: &str, faults: &[&Fault]) -> anyhow::Result<String> {
    let mut places: Vec<(Range<usize>, &Fault)> = Vec::new();
    for fault in faults {
        places.push((place(text, fault)?, fault));
    }
    places.sort_by_key(|(place, _)| (place.start, place.end));
    let (mut woven, mut done) = (String::new(), 0);
    for group in places.chunk_by(|(a, _), (b, _)| a == b) {
        let place = &group[0].0;
        if place.start < done {
            bail!("{}: {} overlaps another fault", group[0].1.file, group[0].1.id);
        }
        woven.push_str(&text[done..place.start]);
        woven.push_str(&switched(&text[place.clone()], group.iter().map(|(_, fault)| *fault)));
        done = place.end;
    }
    Ok(woven + &text[done..])
}

/// Code that is right while all `faults` are off.
fn switched<'f>(right: &str, faults: impl Iterator<Item = &'f Fault>) -> String {
    let mut code = String::new();
    for fault in faults {
        let switch = format!("crate::mutant({:?})", fault.id);
        if fault.wrong.contains("MUTANT") {
            return fault.wrong.replace("MUTANT", &switch);
        }
        let _ = write!(code, "if {switch} {{ {} }} else ", fault.wrong);
    }
    format!("{{ {code}{{ {right} }} }}")
}

/// Where the code is that a fault replaces.
fn place(text: &str, fault: &Fault) -> anyhow::Result<Range<usize>> {
    let Some(behind) = text.find(&fault.after).map(|at| at + fault.after.len()) else {
        bail!("{}: no longer has `{}`, which the fault {} looks for", fault.file, fault.after, fault.id);
    };
    let Some(at) = text[behind..].find(&fault.right).map(|at| at + behind) else {
        bail!("{}: no longer has `{}`, which the fault {} replaces", fault.file, fault.right, fault.id);
    };
    let end = at + fault.right.len();
    if fault.after.is_empty() && text[end..].contains(&fault.right) {
        bail!("{}: has `{}` more than once: say what precedes the place of {}", fault.file, fault.right, fault.id);
    }
    Ok(at..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(id: &str, after: &str, right: &str, wrong: &str) -> Fault {
        Fault {
            id: id.to_owned(),
            area: String::new(),
            what: String::new(),
            file: "f.rs".to_owned(),
            after: after.to_owned(),
            right: right.to_owned(),
            wrong: wrong.to_owned(),
            likely: Vec::new(),
            test: None,
            invisible: None,
        }
    }

    #[test]
    fn code_is_replaced_while_the_switch_is_on() {
        let (a, b) = (fault("a", "", "x + 1", "x"), fault("b", "", "x + 1", "0"));
        let woven = weave("f(x + 1);", &[&a, &b]).unwrap();
        assert_eq!(woven, r#"f({ if crate::mutant("a") { x } else if crate::mutant("b") { 0 } else { x + 1 } });"#);
        let whole = fault("c", "", "1 =>", "1 if !MUTANT =>");
        assert_eq!(weave("1 => 2", &[&whole]).unwrap(), r#"1 if !crate::mutant("c") => 2"#);
    }

    #[test]
    fn the_place_must_be_there_once() {
        let text = "fn a() { 1 } fn b() { 1 }";
        assert!(weave(text, &[&fault("x", "", "1", "2")]).unwrap_err().to_string().contains("more than once"));
        assert!(weave(text, &[&fault("x", "fn c", "1", "2")]).unwrap_err().to_string().contains("looks for"));
        assert!(weave(text, &[&fault("x", "fn b", "3", "2")]).unwrap_err().to_string().contains("replaces"));
        let woven = weave(text, &[&fault("x", "fn b", "1", "2")]).unwrap();
        assert_eq!(woven, r#"fn a() { 1 } fn b() { { if crate::mutant("x") { 2 } else { 1 } } }"#);
        let both = [&fault("x", "fn b", "() { 1", "2"), &fault("y", "fn b", "1", "2")];
        assert!(weave(text, &both).unwrap_err().to_string().contains("overlaps"));
    }
}
