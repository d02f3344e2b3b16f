//! `fluxstone repair`: reports where a log is damaged, and cuts it there on request. Finding and cutting are left to `storage`.

use super::arguments::RepairArguments;
use super::error::CommandError;
use super::settings::load_settings;
use crate::StartError;
use crate::storage::StoreOptions;
use crate::storage::real_disk::RealDisk;
use crate::storage::repair::{LogDamage, cut_damage, find_damage};

/// Reports damage of the log, and cuts it if asked to.
pub(super) fn repair(arguments: &RepairArguments) -> Result<(), CommandError> {
    let mut data = load_settings(&arguments.config)?.settings.data;
    if let Some(directory) = &arguments.data_dir {
        data.use_directory(directory);
    }
    let failed = |error| StartError::Open { path: data.dir.clone(), error };
    let options =
        StoreOptions { data_dir: data.dir.clone(), log_dir: data.log_dir(), ..StoreOptions::in_directory(&data.dir) };
    let disk = RealDisk::default();
    let Some(damage) = find_damage(&disk, &options).map_err(failed)? else {
        println!("the log in {} is sound", options.log_dir.display());
        return Ok(());
    };
    let LogDamage { path, offset, problem, later, readable_changes } = damage;
    println!("{}: at offset {offset}: {problem}", path.display());
    for path in &later {
        println!("{}: after the damage", path.display());
    }
    println!(
        "Changes before the damage can be kept. Those after it cannot, since they build on it: {readable_changes} of them can still be read."
    );
    if !arguments.cut {
        println!("`fluxstone repair --cut` sets them aside, in files whose names end in .damaged.");
        return Err(CommandError::Damaged);
    }
    for path in cut_damage(&disk, &options).map_err(failed)? {
        println!("set aside: {}", path.display());
    }
    println!("the server can start again, without these changes");
    Ok(())
}
