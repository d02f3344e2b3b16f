//! The registry of functions: names, accepted types and result types.

use std::fmt;

use fluxstone_model::FieldType;

use super::collection::Collection;
use super::predictors::Forecast;
use super::reduction::Reduction;
use super::transformations::Transformation;

/// A function with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Function {
    Reduce(Reduction),
    Collect(Collection),
    Transform(Transformation),
    Forecast(Forecast),
}

impl Function {
    /// Returns the function with this name, if it has no parameters. The planner makes those that have some.
    pub(crate) fn simple(name: &str) -> Option<Function> {
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

    /// Whether the function accepts values of a type.
    pub(crate) fn accepts(&self, field_type: FieldType) -> bool {
        let accepts_any = matches!(
            self,
            Function::Reduce(Reduction::Count | Reduction::First | Reduction::Last)
                | Function::Collect(
                    Collection::Distinct | Collection::CountDistinct | Collection::Mode | Collection::Sample { .. }
                )
                | Function::Transform(Transformation::Elapsed { .. })
        );
        let accepts_booleans = accepts_any || matches!(self, Function::Reduce(Reduction::Min | Reduction::Max));
        match field_type {
            FieldType::Float | FieldType::Integer => true,
            FieldType::Boolean => accepts_booleans,
            FieldType::String => accepts_any,
        }
    }

    /// The type of the results for values of a type.
    pub(crate) fn result_type(&self, input: FieldType) -> FieldType {
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
                Collection::Ranking { size, greatest: true, .. } => write!(f, "top {size}"),
                Collection::Ranking { size, greatest: false, .. } => write!(f, "bottom {size}"),
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
