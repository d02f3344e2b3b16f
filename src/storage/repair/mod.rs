//! Repair of damaged stores. The server refuses to start where anything it did would lose acknowledged changes; repair lets an
//! operator decide.
//!
//! A [`check`] reads every file, names each that is damaged, and says what would be lost; it changes nothing. A [`repair`] does
//! what the check announced: it takes contents from other files where they hold the same, flips back single bits, rewrites files
//! with what can be read of them, and cuts the log where it is damaged.
//!
//! Invariant: nothing is deleted. Whatever is replaced or not needed any more is kept under another name. Each step leaves a
//! store that can be repaired again, with the same result.

mod losses;
mod plan;
mod report;
mod steps;
mod survey;

use std::path::PathBuf;
use std::sync::Arc;

use super::directory_lock::lock_directories;
use super::disk::Disk;
use super::error::StorageError;
use super::options::StoreOptions;
use plan::plan;
use survey::Survey;

pub use report::{Damage, Loss, Remedy, Report};

/// A repair can reveal further damage, such as that of a log after a flipped bit. Each round gets further than the one before.
const ROUNDS_MAX: usize = 100;

/// What a repair has done.
#[derive(Debug)]
pub struct Repaired {
    /// What was damaged, and what is lost.
    pub report: Report,
    /// The files that were set aside.
    pub set_aside: Vec<PathBuf>,
}

/// Reads every file of a store, and reports all damage. Changes nothing.
pub fn check(disk: &Arc<dyn Disk>, options: &StoreOptions) -> Result<Report, StorageError> {
    let _locks = lock_directories(&**disk, options)?;
    Ok(plan(&Survey::new(&**disk, options)?)?.into_report())
}

/// Repairs a store, so that it can be opened. Nothing happens if it is sound, or if it cannot be repaired.
pub fn repair(disk: &Arc<dyn Disk>, options: &StoreOptions) -> Result<Repaired, StorageError> {
    let _locks = lock_directories(&**disk, options)?;
    let mut repaired = Repaired { report: Report::default(), set_aside: Vec::new() };
    for _ in 0..ROUNDS_MAX {
        let plan = plan(&Survey::new(&**disk, options)?)?;
        repaired.report.names = plan.names.clone();
        let can_go_on = plan.steps.iter().all(|(damage, _)| damage.remedy != Remedy::None);
        for (damage, step) in &plan.steps {
            if can_go_on {
                repaired.set_aside.extend(step.run(disk, options)?);
            }
            repaired.report.damages.push(damage.clone());
        }
        if plan.steps.is_empty() || !can_go_on {
            break;
        }
    }
    Ok(repaired)
}
