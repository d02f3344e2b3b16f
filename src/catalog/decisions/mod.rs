//! Decisions: pure functions of a catalog and a request, which return changes or the error that clients see. One file for each
//! kind of object.

mod continuous_query;
mod database;
mod policy;
mod shard_group;
mod subscription;
mod user;

pub use shard_group::GroupPlanner;
