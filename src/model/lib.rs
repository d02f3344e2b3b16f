//! The nouns of the data model: timestamps, durations, field values and types, names, tag sets, series keys.
//!
//! All of them are plain immutable values. Names and strings are bytes: InfluxDB stores what a client sent, valid UTF-8
//! or not. This crate uses no other crate of the workspace; it knows nothing of databases, files, queries or HTTP.
//!
//! | module | holds |
//! |---|---|
//! | `text` | [`Text`], bytes that are cheap to share |
//! | `time`, `time_unit` | [`Timestamp`], [`TimeWriter`], [`Nanos`], [`TimeRange`], [`TimeUnit`] |
//! | `value` | [`FieldType`], [`Scalar`] (borrowed), [`FieldValue`] (owned) |
//! | `series` | [`SeriesKey`], [`TagSet`] |
//! | `raw_series` | [`RawSeriesKey`], a series key as clients write it |
//! | [`escape`] | backslash escapes of names and strings |
//! | `ids` | [`DatabaseId`], [`ShardId`] |
//! | `vocabulary` | words that statements and the catalog share |

mod clause;
pub mod escape;
mod ids;
mod raw_series;
mod series;
mod text;
mod time;
mod time_unit;
mod value;
mod vocabulary;

pub use clause::Clause;
pub use ids::{DatabaseId, ShardId};
pub use raw_series::{RawSeriesKey, raw_name_len};
pub use series::{SeriesKey, TagSet};
pub use text::Text;
pub use time::{Nanos, TimeRange, TimeWriter, Timestamp};
pub use time_unit::TimeUnit;
pub use value::{FieldType, FieldValue, Scalar};
pub use vocabulary::{Privilege, RetentionOptions, SubscriptionMode};
