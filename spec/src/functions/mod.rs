//! The functions of InfluxQL, one file for each family.

pub mod aggregates;
mod call;
pub mod predictors;
pub mod selectors;
mod timed_value;
pub mod transformations;

pub use call::{Argument, Call, Function, result_type};
pub use timed_value::{Origin, TimedValue, WindowValues};
