//! The text files of the repository, read once for all checks.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its path from the root of the repository, with `/` between the parts.
    pub(crate) path: String,
    /// Its contents.
    pub(crate) text: String,
}

/// Folders that are not part of the repository, or are generated.
const SKIPPED: [&str; 6] = [".git", "target", "fluxstone-data", "corpus", "artifacts", "node_modules"];

/// The extensions, or the names, of text files.
const TEXT: [&str; 9] = ["rs", "md", "toml", "yaml", "yml", "abnf", "sh", "lock", "run"];

impl File {
    /// Whether the file is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.rsplit('.').next() == Some("rs")
    }

    /// Returns a file for the tests of a check.
    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Reads the text files under `root`, sorted by path.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if TEXT.contains(&name.rsplit('.').next().unwrap_or_default()) {
            let text = std::fs::read_to_string(entry.path()).with_context(|| path.clone())?;
            files.push(File { path, text });
        }
    }
    Ok(())
}
