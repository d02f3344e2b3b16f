//! `fluxstone repair`: reports damaged files and what is lost with them, and repairs the store on request. Finding and repairing
//! are left to `storage`; the names of databases are taken from the catalog.

use std::fmt;
use std::sync::Arc;

use super::arguments::RepairArguments;
use super::error::CommandError;
use super::settings::load_settings;
use crate::StartError;
use crate::catalog::Catalog;
use crate::engine::read_catalog;
use crate::model::{DatabaseId, ShardId, TimeRange};
use crate::storage::StoreOptions;
use crate::storage::disk::Disk;
use crate::storage::real_disk::RealDisk;
use crate::storage::repair::{Damage, Loss, Remedy, Repaired, Report, check, repair as repair_store};

/// Reports damaged files, and repairs the store if asked to.
pub(super) fn repair(arguments: &RepairArguments) -> Result<(), CommandError> {
    let mut data = load_settings(&arguments.config)?.settings.data;
    if let Some(directory) = &arguments.data_dir {
        data.use_directory(directory);
    }
    let failed = |error| StartError::Open { path: data.dir.clone(), error };
    let options =
        StoreOptions { data_dir: data.dir.clone(), log_dir: data.log_dir(), ..StoreOptions::in_directory(&data.dir) };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let report = if arguments.cut {
        let Repaired { report, set_aside } = repair_store(&disk, &options).map_err(failed)?;
        print_report(&report, Tense::Done);
        for path in set_aside {
            println!("kept as it was: {}", path.display());
        }
        report
    } else {
        let report = check(&disk, &options).map_err(failed)?;
        print_report(&report, Tense::Proposed);
        report
    };
    if report.damages.is_empty() {
        let (log, data) = (options.log_dir.display(), options.data_dir.display());
        println!("the log in {log} and the files in {data} are sound");
        return Ok(());
    }
    if report.damages.iter().any(|damage| damage.remedy == Remedy::None) {
        println!("this cannot be repaired, and nothing was changed");
        return Err(CommandError::Damaged);
    }
    if arguments.cut {
        println!("the server can start again");
        return Ok(());
    }
    println!(
        "`fluxstone repair --cut` does this. It deletes nothing: files as they were get names that end in .damaged."
    );
    Err(CommandError::Damaged)
}

/// Whether a repair has been done.
#[derive(Debug, Clone, Copy)]
enum Tense {
    Proposed,
    Done,
}

fn print_report(report: &Report, tense: Tense) {
    // Without a catalog, databases are named by their numbers.
    let catalog = read_catalog(report.catalog()).unwrap_or_default();
    for Damage { path, problem, remedy, lost } in &report.damages {
        println!("{}: {problem}", path.display());
        println!("  {}", remedy_text(*remedy, tense));
        for loss in lost {
            println!("  lost: {}", LossText { loss, catalog: &catalog });
        }
        if lost.is_empty()
            && matches!(remedy, Remedy::FlipBack(_) | Remedy::Rebuild | Remedy::Salvage | Remedy::SetAside)
        {
            println!("  nothing is lost");
        }
    }
}

fn remedy_text(remedy: Remedy, tense: Tense) -> String {
    let is = match tense {
        Tense::Proposed => "would be",
        Tense::Done => "was",
    };
    match remedy {
        Remedy::SetAside => format!("the file {is} set aside: it is not needed, or other files hold the same"),
        Remedy::FlipBack(1) => format!("one flipped bit {is} flipped back, which makes the checksum right"),
        Remedy::FlipBack(bits) => format!("{bits} flipped bits {is} flipped back, which makes the checksums right"),
        Remedy::Rebuild => format!("the file {is} written anew from the previous checkpoint and the log"),
        Remedy::Salvage => format!("the file {is} written anew with what can be read of it"),
        Remedy::Cut => format!("the log {is} cut there: changes before the damage are kept, and all after it are lost"),
        Remedy::RestartLog => format!("an empty log {is} started: all changes since the last checkpoint are lost"),
        Remedy::None => "nothing can be done".to_owned(),
    }
}

/// A loss with the names of databases and policies.
struct LossText<'c> {
    loss: &'c Loss,
    catalog: &'c Catalog,
}

impl fmt::Display for LossText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { database, shard, values, may_be_more, range, series, series_count } = self.loss;
        let at_least = if *may_be_more { "at least " } else { "" };
        write!(f, "{at_least}{values} values of {series_count} series in {}", self.database(*database))?;
        let of_shard = shard.and_then(|shard| self.shard(*database, shard));
        if let Some(shard) = shard {
            write!(f, ", shard {}", shard.0)?;
        }
        if let Some((policy, _)) = &of_shard {
            write!(f, " of policy {policy:?}")?;
        }
        match (range, of_shard) {
            (Some(range), _) => write!(f, ", from {} to {}", range.min, range.max)?,
            (None, Some((_, range))) => {
                write!(f, ", at unknown times from {} to {}", range.min, range.max)?;
            }
            (None, None) => {}
        }
        if !series.is_empty() {
            write!(f, ": {}", series.join(" "))?;
        }
        let more = series_count.saturating_sub(series.len() as u64);
        if more > 0 && !series.is_empty() { write!(f, " and {more} more") } else { Ok(()) }
    }
}

impl LossText<'_> {
    fn database(&self, id: DatabaseId) -> String {
        let found = self.catalog.databases().find(|database| database.id == id);
        found.map_or_else(|| format!("database number {}", id.0), |database| format!("database {:?}", database.name))
    }

    /// The policy of a shard, and its times.
    fn shard(&self, database: DatabaseId, shard: ShardId) -> Option<(String, TimeRange)> {
        let database = self.catalog.databases().find(|known| known.id == database)?;
        database.policies.iter().find_map(|policy| {
            let mut stretches = policy.groups.stretches().iter().filter(|(known, _)| *known == shard);
            let first = stretches.next()?.1;
            let last = stretches.next_back().map_or(first, |(_, range)| *range);
            Some((policy.name.clone(), TimeRange { min: first.min, max: last.max }))
        })
    }
}
