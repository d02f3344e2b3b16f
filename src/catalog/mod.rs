//! The catalog: databases, retention policies, shard groups, users, grants, continuous queries, subscriptions.
//!
//! A [`Catalog`] is an immutable value. A [`Change`] is decided by a pure function of a catalog and a request (which also
//! gives the errors that clients see) and applied by [`Catalog::apply`]; changes are what the log keeps. Knows no files,
//! no clock, no randomness: ids, salts and times stand in the changes.
