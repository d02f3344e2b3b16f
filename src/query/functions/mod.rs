//! The functions of InfluxQL, one file for each family.
//!
//! A function has one of four shapes, by the way it consumes its input:
//!
//! - a `Reduction` keeps a small state for each window and takes whole columns, so series and blocks can be reduced separately
//!   and combined;
//! - a `Collection` needs the points of a window together, in the order in which the series are merged;
//! - a `Transformation` turns a stream of values into another;
//! - a `Forecast` needs the whole stream.
//!
//! Nothing here knows where points come from: `reduce`, `collect` and `streams` feed the functions.

mod aggregates;
mod collection;
mod collector;
mod function;
mod predictors;
mod ranks;
mod reduction;
mod selectors;
mod timed_value;
mod transformations;

pub(super) use collection::Collection;
pub(super) use collector::{Collector, Outcome, Pass};
pub(super) use function::Function;
pub(super) use predictors::Forecast;
pub(super) use reduction::{Partial, Reduction};
pub(super) use timed_value::{Origin, TimedValue};
pub(super) use transformations::{Stage, Transformation};
