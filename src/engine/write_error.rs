//! The statuses and texts of writes that fail, and which points of those that fail in part are not stored.

use bstr::BString;
use fluxstone_go::GoQuote;
use fluxstone_line_protocol::LineError;
use fluxstone_model::Clause;
use fluxstone_storage::StorageError;

use super::ingest::{DropReason, DroppedPoint, DroppedPoints, IngestError};
use super::{ErrorKind, PartialWrite, PointError, WriteError};

/// The reason why not all points could be stored.
#[derive(Debug)]
pub(super) enum WriteFailure {
    DatabaseNotFound(String),
    PolicyNotFound(String),
    /// The points are in too many shards, or would create too many.
    TooManyShards(ShardLimit),
    /// Some points were not stored, others may have been.
    Partial(Box<PartialFailure>),
    Storage(StorageError),
}

/// A failure that does not concern all points.
#[derive(Debug)]
pub(super) struct PartialFailure {
    /// What clients are told.
    pub(super) cause: PartialCause,
    pub(super) database: String,
    /// The first points that were dropped, or that made their shards refuse all points.
    pub(super) points: DroppedPoints,
    /// Whether there are shards that refused all points.
    pub(super) shards_refused: bool,
}

/// The first reason why points were not stored.
#[derive(Debug)]
pub(super) enum PartialCause {
    /// Points were dropped.
    Dropped { reason: DropReason, dropped: u64 },
    /// A new field came with two types for a new shard.
    ConflictInRequest,
    /// The values for a shard do not fit into the cache.
    CacheFull(IngestError),
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

impl From<StorageError> for WriteFailure {
    fn from(error: StorageError) -> Self {
        WriteFailure::Storage(error)
    }
}

impl WriteFailure {
    /// How many points were dropped, if that is all that failed.
    pub(super) fn dropped(&self) -> Option<u64> {
        match self {
            WriteFailure::Partial(failure) => match failure.cause {
                PartialCause::Dropped { dropped, .. } => Some(dropped),
                PartialCause::ConflictInRequest | PartialCause::CacheFull(_) => None,
            },
            WriteFailure::DatabaseNotFound(_)
            | WriteFailure::PolicyNotFound(_)
            | WriteFailure::TooManyShards(_)
            | WriteFailure::Storage(_) => None,
        }
    }

    /// Returns the status and text.
    pub(super) fn into_error(self) -> WriteError {
        match self {
            WriteFailure::DatabaseNotFound(name) => {
                let text = format!("database not found: {}", GoQuote(name.as_bytes()));
                WriteError::new(ErrorKind::NotFound, Clause::new("write.db.2"), text)
            }
            WriteFailure::PolicyNotFound(name) => WriteError::new(
                ErrorKind::Internal,
                Clause::new("write.rp.2"),
                format!("retention policy not found: {name}"),
            ),
            WriteFailure::TooManyShards(limit) => {
                WriteError::new(ErrorKind::BadRequest, limit.clause(), limit.to_string())
            }
            WriteFailure::Partial(failure) => failure.error(),
            WriteFailure::Storage(error @ StorageError::Busy) => {
                WriteError::new(ErrorKind::Unavailable, error.clause(), error.to_string())
            }
            WriteFailure::Storage(
                error @ (StorageError::TooLarge(_) | StorageError::TooMuchMemory { .. } | StorageError::TooMuchSchema),
            ) => WriteError::new(ErrorKind::BadRequest, error.clause(), error.to_string()),
            WriteFailure::Storage(error) => WriteError::new(ErrorKind::Internal, error.clause(), error.client_text()),
        }
    }

    /// Returns the status and text for a request of a single line, as documented: a conflict of types has a text of its own.
    pub(super) fn into_error_of_a_line(self) -> WriteError {
        let text = match &self {
            WriteFailure::Partial(failure) => failure.conflict_of_a_line(),
            _ => None,
        };
        let mut error = self.into_error();
        if let Some(text) = text {
            error.clause = Clause::new("write.conflict.1");
            for point in error.partial.iter_mut().flat_map(|partial| &mut partial.not_stored) {
                (point.text, point.clause) = (text.clone(), error.clause);
            }
            error.text = text;
        }
        error
    }
}

impl PartialFailure {
    fn error(&self) -> WriteError {
        let (kind, clause, text) = match &self.cause {
            PartialCause::Dropped { reason, dropped } => {
                let mut text = BString::from("partial write: ");
                text.extend_from_slice(&drop_reason(reason, &self.database));
                text.extend_from_slice(format!(" dropped={dropped}").as_bytes());
                (ErrorKind::BadRequest, reason.clause(), text)
            }
            PartialCause::ConflictInRequest => {
                (ErrorKind::BadRequest, Clause::new("write.shard.5"), "field type conflict".into())
            }
            PartialCause::CacheFull(error) => {
                (ErrorKind::Internal, Clause::new("compat.write.cache.1"), error.to_string().into())
            }
        };
        let of_point = |DroppedPoint { index, reason }: &DroppedPoint| PointError {
            index: *index as usize,
            text: drop_reason(reason, &self.database),
            clause: reason.clause(),
        };
        let partial = PartialWrite {
            not_stored: self.points.points().iter().map(of_point).collect(),
            has_more: self.points.has_more(),
            shards_refused: self.shards_refused,
        };
        WriteError { partial: Some(Box::new(partial)), ..WriteError::new(kind, clause, text) }
    }

    /// The documented text for a single line with a conflict of types.
    fn conflict_of_a_line(&self) -> Option<BString> {
        match &self.cause {
            PartialCause::Dropped {
                reason: DropReason::TypeConflict { measurement, field, new, existing }, ..
            } => Some(conflict(measurement, field, new.go_name(), existing.influxql_name())),
            _ => None,
        }
    }
}

impl WriteError {
    /// An error of a write of which nothing was stored.
    pub(super) fn new(kind: ErrorKind, clause: Clause, text: impl Into<BString>) -> Self {
        WriteError { kind, text: text.into(), clause, partial: None }
    }

    /// The error about bad lines where there are no others.
    pub(super) fn of_lines(errors: &[LineError], more: usize) -> Self {
        WriteError::new(ErrorKind::BadRequest, clause_of_lines(errors), line_errors(errors, more))
    }

    /// The error about bad lines where all points of the others were stored.
    pub(super) fn of_lines_among_others(errors: &[LineError], more: usize) -> Self {
        let mut text = BString::from("partial write: ");
        text.extend_from_slice(&line_errors(errors, more));
        text.extend_from_slice(b" dropped=0");
        let error = WriteError::new(ErrorKind::BadRequest, clause_of_lines(errors), text);
        WriteError { partial: Some(Box::default()), ..error }
    }
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
    let mut text = conflict_of(measurement, field, new);
    text.extend_from_slice(format!(", already exists as type {existing}").as_bytes());
    text
}

fn conflict_of(measurement: &[u8], field: &[u8], new: &str) -> BString {
    let mut text = BString::from("field type conflict: input field \"");
    text.extend_from_slice(field);
    text.extend_from_slice(b"\" on measurement \"");
    text.extend_from_slice(measurement);
    text.extend_from_slice(format!("\" is type {new}").as_bytes());
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
        DropReason::TypeConflictInRequest { measurement, field, new, existing } => {
            let mut text = conflict_of(measurement, field, new.influxql_name());
            text.extend_from_slice(
                format!(", but type {} earlier in the request", existing.influxql_name()).as_bytes(),
            );
            text
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
