//! Runs the conformance suite against an installed InfluxDB, to prove that the suite can judge other servers.
//!
//! The known differences of that server are listed in `conformance/known/`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fluxstone_conformance::client::Target;
use fluxstone_conformance::known::Known;
use fluxstone_conformance::run::{self, Settings};
use fluxstone_conformance::suite::{Selection, Suite};
use fluxstone_conformance::{clauses, report};

const ADMIN: (&str, &str) = ("admin", "a long password");

/// The longest time from start to the first answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running `influxd`, killed on drop.
struct Influxd(Child);

impl Drop for Influxd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Judges the `influxd` on the `PATH`. Unknown differences are violations, and so are known ones that no longer occur.
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
    let folder = tempfile::tempdir()?;
    let (address, _influxd) = start(folder.path())?;
    let settings = Settings {
        credentials: Some((ADMIN.0.to_owned(), ADMIN.1.to_owned())),
        ..Settings::new(format!("http://{address}").parse()?)
    };
    let known = Known::read(&root.join("conformance/known/influxdb-1.6.7.toml"))?;
    let suite = Suite::read(&root.join("conformance/cases"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        create_administrator(&settings.target).await?;
        anyhow::Ok(run::run(&settings, &suite.select(&Selection::default()), |_| {}).await)
    })?;
    report::print(&mut std::io::stdout().lock(), &found, &known, &clauses::embedded(), false)?;
    let unknown = found.outcomes.iter().filter(|o| o.verdict.is_failure() && known.reason(&o.id).is_none());
    let resolved = known
        .resolved(&found.outcomes)
        .map(|o| format!("{} is listed as a known difference, but is {}", o.id, o.verdict));
    Ok(unknown.map(|o| format!("{} {}", o.id, o.verdict)).chain(resolved).collect())
}

/// Starts `influxd` on free loopback ports, with its data in `folder`.
fn start(folder: &Path) -> anyhow::Result<(String, Influxd)> {
    let (address, backup_address) = (free_address()?, free_address()?);
    let path = |name: &str| folder.join(name).display().to_string();
    let config = format!(
        "reporting-disabled = true\nbind-address = {backup_address:?}\n[meta]\ndir = {:?}\n[data]\ndir = {:?}\nwal-dir = {:?}\n\
         [http]\nbind-address = {address:?}\nauth-enabled = true\nlog-enabled = false\n[monitor]\nstore-enabled = false\n",
        path("meta"),
        path("data"),
        path("wal"),
    );
    std::fs::write(folder.join("influxdb.conf"), config)?;
    let influxd = Command::new("influxd")
        .args(["-config", &path("influxdb.conf")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("influxd")?;
    Ok((address, Influxd(influxd)))
}

fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Creates the first administrator as soon as the server answers.
async fn create_administrator(target: &Target) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match run::create_administrator(target, ADMIN, START_LIMIT).await {
            Ok(response) if response.status == 200 => return Ok(()),
            Ok(response) => bail!("influxd answered {response:?}"),
            Err(error) if Instant::now() >= deadline => return Err(error).context("influxd"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
