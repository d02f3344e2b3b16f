//! Builds the archives of a release: the server and the conformance runner for this machine, with their checksums.
//!
//! The same sources, compiler and path give the same bytes: entries have no owner and no time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::built;

/// The programs, each with the document that comes with it.
const PROGRAMS: [(&str, &str); 2] = [("fluxstone", "README.md"), ("fluxstone-conformance", "conformance/README.md")];

/// Builds the programs, and writes the archives into a folder.
pub(crate) fn write(root: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
    let triple = host()?;
    let built = built::programs(root, &PROGRAMS.map(|(program, _)| program))?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut sums = Vec::new();
    for (program, document) in PROGRAMS {
        let name = format!("{program}-{}-{triple}", env!("CARGO_PKG_VERSION"));
        let files = [
            (program, built.join(program), 0o755),
            ("LICENSE", root.join("LICENSE"), 0o644),
            ("README.md", root.join(document), 0o644),
            ("CHANGELOG.md", root.join("CHANGELOG.md"), 0o644),
        ];
        let archive = archive(&name, &files)?;
        let file = format!("{name}.tar.gz");
        sums.push(format!("{:x}  {file}\n", Sha256::digest(&archive)));
        std::fs::write(folder.join(&file), archive)?;
        println!("{}", folder.join(file).display());
    }
    std::fs::write(folder.join("SHA256SUMS"), sums.concat())?;
    Ok(Vec::new())
}

/// Returns a compressed archive of files in one folder: a name, where it is, and its permissions each.
fn archive(folder: &str, files: &[(&str, PathBuf, u32)]) -> anyhow::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (name, path, mode) in files {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{folder}/{name}"), bytes.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// Returns the triple of this machine.
fn host() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().context("rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_the_files_with_their_permissions_and_is_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "run").unwrap();
        let files = [("program", path.clone(), 0o755), ("README.md", path, 0o644)];
        let archive = archive("p-1", &files).unwrap();
        assert_eq!(super::archive("p-1", &files).unwrap(), archive);
        let mut read = tar::Archive::new(flate2::read::GzDecoder::new(archive.as_slice()));
        let entries: Vec<(PathBuf, u32, u64)> = read
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.path().unwrap().into_owned(), entry.header().mode().unwrap(), entry.size())
            })
            .collect();
        assert_eq!(entries, [("p-1/program".into(), 0o755, 3), ("p-1/README.md".into(), 0o644, 3)]);
    }

    #[test]
    fn the_machine_has_a_triple() {
        assert!(host().unwrap().split('-').count() >= 3);
    }
}
