//! The list of faults, `conformance/faults/*.toml`, and the cases that are known to notice them, `conformance/faults/kills.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The folder of the list.
const FOLDER: &str = "conformance/faults";

/// The file of the known kills, in [`FOLDER`].
const KILLS: &str = "kills.toml";

/// A fault that can be switched on in the server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// Its name, which is also the value of the switch.
    pub(super) id: String,
    /// The name of its file in the list.
    #[serde(skip)]
    pub(super) area: String,
    /// What is wrong while it is on.
    pub(super) what: String,
    /// The source file that it is put into.
    pub(super) file: String,
    /// Where to look for `right`: behind the first occurrence of this text.
    #[serde(default)]
    pub(super) after: String,
    /// The code that is right: an expression, or a statement.
    pub(super) right: String,
    /// The code that replaces it while the fault is on. If it contains `MUTANT`, it replaces `right` at all times, and `MUTANT` is the
    /// switch.
    pub(super) wrong: String,
    /// The cases that are tried first: prefixes of identifiers.
    #[serde(default)]
    pub(super) likely: Vec<String>,
    /// The integration test that notices it, `file::name`, if no case can.
    pub(super) test: Option<String>,
    /// Why no client can see it.
    pub(super) invisible: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fault: Vec<Fault>,
}

/// Reads the list, in the order of its files.
pub(super) fn read(root: &Path) -> anyhow::Result<Vec<Fault>> {
    let mut paths: Vec<_> = std::fs::read_dir(root.join(FOLDER))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "toml") && path.file_name().is_some_and(|n| n != KILLS))
        .collect();
    paths.sort();
    let (mut faults, mut ids) = (Vec::new(), BTreeSet::new());
    for path in paths {
        let text = std::fs::read_to_string(&path)?;
        let file: File = toml::from_str(&text).with_context(|| path.display().to_string())?;
        let area = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for mut fault in file.fault {
            if !ids.insert(fault.id.clone()) {
                bail!("two faults are called {}", fault.id);
            }
            if fault.test.is_some() && fault.invisible.is_some() {
                bail!("{} has both a test and a reason why nobody can see it", fault.id);
            }
            fault.area.clone_from(&area);
            faults.push(fault);
        }
    }
    Ok(faults)
}

/// Reads which cases are known to notice which fault.
pub(super) fn read_kills(root: &Path) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let path = root.join(FOLDER).join(KILLS);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    toml::from_str(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())
}

/// Writes which cases notice which fault.
pub(super) fn write_kills(root: &Path, kills: &BTreeMap<String, Vec<String>>) -> anyhow::Result<()> {
    let head = "# Cases that notice each fault. Written by `cargo xtask mutants --bless`.\n\n";
    Ok(std::fs::write(root.join(FOLDER).join(KILLS), format!("{head}{}", toml::to_string(kills)?))?)
}
