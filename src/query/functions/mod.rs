//! The functions of InfluxQL, one file for each family, and their registry.
//!
//! A function is one of four shapes, by how it meets its input:
//!
//! - a `Reduction` keeps a small state for each window and takes whole columns, so series and blocks can be reduced apart
//!   and combined;
//! - a `Collection` needs the points of a window together, in the order in which the series are merged;
//! - a `Transformation` turns a stream of points into another;
//! - a `Forecast` needs the whole stream.
//!
//! Nothing here knows where points come from; `calls` feeds the functions.

mod aggregates;
mod collection;
mod predictors;
mod ranks;
mod reduction;
mod selectors;
mod transformations;

pub(super) use collection::{Collection, Collector, Outcome, Pass};
pub(super) use predictors::Forecast;
pub(super) use reduction::{Partial, Reduction};
pub(super) use transformations::{Stage, Transformation};

use std::fmt;

use fluxstone_model::FieldType;

use super::Value;

/// A value of a stream of points, null included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// Nanoseconds since the epoch.
    pub(super) time: i64,
    pub(super) value: Value,
    /// The point of a series that was chosen, where one was.
    pub(super) origin: Option<Origin>,
}

/// Where a chosen point stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The number of its series in the group.
    pub(super) series: usize,
    /// Its own time.
    pub(super) time: i64,
}

/// A function with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Function {
    Reduce(Reduction),
    Collect(Collection),
    Transform(Transformation),
    Forecast(Forecast),
}

impl Function {
    /// The function of that name, where a name says it all; functions with parameters are made by the planner.
    pub(super) fn simple(name: &str) -> Option<Function> {
        Some(match name {
            "count" => Function::Reduce(Reduction::Count),
            "sum" => Function::Reduce(Reduction::Sum),
            "mean" => Function::Reduce(Reduction::Mean),
            "spread" => Function::Reduce(Reduction::Spread),
            "first" => Function::Reduce(Reduction::First),
            "last" => Function::Reduce(Reduction::Last),
            "min" => Function::Reduce(Reduction::Min),
            "max" => Function::Reduce(Reduction::Max),
            "median" => Function::Collect(Collection::Median),
            "mode" => Function::Collect(Collection::Mode),
            "stddev" => Function::Collect(Collection::Stddev),
            "distinct" => Function::Collect(Collection::Distinct),
            _ => return None,
        })
    }

    /// Whether the function takes values of a type.
    pub(super) fn accepts(&self, field_type: FieldType) -> bool {
        let takes_any = matches!(
            self,
            Function::Reduce(Reduction::Count | Reduction::First | Reduction::Last)
                | Function::Collect(
                    Collection::Distinct | Collection::CountDistinct | Collection::Mode | Collection::Sample { .. }
                )
                | Function::Transform(Transformation::Elapsed { .. })
        );
        let takes_booleans = takes_any || matches!(self, Function::Reduce(Reduction::Min | Reduction::Max));
        match field_type {
            FieldType::Float | FieldType::Integer => true,
            FieldType::Boolean => takes_booleans,
            FieldType::String => takes_any,
        }
    }

    /// The type of the results over values of a type.
    pub(super) fn result_type(&self, input: FieldType) -> FieldType {
        match self {
            Function::Reduce(Reduction::Count)
            | Function::Collect(Collection::CountDistinct)
            | Function::Transform(Transformation::Elapsed { .. }) => FieldType::Integer,
            Function::Reduce(Reduction::Mean)
            | Function::Collect(Collection::Median | Collection::Stddev)
            | Function::Transform(Transformation::Derivative { .. } | Transformation::MovingAverage { .. })
            | Function::Forecast(_) => FieldType::Float,
            Function::Reduce(_) | Function::Collect(_) | Function::Transform(_) => input,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Function::Reduce(reduction) => match reduction {
                Reduction::Count => f.write_str("count"),
                Reduction::Sum => f.write_str("sum"),
                Reduction::Mean => f.write_str("mean"),
                Reduction::Spread => f.write_str("spread"),
                Reduction::First => f.write_str("first"),
                Reduction::Last => f.write_str("last"),
                Reduction::Min => f.write_str("min"),
                Reduction::Max => f.write_str("max"),
            },
            Function::Collect(collection) => match collection {
                Collection::Median => f.write_str("median"),
                Collection::Mode => f.write_str("mode"),
                Collection::Stddev => f.write_str("stddev"),
                Collection::Distinct => f.write_str("distinct values"),
                Collection::CountDistinct => f.write_str("count of distinct values"),
                Collection::Percentile { percent } => write!(f, "percentile {percent}"),
                Collection::Sample { size } => write!(f, "sample of {size}"),
                Collection::Best { size, greatest: true, .. } => write!(f, "top {size}"),
                Collection::Best { size, greatest: false, .. } => write!(f, "bottom {size}"),
            },
            Function::Transform(transformation) => match transformation {
                Transformation::Derivative { unit, non_negative } => {
                    write!(
                        f,
                        "{}derivative by {}",
                        if *non_negative { "non-negative " } else { "" },
                        fluxstone_go::DurationText(*unit)
                    )
                }
                Transformation::Difference => f.write_str("difference"),
                Transformation::Elapsed { unit } => write!(f, "elapsed {}", fluxstone_go::DurationText(*unit)),
                Transformation::CumulativeSum => f.write_str("cumulative sum"),
                Transformation::MovingAverage { size } => write!(f, "moving average over {size}"),
            },
            Function::Forecast(Forecast { horizon, season, with_fit }) => {
                write!(f, "{horizon} values predicted by seasons of {season}")?;
                if *with_fit { f.write_str(", with the fit,") } else { Ok(()) }
            }
        }
    }
}
