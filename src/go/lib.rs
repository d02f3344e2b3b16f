//! The habits that InfluxDB inherits from Go: how text is quoted, how numbers, durations, JSON and CSV fields are written, the
//! syntax of regular expressions, and the order in which a heap returns equal items.
//!
//! Clients compare answers byte for byte, so each of these is part of the API. Does not know InfluxDB.

pub mod csv;
pub mod deflate;
mod duration;
mod heap;
pub mod json;
pub mod json_object;
pub mod number;
mod quote;
mod regexp;
mod time;

pub use duration::{DurationText, parse_duration};
pub use heap::TieHeap;
pub use quote::{GoQuote, is_printable};
pub use regexp::{Refused, Regex, RegexError, compile as compile_regex, compile_within as compile_regex_within};
pub use time::truncate_time;
