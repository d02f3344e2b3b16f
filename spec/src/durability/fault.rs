//! The rules of order that a model can be made to break.

/// A rule that a broken model does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Changes are acknowledged and visible when their frame is written.
    AcknowledgeBeforeSync,
    /// Two frames are written before the first of them is synced.
    TwoFramesAtOnce,
    /// What a full disk left of a frame stays in the log.
    LeaveUnfinishedFrame,
    /// The log is used further after a failed sync.
    GoOnAfterFailedSync,
    /// A full disk is taken for any other failure of the log.
    ReadOnlyWhenFull,
    /// A log file gets its name before it has its header.
    LogWithoutTemporary,
    /// The log is truncated before the checkpoint is written.
    TruncateBeforeCheckpoint,
    /// The log is truncated before the name of the checkpoint is durable.
    TruncateBeforeName,
    /// The log is truncated up to the newest checkpoint.
    TruncateForNewest,
    /// Nothing is kept for the previous checkpoint.
    NothingForPrevious,
    /// A checkpoint lists files whose names are not durable.
    ListBeforeNames,
    /// A checkpoint lists files whose bytes are not durable.
    SegmentWithoutSync,
    /// A checkpoint gets its name before its bytes are durable.
    CheckpointWithoutSync,
    /// A checkpoint that is written while sealing goes on covers all records of the job.
    StepCoversEverything,
    /// A checkpoint covers the changes since its memtables were closed.
    CoverLaterChanges,
    /// Closed memtables are forgotten before the files with their values are published.
    HideClosed,
    /// New series are not written to a series file.
    ForgetSeries,
    /// Files that no checkpoint lists stay.
    LeaveFiles,
    /// A start relies on names that it did not sync.
    StartWithoutSync,
    /// A start does not cut off a torn frame.
    KeepTornEnd,
    /// Replay applies writes that a segment file covers.
    ApplyCovered,
}
