//! Runs the conformance suite against an installed InfluxDB, to prove that the suite can judge other servers.
//!
//! The known differences of that server are listed in `conformance/known/`.

use std::path::Path;
use std::process::{Command, Stdio};

use fluxstone_conformance::known::Known;
use fluxstone_conformance::launch::Launcher;
use fluxstone_conformance::run::Settings;
use fluxstone_conformance::suite::{Selection, Suite};
use fluxstone_conformance::{clauses, fleet, report};

/// Judges the `influxd` on the `PATH`, with each configuration that cases need. Whatever is not as expected is a violation.
pub(crate) fn judge(root: &Path) -> anyhow::Result<Vec<String>> {
    let version = Command::new("influxd").arg("version").stderr(Stdio::null()).output();
    let Ok(version) = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()) else {
        println!("influxdb: skipped: influxd is not installed");
        return Ok(Vec::new());
    };
    if !version.starts_with("InfluxDB v1.6.7") {
        println!("influxdb: skipped: the differences of {version} are not known");
        return Ok(Vec::new());
    }
    let base = std::fs::read_to_string(root.join("conformance/known/influxdb.conf"))?;
    let launcher = Launcher::new("influxd -config {config}", base)?;
    let known = Known::read(&root.join("conformance/known/influxdb-1.6.7.toml"))?;
    let suite = Suite::read(&root.join("conformance/cases"))?;
    let mut cases = suite.select(&Selection::default());
    cases.retain(|case| known.skips(&case.id).is_none());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // One case at a time: while a database is dropped, 1.6.7 refuses DELETE in others (`engine is closed`).
    let settings = |target| Settings { jobs: 1, ..Settings::new(target) };
    let found = runtime.block_on(fleet::run(&launcher, &settings, &cases, |_| {}));
    report::print(&mut std::io::stdout().lock(), &found, &known, &clauses::embedded(), false)?;
    Ok(known.surprises(&found.outcomes, &suite.cases))
}
