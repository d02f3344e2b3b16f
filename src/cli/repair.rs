//! `fluxstone repair`: says where a log is damaged, and cuts it there if asked to.

use super::{CommandError, RepairArguments, load_settings};
use crate::storage::StoreOptions;
use crate::storage::real_disk::RealDisk;
use crate::storage::repair::{LogDamage, cut_damage, find_damage};

/// Reports, or cuts.
pub(super) fn repair(arguments: &RepairArguments) -> Result<(), CommandError> {
    let mut data = load_settings(&arguments.config)?.settings.data;
    if let Some(directory) = &arguments.data_dir {
        data.live_in(directory);
    }
    let failed = |error| CommandError::Open { path: data.dir.clone(), error };
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
        println!("{}: follows it", path.display());
    }
    println!(
        "What precedes can be kept. What follows can't, since it builds on what is damaged: {readable_changes} changes of it can still be read."
    );
    if !arguments.cut {
        println!("`fluxstone repair --cut` sets it aside, in files whose names end in .damaged.");
        return Err(CommandError::Damaged);
    }
    for path in cut_damage(&disk, &options).map_err(failed)? {
        println!("set aside: {}", path.display());
    }
    println!("the server starts now, without these changes");
    Ok(())
}
