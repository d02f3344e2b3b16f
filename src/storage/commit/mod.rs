//! Group commit: records wait in a queue, and one thread makes them durable and then visible.

pub(crate) mod budget;
pub(crate) mod committer;
pub(crate) mod queue;
