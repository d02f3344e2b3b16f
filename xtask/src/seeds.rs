//! The seeds of the fuzz targets: the texts that the conformance cases send, one file each.
//!
//! They are written before each run, so that each new case becomes a seed.

use std::path::Path;

use anyhow::Context as _;
use fluxstone_conformance::case::Request;
use fluxstone_conformance::suite::Suite;

/// Longer texts slow the fuzzer down without finding more.
const SEED_BYTES_MAX: usize = 2048;

/// Writes the seeds of the two parsers into the folders of their targets in `corpus`.
pub(crate) fn write(corpus: &Path) -> anyhow::Result<()> {
    for (target, seed_of) in [("influxql", query as fn(&Request) -> Option<Vec<u8>>), ("line_protocol", lines)] {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for case in Suite::embedded()?.cases {
            let seeds = case.steps.iter().filter_map(|step| seed_of(&step.request));
            for (number, seed) in seeds.filter(|seed| seed.len() <= SEED_BYTES_MAX).enumerate() {
                let file = folder.join(format!("{}-{number}", case.id));
                std::fs::write(&file, seed).with_context(|| file.display().to_string())?;
            }
        }
    }
    Ok(())
}

/// Returns the statements of a request to `/query`.
fn query(request: &Request) -> Option<Vec<u8>> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(&request.body));
    pairs.find(|(key, _)| path == "/query" && key == "q").map(|(_, text)| text.into_owned().into_bytes())
}

/// Returns the points of a request to `/write`.
fn lines(request: &Request) -> Option<Vec<u8>> {
    request.target.starts_with("/write").then(|| request.body.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parser_gets_hundreds_of_seeds() {
        let corpus = tempfile::tempdir().expect("a folder");
        write(corpus.path()).expect("seeds");
        for target in ["influxql", "line_protocol"] {
            let seeds = std::fs::read_dir(corpus.path().join(target)).expect("the folder").count();
            assert!(seeds > 200, "{target}: {seeds}");
        }
    }
}
