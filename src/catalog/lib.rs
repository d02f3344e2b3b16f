//! The catalog: databases, retention policies, shard groups, users, grants, continuous queries, subscriptions.
//!
//! A [`Catalog`] is an immutable value. A decision (`create_database`, `drop_user`, ...) is a pure function of a catalog and a
//! request: it returns the [`Change`]s that fulfil the request, in order, or the error that clients see. No changes mean that
//! the request is already fulfilled. [`Catalog::apply`] applies a change; the log keeps changes. The catalog knows no files, no
//! clock and no randomness: changes contain ids, hashes and times.
//!
//! Invariant: names are unique where they are looked up, and ids are never reused.
//!
//! `catalog` holds the value, the files named after its parts hold those, `decisions` decides, `change` applies.

mod catalog;
mod change;
mod continuous_query;
mod database;
mod decisions;
mod error;
mod name;
mod policy;
mod shard_group;
mod subscription;
#[cfg(test)]
mod tests;
mod user;

pub use catalog::Catalog;
pub use change::Change;
pub use continuous_query::ContinuousQuery;
pub use database::Database;
pub use decisions::GroupPlanner;
pub use error::CatalogError;
pub use policy::{DEFAULT_POLICY, PolicyAlteration, PolicySpec, RetentionPolicy};
pub use shard_group::{ShardGroup, ShardGroups};
pub use subscription::Subscription;
pub use user::{Privileges, User};
