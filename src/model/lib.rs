//! The nouns of the data model: timestamps, durations, field values and types, names, tag sets, series keys.
//!
//! Everything above uses these types and this module uses nothing above it. All of them are plain immutable values.
//! Names and strings are bytes: InfluxDB stores what a client sent, valid UTF-8 or not.

mod ids;
mod series;
mod text;
mod time;
mod time_unit;
mod value;
mod vocabulary;

pub use ids::{DatabaseId, ShardId};
pub use series::{SeriesKey, TagSet};
pub use text::Text;
pub use time::{Nanos, TimeRange, Timestamp, TimestampError};
pub use time_unit::TimeUnit;
pub use value::{FieldType, FieldValue, Scalar};
pub use vocabulary::{Privilege, RetentionOptions, SubscriptionMode};
