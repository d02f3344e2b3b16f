//! Settings: InfluxDB's configuration file (TOML, same sections and keys), environment overrides, and our own `[compat]`.
//!
//! A file that InfluxDB 1.2 accepts is accepted here. Keys of features that this server does not have are known and have no
//! effect, an unknown key is a warning that names it, and a bad value is an error with its position. A setting that must not be
//! ignored because its owner relies on it (HTTPS) is an error.

mod load;
mod quantity;
mod settings;
mod value;
mod without_effect;

pub use load::{ConfigError, Loaded, load};
pub use quantity::{Interval, Size};
pub use settings::{CompatSettings, ContinuousQueries, Coordinator, Data, Http, Meta, Retention, Settings};

#[cfg(test)]
mod tests;
