//! Measures what the conformance suite is worth: puts faults into the server, one at a time, and checks that a case notices each.
//!
//! The faults are listed in `conformance/faults/`, one file for each area. All of them are put into a copy of the sources behind a switch,
//! so that the server is built once. A fault that no case notices is a violation, unless an integration test does, or the list says why
//! no client can see it.

mod arena;
mod faults;
mod hunt;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fluxstone_conformance::suite::Suite;
use serde_json::json;

use faults::Fault;
use hunt::{Effort, Fate, Hunt};

/// Which faults to try, and how.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "these are flags of the command line")]
pub(crate) struct Options {
    /// Only the faults whose names, or areas, contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only the faults that no case is known to notice.
    #[arg(long)]
    unnoticed: bool,
    /// How many faults to try at the same time.
    #[arg(long)]
    jobs: Option<usize>,
    /// Look only among the known and likely cases, for a quick answer.
    #[arg(long, conflicts_with = "every")]
    likely: bool,
    /// Look for every likely case that notices a fault, not only for one.
    #[arg(long)]
    every: bool,
    /// Write which cases notice which fault to `conformance/faults/kills.toml`, to be tried first the next time.
    #[arg(long)]
    bless: bool,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Checks that the listed faults still have their places in the code.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    weave::check(root, &faults::read(root)?)
}

/// The faults that are known to be noticed, by the case, or the test `file::name`, that notices them.
pub(crate) fn noticed(root: &Path) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let faults = faults::read(root)?;
    let tests = faults.iter().filter_map(|fault| Some((fault.test.clone()?, fault.id.clone())));
    let kills = faults::read_kills(root)?;
    let cases = kills.into_iter().flat_map(|(fault, cases)| cases.into_iter().map(move |case| (case, fault.clone())));
    let mut noticed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (evidence, fault) in tests.chain(cases) {
        noticed.entry(evidence).or_default().insert(fault);
    }
    Ok(noticed)
}

/// Tries the faults. Each that nothing notices is a violation.
pub(crate) fn measure(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    let all = faults::read(root)?;
    let binary = weave::build(root, &all)?;
    let mut kills = faults::read_kills(root)?;
    let is_named = |fault: &Fault| fault.id.contains(&options.only) || fault.area.contains(&options.only);
    let is_unnoticed =
        |fault: &Fault| !(kills.contains_key(&fault.id) || fault.test.is_some() || fault.invisible.is_some());
    let is_chosen = |fault: &&Fault| is_named(fault) && (!options.unnoticed || is_unnoticed(fault));
    let chosen: Vec<&Fault> = all.iter().filter(is_chosen).collect();
    let suite = Suite::read(&root.join("conformance/cases"))?;
    let arenas = arena::all(&suite)?;
    let effort = match options {
        Options { every: true, .. } => Effort::EveryLikely,
        Options { likely: true, .. } => Effort::LikelyOne,
        _ => Effort::One,
    };
    let hunt = Hunt { root, binary: &binary, arenas: &arenas, effort };
    let jobs = options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
    let fates = try_all(&hunt, &chosen, &kills, jobs)?;

    print_table(&chosen, &fates);
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&as_json(&chosen, &fates))?)?;
    }
    if options.bless {
        kills.retain(|id, _| all.iter().any(|fault| fault.id == *id));
        for (fault, fate) in chosen.iter().zip(&fates) {
            match fate {
                Fate::Cases(cases) => kills.insert(fault.id.clone(), cases.clone()),
                _ => kills.remove(&fault.id),
            };
        }
        faults::write_kills(root, &kills)?;
    }
    let survivors = chosen.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Survived);
    Ok(survivors.map(|(fault, _)| format!("nothing notices {} ({})", fault.id, fault.what)).collect())
}

/// Tries faults, `jobs` at a time, and returns what became of each.
fn try_all(
    hunt: &Hunt<'_>,
    chosen: &[&Fault],
    kills: &BTreeMap<String, Vec<String>>,
    jobs: usize,
) -> anyhow::Result<Vec<Fate>> {
    let next = AtomicUsize::new(0);
    let fates = Mutex::new(vec![Fate::Survived; chosen.len()]);
    let work = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        while let Some((at, fault)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            chosen.get(at).map(|fault| (at, fault))
        } {
            let fate = runtime.block_on(hunt.fate(fault, kills.get(&fault.id).map_or(&[], Vec::as_slice)))?;
            println!("{:<44} {}", fault.id, shown(&fate));
            if let Ok(mut fates) = fates.lock() {
                fates[at] = fate;
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked"))))
    })?;
    Ok(fates.into_inner().unwrap_or_default())
}

fn shown(fate: &Fate) -> String {
    match fate {
        Fate::Cases(cases) => format!("noticed by {}", cases.join(", ")),
        Fate::Test => "noticed by an integration test".to_owned(),
        Fate::NoStart => "the server does not start".to_owned(),
        Fate::Invisible => "invisible".to_owned(),
        Fate::Survived => "SURVIVED".to_owned(),
    }
}

/// How many faults of an area had which fate.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    faults: usize,
    by_cases: usize,
    by_tests: usize,
    invisible: usize,
}

impl Tally {
    fn add(&mut self, fate: &Fate) {
        self.faults += 1;
        match fate {
            Fate::Cases(_) | Fate::NoStart => self.by_cases += 1,
            Fate::Test => self.by_tests += 1,
            Fate::Invisible => self.invisible += 1,
            Fate::Survived => {}
        }
    }

    fn survivors(self) -> usize {
        self.faults - self.by_cases - self.by_tests - self.invisible
    }

    /// Noticed faults in percent of those that can be seen.
    fn rate(self) -> f64 {
        let visible = self.faults - self.invisible;
        if visible == 0 { 100.0 } else { 100.0 * (self.by_cases + self.by_tests) as f64 / visible as f64 }
    }
}

fn tallies<'f>(chosen: &[&'f Fault], fates: &[Fate]) -> BTreeMap<&'f str, Tally> {
    let mut by_area: BTreeMap<&str, Tally> = BTreeMap::new();
    for (fault, fate) in chosen.iter().zip(fates) {
        by_area.entry(&fault.area).or_default().add(fate);
    }
    by_area
}

fn print_table(chosen: &[&Fault], fates: &[Fate]) {
    println!("\n{:<20} faults  by cases  by tests  invisible  survived   rate", "area");
    let mut all = Tally::default();
    for fate in fates {
        all.add(fate);
    }
    for (area, tally) in tallies(chosen, fates).into_iter().chain([("all", all)]) {
        let Tally { faults, by_cases, by_tests, invisible } = tally;
        let (survivors, rate) = (tally.survivors(), tally.rate());
        println!("{area:<20} {faults:>6}  {by_cases:>8}  {by_tests:>8}  {invisible:>9}  {survivors:>8}  {rate:>4.0}%");
    }
}

fn as_json(chosen: &[&Fault], fates: &[Fate]) -> serde_json::Value {
    let areas: serde_json::Map<_, _> = tallies(chosen, fates)
        .into_iter()
        .map(|(area, tally)| {
            let Tally { faults, by_cases, by_tests, invisible } = tally;
            let survived = tally.survivors();
            let counts = json!({ "faults": faults, "by_cases": by_cases, "by_tests": by_tests, "invisible": invisible, "survived": survived });
            (area.to_owned(), counts)
        })
        .collect();
    let faults: Vec<_> = chosen
        .iter()
        .zip(fates)
        .map(|(fault, fate)| {
            let (fate, by) = match fate {
                Fate::Cases(cases) => ("killed", Some(cases.join(", "))),
                Fate::Test => ("killed", fault.test.clone()),
                Fate::NoStart => ("killed", None),
                Fate::Invisible => ("invisible", None),
                Fate::Survived => ("survived", None),
            };
            json!({ "id": fault.id, "area": fault.area, "what": fault.what, "fate": fate, "by": by, "reason": fault.invisible })
        })
        .collect();
    json!({ "areas": areas, "faults": faults })
}
