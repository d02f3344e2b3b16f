//! What InfluxDB inherits from Go: how text is quoted, how numbers and durations are written, JSON, the syntax of regular
//! expressions, and the order in which heaps give equal items.
//!
//! Clients compare answers byte for byte, so each of these is part of the API. Knows nothing of InfluxDB itself.

mod duration;
mod heap;
pub mod json;
pub mod json_object;
pub mod number;
mod quote;
mod regexp;

pub use duration::DurationText;
pub use heap::TieHeap;
pub use quote::{GoQuote, is_printable};
pub use regexp::{Regex, RegexError, compile as compile_regex};
