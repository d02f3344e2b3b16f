//! Sealing: moving values from memtables to segment files, and what a start reads instead of the log: the checkpoint and
//! the series files.

pub(crate) mod checkpoint;
pub(crate) mod compaction;
pub(crate) mod generations;
pub(crate) mod pair;
pub(crate) mod sealer;
pub(crate) mod series_file;
pub(crate) mod thread;
