//! Settings: InfluxDB's configuration file (TOML, same sections and keys), environment overrides, and our own `[compat]`.
//!
//! A file that InfluxDB 1.x accepts is accepted here. Keys of features that this server does not have are known and have no
//! effect. A key that no InfluxDB 1.x has, and a bad value, are errors with their positions.

mod load;
mod quantity;
mod resemblance;
mod settings;
mod value;
mod without_effect;

pub use load::{ConfigError, Loaded, UnknownKeys, load};
pub use quantity::{Interval, Size};
pub use settings::{
    CompatSettings, ContinuousQueries, Control, Coordinator, Data, Http, LogFormat, LogLevel, Logging, Meta, Retention,
    Settings, ShardPrecreation, Subscriber, Udp,
};

#[cfg(test)]
mod tests;
