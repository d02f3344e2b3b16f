//! Decides what to do about damage: from which checkpoint the store will be opened, and what that takes.
//!
//! The first of these that is possible is chosen: the newest checkpoint as it is; the previous one with the log after it, or the
//! complete log alone, which both lead to the same state; the newest with damaged files written anew; the previous one with
//! damaged files written anew.

use std::path::PathBuf;
use std::sync::Arc;

use fluxstone_columns::SeriesId;

use super::losses::{self, LogLoss};
use super::report::{Damage, Loss, Remedy, Report};
use super::steps::{Step, StoredSeries};
use super::survey::{BadFile, BadSegment, Generation, Survey};
use crate::catalog_bytes::CatalogBytes;
use crate::disk::Disk;
use crate::error::StorageError;
use crate::log;
use crate::record::{Entries, Entry};
use crate::sealing::checkpoint::Checkpoint;
use crate::sealing::series_file::{self, SeriesFile};
use crate::series_index::{SeriesBound, View};
use crate::state::State;

/// What is damaged, and what to do about it, in order.
pub(super) struct Plan {
    pub(super) steps: Vec<(Damage, Step)>,
    pub(super) names: CatalogBytes,
}

impl Plan {
    pub(super) fn into_report(self) -> Report {
        Report { damages: self.steps.into_iter().map(|(damage, _)| damage).collect(), names: self.names }
    }
}

/// From what the store will be opened.
enum Base<'s> {
    Checkpoint(&'s Generation, &'s Checkpoint),
    /// The log alone, which is complete.
    Log,
}

/// Plans a repair. Changes nothing.
pub(super) fn plan(survey: &Survey<'_>) -> Result<Plan, StorageError> {
    let mut planner =
        Planner { survey, state: State::new(), plan: Plan { steps: Vec::new(), names: CatalogBytes::default() } };
    planner.check_store()?;
    match planner.choose_base()? {
        Some(base) => planner.plan_for(&base)?,
        None => planner.give_up(),
    }
    Ok(planner.plan)
}

struct Planner<'s, 'd> {
    survey: &'s Survey<'d>,
    /// The series that can be read, for naming them.
    state: State,
    plan: Plan,
}

impl<'s> Planner<'s, '_> {
    /// Fails if the log is that of another store.
    fn check_store(&self) -> Result<(), StorageError> {
        let Survey { newest, previous, log, options, .. } = self.survey;
        let of_checkpoint = [newest, previous].into_iter().find_map(|g| g.checkpoint.as_ref()?.store);
        match (of_checkpoint, log.store) {
            (Some(store), Some(other)) if store != other => {
                let data = options.data_dir.display();
                let problem = format!("this is the log of the store {other}, but {data} belongs to the store {store}");
                Err(StorageError::wrong_log(&options.log_dir, &problem))
            }
            _ => Ok(()),
        }
    }

    /// Whether the log has all records from `from` up to `to`.
    fn log_has(&self, from: u64, to: u64) -> Result<bool, StorageError> {
        if self.survey.log.first.is_none_or(|first| first > from) {
            return Ok(from == to);
        }
        let scan = log::scan(self.survey.disk, &self.survey.options.log_dir, from, &mut |_, _| Ok(()))?;
        Ok(scan.has_any() && scan.next >= to)
    }

    fn choose_base(&self) -> Result<Option<Base<'s>>, StorageError> {
        let Survey { newest, previous, log, .. } = self.survey;
        let complete =
            |generation: &'s Generation| generation.sound().filter(|checkpoint| self.survey.is_complete(checkpoint));
        if let Some(checkpoint) = complete(newest) {
            return Ok(Some(Base::Checkpoint(newest, checkpoint)));
        }
        let known = newest.checkpoint.as_ref().map(|checkpoint| checkpoint.position);
        if let Some(checkpoint) = complete(previous)
            && self.log_has(checkpoint.position, known.unwrap_or(checkpoint.position))?
        {
            return Ok(Some(Base::Checkpoint(previous, checkpoint)));
        }
        let known = known.or(previous.checkpoint.as_ref().map(|checkpoint| checkpoint.position));
        let is_new = !newest.exists() && !previous.exists() && !self.survey.has_stored_values;
        if is_new && log.first.is_none() || log.first == Some(1) && self.log_has(1, known.unwrap_or(1))? {
            return Ok(Some(Base::Log));
        }
        for generation in [newest, previous] {
            if let Some(checkpoint) = &generation.checkpoint {
                return Ok(Some(Base::Checkpoint(generation, checkpoint)));
            }
        }
        // A log that begins at the first record is better than nothing, even if its beginning cannot be read.
        Ok((log.first == Some(1)).then_some(Base::Log))
    }

    fn give_up(&mut self) {
        let Survey { newest, previous, options, .. } = self.survey;
        for generation in [newest, previous] {
            if let Some(problem) = &generation.problem {
                self.add(self.survey.path(generation.name), problem, Remedy::None, Vec::new(), Step::Nothing);
            }
        }
        let problem = "there is no checkpoint that can be read, and the log does not begin at the first record: restore a backup of both directories";
        self.add(options.data_dir.clone(), problem, Remedy::None, Vec::new(), Step::Nothing);
    }

    fn add(&mut self, path: PathBuf, problem: &str, remedy: Remedy, lost: Vec<Loss>, step: Step) {
        self.plan.steps.push((Damage { path, problem: problem.to_owned(), remedy, lost }, step));
    }

    fn set_aside(&mut self, path: PathBuf, problem: &str) {
        self.add(path.clone(), problem, Remedy::SetAside, Vec::new(), Step::SetAside(vec![path]));
    }

    fn plan_for(&mut self, base: &Base<'s>) -> Result<(), StorageError> {
        let Survey { newest, previous, .. } = self.survey;
        match *base {
            Base::Checkpoint(generation, checkpoint) => {
                self.load_series(checkpoint);
                self.plan.names = checkpoint.catalog.clone();
                self.repair_listed(generation, checkpoint)?;
                self.set_unlisted_aside(checkpoint);
                if generation.name == newest.name {
                    let is_restarted = self.repair_log(checkpoint)?;
                    self.repair_fallback(checkpoint, is_restarted)?;
                } else {
                    self.set_generation_aside(newest);
                    self.repair_log(checkpoint)?;
                }
            }
            Base::Log => {
                let nothing = Checkpoint::empty();
                self.set_unlisted_aside(&nothing);
                for generation in [newest, previous] {
                    self.set_generation_aside(generation);
                }
                self.repair_log(&nothing)?;
            }
        }
        Ok(())
    }

    /// Loads the series that can be read.
    fn load_series(&mut self, checkpoint: &Checkpoint) {
        self.state.series_bound = SeriesBound(SeriesId(checkpoint.next_series));
        for file in &checkpoint.series_files {
            // What cannot be read is reported elsewhere.
            let _ = series_file::read(self.survey.disk, &self.survey.options.data_dir, file.number, &mut self.state);
        }
    }

    /// Repairs a checkpoint and the files that it lists.
    fn repair_listed(&mut self, generation: &Generation, checkpoint: &Checkpoint) -> Result<(), StorageError> {
        let survey = self.survey;
        for (name, bad) in survey.bad.iter().filter(|(name, _)| checkpoint.files().any(|listed| listed == **name)) {
            let path = survey.path(name);
            match bad {
                BadFile::Series { problem, restored: Some(bytes), .. } => {
                    self.flip_back(path, problem, bytes.clone(), 1);
                }
                BadFile::Series { problem, file, .. } => self.rebuild_series(path, problem, checkpoint, *file)?,
                BadFile::Segment(segment) => {
                    let BadSegment { of_shard, position, findings } = segment;
                    let lost = losses::of_segment(segment, &self.state);
                    let is_restored = lost.is_empty() && findings.restored > 0;
                    let remedy = if is_restored { Remedy::FlipBack(findings.restored) } else { Remedy::Salvage };
                    let step = Step::Segment { path: path.clone(), of_shard: *of_shard, position: *position };
                    self.add(path, bad.problem(), remedy, lost, step);
                }
            }
        }
        if let (Some(problem), Some(bytes)) = (&generation.problem, &generation.restored) {
            self.flip_back(survey.path(generation.name), problem, bytes.clone(), 1);
        }
        Ok(())
    }

    fn flip_back(&mut self, path: PathBuf, problem: &str, bytes: Vec<u8>, flips: usize) {
        let step = Step::Replace { path: path.clone(), bytes };
        self.add(path, problem, Remedy::FlipBack(flips), Vec::new(), step);
    }

    fn rebuild_series(
        &mut self,
        path: PathBuf,
        problem: &str,
        checkpoint: &Checkpoint,
        file: SeriesFile,
    ) -> Result<(), StorageError> {
        if let Some(series) = self.series_of_previous(checkpoint, file)? {
            self.add(path, problem, Remedy::Rebuild, Vec::new(), Step::Series { file, series });
        } else {
            let lost = losses::of_series(self.survey, checkpoint, file)?;
            self.add(path, problem, Remedy::Salvage, lost, Step::Series { file, series: Vec::new() });
        }
        Ok(())
    }

    /// Sets aside damaged files that `checkpoint` does not list.
    fn set_unlisted_aside(&mut self, checkpoint: &Checkpoint) {
        let survey = self.survey;
        for (name, bad) in survey.bad.iter().filter(|(name, _)| checkpoint.files().all(|listed| listed != **name)) {
            self.set_aside(survey.path(name), bad.problem());
        }
    }

    /// Sets a checkpoint aside that is not used. After the files that it lists, so that it is known until then that they are
    /// not needed.
    fn set_generation_aside(&mut self, generation: &Generation) {
        if generation.exists() {
            let problem = generation.problem.as_deref().unwrap_or("a file that it lists is missing or damaged");
            self.set_aside(self.survey.path(generation.name), problem);
        }
    }

    /// Returns the series of a file, from the previous checkpoint and the log after it; `None` if these do not have them.
    fn series_of_previous(
        &self,
        newest: &Checkpoint,
        file: SeriesFile,
    ) -> Result<Option<Vec<StoredSeries>>, StorageError> {
        let Some(previous) = self.survey.previous.checkpoint.as_ref() else { return Ok(None) };
        let mut files = previous.series_files.iter().map(|file| series_file::file_name(file.number));
        if files.any(|name| self.survey.bad.contains_key(&name)) || !self.log_has(previous.position, newest.position)? {
            return Ok(None);
        }
        let options = self.survey.options;
        let mut state = State::new();
        state.series_bound = SeriesBound(SeriesId(previous.next_series));
        for file in &previous.series_files {
            series_file::read(self.survey.disk, &options.data_dir, file.number, &mut state)?;
        }
        log::scan(self.survey.disk, &options.log_dir, previous.position, &mut |position, record| {
            if position < newest.position {
                apply_series(&mut state, position, record);
            }
            Ok(())
        })?;
        let mut series: Vec<StoredSeries> = Vec::new();
        for (database, contents) in state.databases() {
            let index = contents.index.read();
            let stored = index.iter_from(file.first, View { bound: SeriesBound(file.end), ..View::ALL });
            series.extend(stored.map(|(id, key)| (*database, id, key)));
        }
        series.sort_by_key(|(database, id, _)| (*database, *id));
        Ok(Some(series))
    }

    /// Repairs the log from the position of a checkpoint on. Returns whether it has to be started anew.
    fn repair_log(&mut self, checkpoint: &Checkpoint) -> Result<bool, StorageError> {
        let Survey { disk, options, log: identity, .. } = *self.survey;
        let (from, log_dir) = (checkpoint.position, &options.log_dir);
        let (names, state) = (&mut self.plan.names, &mut self.state);
        let scan = log::scan(disk, log_dir, from, &mut |position, record| {
            add_names(names, record);
            apply_series(state, position, record);
            Ok(())
        })?;
        let is_short = !scan.has_any() || scan.next < from;
        if let Some(damage) = scan.damage {
            if let Some((bytes, flips)) = log::restore(disk, &damage.path)? {
                self.flip_back(damage.path, &at(damage.offset, &damage.problem), bytes, flips);
                return Ok(false);
            }
            let (lost, readable) = self.log_losses(disk, &damage)?;
            let problem = format!(
                "{}; {readable} later changes can be read, but build on it",
                at(damage.offset, &damage.problem)
            );
            if is_short {
                self.restart_log(damage.path, &problem, checkpoint, lost)?;
            } else {
                self.add(damage.path.clone(), &problem, Remedy::Cut, lost, Step::Cut(damage));
            }
            return Ok(is_short);
        }
        let files = log::paths_in_order(disk, log_dir)?;
        if !is_short && from > 1 && scan.next == from && files.iter().all(|(first, _)| *first != from) {
            self.start_log(checkpoint);
            return Ok(false);
        }
        let is_missing = is_short && (from > 1 || identity.first.is_some());
        if is_missing {
            let problem =
                format!("the log is missing from record {from} on; if its directory is not mounted, mount it");
            self.restart_log(log_dir.clone(), &problem, checkpoint, Vec::new())?;
        }
        Ok(is_missing)
    }

    /// Starts a file where the checkpoint ends. It is missing only if it was removed, or could not be created.
    fn start_log(&mut self, checkpoint: &Checkpoint) {
        let (position, store) = (checkpoint.position, checkpoint.store);
        let path = log::path_of(&self.survey.options.log_dir, position);
        let problem = "the file is missing; unless it could not be created, changes are lost with it";
        let step = Step::RestartLog { position, store, aside: Vec::new() };
        self.add(path, problem, Remedy::RestartLog, Vec::new(), step);
    }

    fn log_losses(&self, disk: &dyn Disk, damage: &log::Damage) -> Result<(Vec<Loss>, u64), StorageError> {
        let mut loss = LogLoss::new(&self.state);
        let mut readable = 0;
        let later = damage.later.iter().map(|path| (path, 0));
        for (path, offset) in std::iter::once((&damage.path, damage.offset)).chain(later) {
            readable += log::records_after(disk, path, offset, &mut |record| loss.add(record))?;
        }
        let mut lost = loss.into_losses();
        // Nobody knows what was in the damaged bytes.
        for loss in &mut lost {
            loss.may_be_more = true;
        }
        Ok((lost, readable))
    }

    fn restart_log(
        &mut self,
        path: PathBuf,
        problem: &str,
        checkpoint: &Checkpoint,
        lost: Vec<Loss>,
    ) -> Result<(), StorageError> {
        let files = log::paths_in_order(self.survey.disk, &self.survey.options.log_dir)?;
        let aside = files.into_iter().rev().map(|(_, path)| path).collect();
        let step = Step::RestartLog { position: checkpoint.position, store: checkpoint.store, aside };
        self.add(path, problem, Remedy::RestartLog, lost, step);
        Ok(())
    }

    /// Checks what a start from the previous checkpoint, or from the log alone, would need, when the newest is used. What of it is
    /// damaged is of no use, and neither is the rest then.
    fn repair_fallback(&mut self, newest: &Checkpoint, log_is_restarted: bool) -> Result<(), StorageError> {
        let Survey { disk, options, previous, log: identity, .. } = self.survey;
        let path = self.survey.path(previous.name);
        if let (Some(problem), Some(bytes)) = (&previous.problem, &previous.restored) {
            self.flip_back(path, problem, bytes.clone(), 1);
            return Ok(());
        }
        let is_usable = previous.sound().is_some_and(|checkpoint| {
            let both = checkpoint
                .files()
                .all(|name| !self.survey.bad.contains_key(&name) || newest.files().any(|listed| listed == name));
            both && identity.first.is_some_and(|first| first <= checkpoint.position)
        });
        let needed = if is_usable { previous.sound().map(|checkpoint| checkpoint.position) } else { None };
        if previous.exists() && (!is_usable || log_is_restarted) {
            let problem = previous.problem.clone().unwrap_or_else(|| match (previous.sound(), identity.first) {
                (Some(checkpoint), Some(first)) if first > checkpoint.position => format!(
                    "it needs the log from record {} on, but the log in {} begins at record {first}",
                    checkpoint.position,
                    options.log_dir.display()
                ),
                _ => "a file that it needs is missing or damaged".to_owned(),
            });
            self.set_aside(path, &problem);
            return Ok(());
        }
        let needed = needed.or((!previous.exists() && identity.first == Some(1)).then_some(1));
        let Some(from) = needed.filter(|from| *from < newest.position && !log_is_restarted) else { return Ok(()) };
        let scan = log::scan(*disk, &options.log_dir, from, &mut |_, _| Ok(()))?;
        if scan.next >= newest.position {
            return Ok(());
        }
        let is_known = |damage: &log::Damage| self.plan.steps.iter().any(|(known, _)| known.path == damage.path);
        let Some(damage) = scan.damage.filter(|damage| !is_known(damage)) else { return Ok(()) };
        let problem = at(damage.offset, &damage.problem);
        if let Some((bytes, flips)) = log::restore(*disk, &damage.path)? {
            self.flip_back(damage.path, &problem, bytes, flips);
            return Ok(());
        }
        let files = log::paths_in_order(*disk, &options.log_dir)?;
        let mut aside = vec![path];
        aside.extend(files.windows(2).filter(|pair| pair[1].0 <= newest.position).map(|pair| pair[0].1.clone()));
        self.add(damage.path, &problem, Remedy::SetAside, Vec::new(), Step::SetAside(aside));
        Ok(())
    }
}

fn at(offset: usize, problem: &str) -> String {
    format!("at offset {offset}: {problem}")
}

/// Adds the changes of the catalog in a record.
fn add_names(names: &mut CatalogBytes, record: &[u8]) {
    for entry in Entries::new(record).map_while(Result::ok) {
        if let Entry::Catalog(change) = entry {
            names.changes.push(Arc::from(change));
        }
    }
}

/// Applies what the record at `position` says about series.
fn apply_series(state: &mut State, position: u64, record: &[u8]) {
    state.position = position;
    for entry in Entries::new(record).map_while(Result::ok) {
        let concerns_series = match &entry {
            Entry::Series { .. }
            | Entry::RemoveSeries { .. }
            | Entry::DropMeasurement { .. }
            | Entry::DropDatabase { .. } => true,
            Entry::Catalog(_)
            | Entry::Shard { .. }
            | Entry::Field { .. }
            | Entry::Points { .. }
            | Entry::Delete { .. }
            | Entry::DropShards { .. } => false,
        };
        if concerns_series {
            // The record was decoded when it was logged, and can be decoded again.
            let _ = state.apply_entry(entry);
        }
    }
}
