//! Writes: the checks of a request in their order, the placement of points in shards, and the messages of failures.
//!
//! Which points a shard keeps is decided in [`super::ingest`].

use std::collections::HashMap;
use std::time::Instant;

use bstr::{BString, ByteSlice};
use fluxstone_catalog::{Catalog, Database, GroupPlanner, Privileges};
use fluxstone_columns::PointBatch;
use fluxstone_go::GoQuote;
use fluxstone_line_protocol::LineError;
use fluxstone_model::{Clause, Nanos, ShardId, Timestamp};
use fluxstone_storage::{StorageError, Transaction};

use super::ingest::{
    DropReason, IngestError, ResolvedBatch, UnescapedStrings, WriteLimits, WriteOutcome, write_shard_with,
};
use super::shard_counters::ShardCounts;
use super::{Core, Engine, ErrorKind, Principal, WriteError, WriteRequest};

impl Engine {
    /// Makes the checks that precede reading the body of a write: the database exists, and the user may write to it.
    pub fn authorize_write(&self, principal: &Principal, database: &[u8]) -> Result<(), WriteError> {
        self.core.authorize_write(principal, database)
    }

    /// Parses, checks, logs and stores points. Returns when they are on disk.
    pub fn write(&self, request: WriteRequest<'_>) -> Result<(), WriteError> {
        let result = self.core.write(request);
        self.core.counters.count_write(result.is_ok());
        result
    }
}

/// The reason why not all points could be stored.
#[derive(Debug)]
pub(super) enum WriteFailure {
    DatabaseNotFound(String),
    PolicyNotFound(String),
    /// A new field came with two types for a new shard.
    ConflictInRequest,
    /// The values for a shard do not fit into the cache.
    CacheFull(IngestError),
    /// The points are in too many shards, or would create too many.
    TooManyShards(ShardLimit),
    /// Some points were dropped, others may have been stored.
    Dropped {
        reason: DropReason,
        dropped: u64,
        database: String,
    },
    Storage(StorageError),
}

/// The limit on shards that a write would exceed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ShardLimit {
    #[error("max-shards-per-write limit exceeded: the points belong to more than {max} shards")]
    PerWrite { max: usize },
    #[error("max-shards-per-database limit exceeded: db={database} ({shards}/{max})")]
    PerDatabase { database: String, shards: usize, max: usize },
}

impl ShardLimit {
    fn clause(&self) -> Clause {
        match self {
            ShardLimit::PerWrite { .. } => Clause::new("write.shard.9"),
            ShardLimit::PerDatabase { .. } => Clause::new("write.shard.10"),
        }
    }
}

/// The limits on shards; zero is no limit.
#[derive(Debug, Clone, Copy)]
struct ShardLimits {
    per_write_max: usize,
    per_database_max: usize,
}

/// Why nothing was stored in an attempt.
#[derive(Debug)]
enum Attempt {
    /// There is no room now for this many bytes.
    NoRoom(usize),
    Failed(WriteFailure),
}

impl From<WriteFailure> for Attempt {
    fn from(failure: WriteFailure) -> Self {
        Attempt::Failed(failure)
    }
}

impl From<StorageError> for Attempt {
    fn from(error: StorageError) -> Self {
        Attempt::Failed(error.into())
    }
}

impl From<StorageError> for WriteFailure {
    fn from(error: StorageError) -> Self {
        WriteFailure::Storage(error)
    }
}

impl Core {
    fn authorize_write(&self, principal: &Principal, database: &[u8]) -> Result<(), WriteError> {
        if database.is_empty() {
            return Err(WriteError::new(ErrorKind::BadRequest, Clause::new("write.db.1"), "database is required"));
        }
        let catalog = self.catalog.visible();
        let name = database.to_str().ok().filter(|name| catalog.database(name).is_some());
        let Some(name) = name else {
            let text = format!("database not found: {}", GoQuote(database));
            return Err(WriteError::new(ErrorKind::NotFound, Clause::new("write.db.2"), text));
        };
        let (clause, refusal) = match principal {
            Principal::Anyone => return Ok(()),
            Principal::Nobody => {
                let text = format!("user is required to write to database {}", GoQuote(database));
                (Clause::new("auth.bootstrap.1"), text)
            }
            Principal::User(user) if catalog.user(user).is_some_and(|u| u.may(Privileges::WRITE, name)) => {
                return Ok(());
            }
            Principal::User(user) => {
                let (user, database) = (GoQuote(user.as_bytes()), GoQuote(database));
                (Clause::new("auth.write.1"), format!("{user} user is not authorized to write to database {database}"))
            }
        };
        Err(WriteError::new(ErrorKind::Forbidden, clause, refusal))
    }

    fn write(&self, request: WriteRequest<'_>) -> Result<(), WriteError> {
        self.authorize_write(request.principal, request.database)?;
        let mut body = fluxstone_line_protocol::parse_as(
            request.body,
            request.precision,
            self.clock.now(),
            self.options.semantics.line_protocol,
        );
        if body.points.is_empty() && !body.errors.is_empty() {
            return Err(WriteError::of_lines(&body.errors, body.more_errors));
        }
        if !is_consistency(request.consistency) {
            return Err(WriteError::new(
                ErrorKind::BadRequest,
                Clause::new("write.consistency.1"),
                "invalid consistency level",
            ));
        }
        // The database was found by this name, so it is UTF-8; a policy that is not does not exist.
        let database = request.database.to_str_lossy();
        let policy = request.policy.to_str_lossy();
        let errors = std::mem::take(&mut body.errors);
        let more_errors = body.more_errors;
        let points = body.points.len();
        let lines = points + errors.len() + more_errors;
        let strings = UnescapedStrings::of(&body);
        let stored = self.store_points(&database, &policy, &strings.batch(body));
        let dropped = match &stored {
            Ok(()) => Ok(0),
            Err(WriteFailure::Dropped { dropped, .. }) => Ok(*dropped),
            Err(_) => Err(()),
        };
        self.counters.count_request_points(points as u64, dropped);
        stored.map_err(|failure| self.write_request_error(failure, lines))?;
        if !errors.is_empty() {
            let mut text = BString::from("partial write: ");
            text.extend_from_slice(&line_errors(&errors, more_errors));
            text.extend_from_slice(b" dropped=0");
            return Err(WriteError::new(ErrorKind::BadRequest, clause_of_lines(&errors), text));
        }
        Ok(())
    }

    /// Stores points in one transaction. Points older than the retention policy keeps are left out silently. An empty
    /// `policy` is the default one.
    ///
    /// The memory that they take is reserved first: at least that of their values, and all of it before anything is logged.
    pub(super) fn store_points(
        &self,
        database: &str,
        policy: &str,
        batch: &PointBatch<'_>,
    ) -> Result<(), WriteFailure> {
        let deadline = Instant::now() + self.options.write_timeout;
        let mut bytes = batch.value_count() * size_of::<[u64; 2]>();
        loop {
            let transaction = self.store.begin_reserved(self.store.reserve(bytes, deadline)?)?;
            match self.try_store_points(transaction, database, policy, batch) {
                // Others have taken the memory meanwhile.
                Err(Attempt::NoRoom(needed)) => bytes = needed,
                Err(Attempt::Failed(failure)) => return Err(failure),
                Ok(result) => {
                    self.deliver(database, policy, batch);
                    return result;
                }
            }
        }
    }

    /// Tries to store points with the memory that there is now. `Ok` says that the transaction was committed, even if not all
    /// points could be stored.
    fn try_store_points<'s>(
        &'s self,
        transaction: Transaction<'s>,
        database: &str,
        policy: &str,
        batch: &PointBatch<'_>,
    ) -> Result<Result<(), WriteFailure>, Attempt> {
        let now = self.clock.now();
        let mut outcome = WriteOutcome::default();
        // Why nothing was stored in a shard.
        let mut refusal = None;
        let mut counts = Vec::new();
        let limits = self.write_limits();
        let shard_limits = ShardLimits {
            per_write_max: self.options.shards_per_write_max,
            per_database_max: self.options.shards_per_database_max,
        };
        self.change_in(transaction, |catalog, transaction| {
            let database =
                catalog.database(database).ok_or_else(|| WriteFailure::DatabaseNotFound(database.to_owned()))?;
            let (by_shard, changes) = points_by_shard(catalog, database, policy, batch, now, shard_limits)?;
            let mut known = ResolvedBatch::new(batch);
            for (shard, points) in &by_shard {
                let writer = transaction.shard(database.id, *shard)?;
                match write_shard_with(&mut known, writer, batch, points, limits) {
                    Ok(shard_outcome) => {
                        let (points_stored, points_dropped) = (shard_outcome.stored, shard_outcome.dropped);
                        let stored =
                            ShardCounts { writes_ok: 1, points_stored, points_dropped, ..ShardCounts::default() };
                        counts.push((*shard, stored));
                        outcome.add(shard_outcome);
                    }
                    Err(IngestError::Storage(error)) => return Err(Attempt::from(error)),
                    Err(error) => {
                        let points_failed = points.len() as u64;
                        counts
                            .push((*shard, ShardCounts { writes_failed: 1, points_failed, ..ShardCounts::default() }));
                        refusal.get_or_insert(error);
                    }
                }
            }
            transaction.reserve_cost().map_err(|_| Attempt::NoRoom(transaction.cost()))?;
            Ok(changes)
        })?;
        self.counters.count_points(outcome.stored, outcome.dropped);
        self.shard_counters.add(&counts);
        if let Some(error @ IngestError::CacheFull { .. }) = refusal {
            return Ok(Err(WriteFailure::CacheFull(error)));
        }
        if let Some(reason) = outcome.reason {
            let (dropped, database) = (outcome.dropped, database.to_owned());
            return Ok(Err(WriteFailure::Dropped { reason, dropped, database }));
        }
        Ok(if refusal.is_some() { Err(WriteFailure::ConflictInRequest) } else { Ok(()) })
    }

    fn write_limits(&self) -> WriteLimits {
        let is_cache_limited = self.options.semantics.statements.cache_limit;
        WriteLimits {
            series_per_database_max: self.options.series_per_database_max,
            values_per_tag_max: self.options.values_per_tag_max,
            cache_bytes_max: if is_cache_limited { self.options.cache_bytes_max } else { 0 },
        }
    }

    /// Returns the status and text of a failure of a write of so many lines.
    fn write_request_error(&self, failure: WriteFailure, lines: usize) -> WriteError {
        match failure {
            WriteFailure::Dropped {
                reason: DropReason::TypeConflict { measurement, field, new, existing }, ..
            } if lines == 1 && !self.options.semantics.statements.type_conflict => {
                let text = conflict(&measurement, &field, new.go_name(), existing.influxql_name());
                WriteError::new(ErrorKind::BadRequest, Clause::new("write.conflict.1"), text)
            }
            failure => Self::write_error(failure),
        }
    }

    /// Returns the status and text of a failure.
    pub(super) fn write_error(failure: WriteFailure) -> WriteError {
        match failure {
            WriteFailure::DatabaseNotFound(name) => {
                let text = format!("database not found: {}", GoQuote(name.as_bytes()));
                WriteError::new(ErrorKind::NotFound, Clause::new("write.db.2"), text)
            }
            WriteFailure::PolicyNotFound(name) => WriteError::new(
                ErrorKind::Internal,
                Clause::new("write.rp.2"),
                format!("retention policy not found: {name}"),
            ),
            WriteFailure::ConflictInRequest => {
                WriteError::new(ErrorKind::BadRequest, Clause::new("write.shard.5"), "field type conflict")
            }
            WriteFailure::CacheFull(error) => {
                WriteError::new(ErrorKind::Internal, Clause::new("compat.write.cache.1"), error.to_string())
            }
            WriteFailure::TooManyShards(limit) => {
                WriteError::new(ErrorKind::BadRequest, limit.clause(), limit.to_string())
            }
            WriteFailure::Dropped { reason, dropped, database, .. } => {
                let mut text = BString::from("partial write: ");
                text.extend_from_slice(&drop_reason(&reason, &database));
                text.extend_from_slice(format!(" dropped={dropped}").as_bytes());
                WriteError::new(ErrorKind::BadRequest, reason.clause(), text)
            }
            WriteFailure::Storage(error @ StorageError::Busy) => {
                WriteError::new(ErrorKind::Unavailable, error.clause(), error.to_string())
            }
            WriteFailure::Storage(
                error @ (StorageError::TooLarge(_) | StorageError::TooMuchMemory { .. } | StorageError::TooMuchSchema),
            ) => WriteError::new(ErrorKind::BadRequest, error.clause(), error.to_string()),
            WriteFailure::Storage(error) => WriteError::new(ErrorKind::Internal, error.clause(), error.client_text()),
        }
    }
}

impl WriteError {
    fn new(kind: ErrorKind, clause: Clause, text: impl Into<BString>) -> Self {
        WriteError { kind, text: text.into(), clause }
    }

    /// The error about bad lines.
    pub(super) fn of_lines(errors: &[LineError], more: usize) -> Self {
        WriteError::new(ErrorKind::BadRequest, clause_of_lines(errors), line_errors(errors, more))
    }
}

/// The indexes of the points of each shard, and the changes that create the shards that do not exist yet.
type Placement = (Vec<(ShardId, Vec<u32>)>, Vec<fluxstone_catalog::Change>);

fn points_by_shard(
    catalog: &Catalog,
    database: &Database,
    policy: &str,
    batch: &PointBatch<'_>,
    now: Timestamp,
    limits: ShardLimits,
) -> Result<Placement, WriteFailure> {
    let policy = database.policy_or_default(policy).map_err(|_| {
        let name = if policy.is_empty() { &database.default_policy } else { policy };
        WriteFailure::PolicyNotFound(name.to_owned())
    })?;
    let oldest = if policy.duration > Nanos(0) { now.saturating_sub(policy.duration) } else { Timestamp::MIN };
    let mut planner = GroupPlanner::new(catalog, database, policy);
    let mut by_shard: Vec<(ShardId, Vec<u32>)> = Vec::new();
    let mut places: HashMap<ShardId, usize> = HashMap::new();
    let mut last: Option<(ShardId, usize)> = None;
    for (index, point) in (0..).zip(batch.rows()) {
        if point.time < oldest {
            continue;
        }
        let shard = planner.shard_for(point.time);
        // Successive points usually belong to the same shard.
        let place = match last {
            Some((known, place)) if known == shard => place,
            _ => *places.entry(shard).or_insert_with(|| {
                by_shard.push((shard, Vec::new()));
                by_shard.len() - 1
            }),
        };
        last = Some((shard, place));
        by_shard[place].1.push(index);
        if limits.per_write_max > 0 && by_shard.len() > limits.per_write_max {
            return Err(WriteFailure::TooManyShards(ShardLimit::PerWrite { max: limits.per_write_max }));
        }
    }
    if planner.planned() > 0 && limits.per_database_max > 0 {
        let existing: usize = database.policies.iter().map(|policy| policy.groups.iter().len()).sum();
        if existing + planner.planned() > limits.per_database_max {
            let (database, max) = (database.name.clone(), limits.per_database_max);
            return Err(WriteFailure::TooManyShards(ShardLimit::PerDatabase { database, shards: existing, max }));
        }
    }
    Ok((by_shard, planner.into_changes()))
}

fn is_consistency(parameter: &[u8]) -> bool {
    parameter.is_empty()
        || [&b"any"[..], b"one", b"quorum", b"all"].iter().any(|level| parameter.eq_ignore_ascii_case(level))
}

/// The clause of the first bad line.
fn clause_of_lines(errors: &[LineError]) -> Clause {
    errors.first().map_or(Clause::new("lp.fault.1"), |error| error.clause)
}

fn line_errors(errors: &[LineError], more: usize) -> BString {
    let mut text = BString::from(bstr::join("\n", errors.iter().map(|e| &e.text)));
    if more > 0 {
        let lines = if more == 1 { "line" } else { "lines" };
        text.extend_from_slice(format!("\nand {more} more bad {lines}").as_bytes());
    }
    text
}

fn conflict(measurement: &[u8], field: &[u8], new: &str, existing: &str) -> BString {
    let mut text = BString::from("field type conflict: input field \"");
    text.extend_from_slice(field);
    text.extend_from_slice(b"\" on measurement \"");
    text.extend_from_slice(measurement);
    text.extend_from_slice(format!("\" is type {new}, already exists as type {existing}").as_bytes());
    text
}

fn drop_reason(reason: &DropReason, database: &str) -> BString {
    let invalid = |what: &str, measurement: &[u8]| {
        let mut text = BString::from(what);
        text.extend_from_slice(measurement);
        text.extend_from_slice(b"\" is invalid");
        text
    };
    match reason {
        DropReason::TypeConflict { measurement, field, new, existing } => {
            conflict(measurement, field, new.influxql_name(), existing.influxql_name())
        }
        DropReason::TimeTag { measurement } => {
            invalid("invalid tag key: input tag \"time\" on measurement \"", measurement)
        }
        DropReason::TimeField { measurement } => {
            invalid("invalid field name: input field \"time\" on measurement \"", measurement)
        }
        DropReason::SeriesLimit { series, max } => {
            format!("max-series-per-database limit exceeded: db={database} ({series}/{max})").into()
        }
        DropReason::TagValueLimit { measurement, key, value, values, max } => format!(
            "max-values-per-tag limit exceeded ({values}/{max}): measurement={} tag={} value={}",
            GoQuote(measurement),
            GoQuote(key),
            GoQuote(value)
        )
        .into(),
    }
}
