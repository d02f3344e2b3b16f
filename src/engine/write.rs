//! Writes: the checks of a request in their order, and the placement of points in shards.
//!
//! Which points a shard keeps is decided in [`super::ingest`]; the words for failures are in [`super::write_error`].

use std::collections::HashMap;
use std::time::Instant;

use bstr::ByteSlice;
use fluxstone_catalog::{Catalog, Database, GroupPlanner, Privileges};
use fluxstone_columns::PointBatch;
use fluxstone_go::GoQuote;
use fluxstone_line_protocol::{ParsedBody, Precision, parse_as};
use fluxstone_model::{Clause, Nanos, ShardId, Timestamp};
use fluxstone_storage::{StorageError, Transaction};

use super::ingest::{IngestError, ResolvedBatch, UnescapedStrings, WriteLimits, WriteOutcome, write_shard_with};
use super::shard_counters::ShardCounts;
use super::write_error::{PartialCause, PartialFailure, ShardLimit, WriteFailure};
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

    /// Parses the body of a write as [`Engine::write`] does. Points without a time get the time of now.
    pub fn parse_lines<'a>(&self, body: &'a [u8], precision: Precision) -> ParsedBody<'a> {
        self.core.parse_lines(body, precision)
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

    pub(super) fn parse_lines<'a>(&self, body: &'a [u8], precision: Precision) -> ParsedBody<'a> {
        parse_as(body, precision, self.clock.now(), self.options.semantics.line_protocol)
    }

    fn write(&self, request: WriteRequest<'_>) -> Result<(), WriteError> {
        self.authorize_write(request.principal, request.database)?;
        let mut body = self.parse_lines(request.body, request.precision);
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
            Err(failure) => failure.dropped().ok_or(()),
        };
        self.counters.count_request_points(points as u64, dropped);
        let is_single_line = lines == 1 && !self.options.semantics.statements.type_conflict;
        stored.map_err(|failure| if is_single_line { failure.into_error_of_a_line() } else { failure.into_error() })?;
        if errors.is_empty() { Ok(()) } else { Err(WriteError::of_lines_among_others(&errors, more_errors)) }
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
                    Err(mut error) => {
                        let points_failed = points.len() as u64;
                        counts
                            .push((*shard, ShardCounts { writes_failed: 1, points_failed, ..ShardCounts::default() }));
                        if let IngestError::TypeConflictInRequest(points) = &mut error {
                            outcome.first_dropped.add(std::mem::take(points));
                        }
                        refusal.get_or_insert(error);
                    }
                }
            }
            transaction.reserve_cost().map_err(|_| Attempt::NoRoom(transaction.cost()))?;
            Ok(changes)
        })?;
        self.counters.count_points(outcome.stored, outcome.dropped);
        self.shard_counters.add(&counts);
        let shards_refused = refusal.is_some();
        let cause = match (refusal, outcome.reason) {
            (None, None) => return Ok(Ok(())),
            (Some(error @ IngestError::CacheFull { .. }), _) => PartialCause::CacheFull(error),
            (_, Some(reason)) => PartialCause::Dropped { reason, dropped: outcome.dropped },
            (Some(_), None) => PartialCause::ConflictInRequest,
        };
        let (database, points) = (database.to_owned(), outcome.first_dropped);
        Ok(Err(WriteFailure::Partial(Box::new(PartialFailure { cause, database, points, shards_refused }))))
    }

    fn write_limits(&self) -> WriteLimits {
        let is_cache_limited = self.options.semantics.statements.cache_limit;
        WriteLimits {
            series_per_database_max: self.options.series_per_database_max,
            values_per_tag_max: self.options.values_per_tag_max,
            cache_bytes_max: if is_cache_limited { self.options.cache_bytes_max } else { 0 },
        }
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
