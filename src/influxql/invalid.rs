//! Everything that can be wrong with a statement that the grammar allows, with the messages that clients see.
//!
//! A clause of `spec/influxql.md` states each message and its cause; a test in `tests/grammars` compares the two. The order of
//! the checks is up to `validate` and `calls`.

use fluxstone_model::{Clause, Nanos};

use super::duration::DurationLiteral;

/// The outcome of a check.
pub(super) type Checked = Result<(), Invalid>;

/// A fault of a statement.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Invalid {
    // The clauses of SELECT.
    #[error(
        "invalid operator {operator} in SELECT clause at line {line}, char {character}; operator is intended for WHERE clause"
    )]
    OperatorInField { operator: &'static str, line: usize, character: usize },
    #[error("at least 1 non-time field must be queried")]
    OnlyTime,
    #[error("fill must be a function call")]
    FillIsNotACall,
    #[error("fill requires an argument, e.g.: 0, null, none, previous, linear")]
    FillArguments,
    #[error("expected number argument in fill()")]
    FillOption,
    #[error("only ORDER BY time supported at this time")]
    OrderNotByTime,

    // Bound parameters.
    #[error("empty bound parameter")]
    EmptyParameter,
    #[error("missing parameter: {0}")]
    MissingParameter(String),
    #[error("unable to bind parameter with type {0}")]
    UnbindableParameter(&'static str),

    // Arithmetic.
    #[error("cannot use {0}() inside of a binary expression")]
    RankingInArithmetic(String),
    #[error("binary expressions cannot mix aggregates and raw fields")]
    ArithmeticOfCallsAndColumns,

    // GROUP BY.
    #[error("time() is a function and expects at least one argument")]
    TimeIsNotATag,
    #[error("only time and tag dimensions allowed")]
    NotADimension,
    #[error("only time() calls allowed in dimensions")]
    CallAsDimension,
    #[error("time dimension expected 1 or 2 arguments")]
    WindowArguments,
    #[error("time dimension must have duration argument")]
    WindowLength,
    #[error("multiple time dimensions not allowed")]
    SeveralWindows,
    #[error("time dimension offset function must be now()")]
    WindowOffsetCall,
    #[error("time dimension offset now() function requires no arguments")]
    WindowOffsetNowArguments,
    #[error("time dimension offset must be duration or now()")]
    WindowOffset,
    #[error("GROUP BY requires at least one aggregate function")]
    WindowsWithoutCall,
    #[error("aggregate functions with GROUP BY time require a WHERE time clause")]
    WindowsWithoutBound,

    // Which projections can be combined.
    #[error("aggregate function distinct() can not be combined with other functions or fields")]
    DistinctNotAlone,
    #[error("distinct function requires at least one argument")]
    DistinctWithoutArgument,
    #[error("distinct function can only have one argument")]
    DistinctArguments,
    #[error("mixing multiple selector functions with tags or fields is not supported")]
    SelectorsAndColumns,
    #[error("mixing aggregate and non-aggregate queries is not supported")]
    CallsAndColumns,

    // Arguments of functions.
    #[error("invalid number of arguments for {name}, expected {expected}, got {got}")]
    Arguments { name: String, expected: usize, got: usize },
    #[error("invalid number of arguments for {name}, expected at least {least}, got {got}")]
    TooFewArguments { name: String, least: usize, got: usize },
    #[error("invalid number of arguments for {name}, expected at least 1 but no more than 2, got {got}")]
    OneOrTwoArguments { name: String, got: usize },
    #[error("expected field argument in {0}()")]
    ExpectedColumn(String),
    #[error("expected {kind} argument in {name}()")]
    ExpectedNumber { kind: &'static str, name: &'static str },
    #[error("count(distinct <field>) can only have one argument")]
    CountDistinctArguments,
    #[error("expected integer as last argument in {name}(), found {found}")]
    RankingSize { name: String, found: String },
    #[error("limit ({size}) in {name} function can not be larger than the LIMIT ({limit}) in the select statement")]
    RankingOverLimit { size: i64, name: String, limit: i64 },
    #[error("only fields or tags are allowed in {name}(), found {found}")]
    RankingColumn { name: String, found: String },

    // Transformations and forecasts.
    #[error("{0} aggregate requires a GROUP BY interval")]
    CallWithoutWindows(String),
    #[error("aggregate function required inside the call to {0}")]
    ColumnWithWindows(String),
    #[error("second argument to {name} must be a duration, got {got}")]
    UnitIsNotADuration { name: String, got: &'static str },
    #[error("moving_average window must be greater than 1, got {0}")]
    AverageWindowTooSmall(i64),
    #[error("second argument for moving_average must be an integer, got {0}")]
    AverageWindowIsNotAnInteger(&'static str),
    #[error("must use aggregate function with {0}")]
    ForecastWithoutCall(String),
    #[error("expected integer argument as {which} arg in {name}")]
    ForecastIsNotAnInteger { which: &'static str, name: String },
    #[error("second arg to {name} must be greater than 0, got {got}")]
    ForecastTooShort { name: String, got: i64 },

    // Continuous queries.
    #[error(
        "FOR duration must be >= GROUP BY time duration: must be a minimum of {}, got {}",
        DurationLiteral(*least),
        DurationLiteral(*got)
    )]
    ResampleTooShort { least: Nanos, got: Nanos },
}

impl Invalid {
    /// The clause that states the message.
    pub(super) fn clause(&self) -> Clause {
        match self {
            Invalid::OperatorInField { .. } => Clause::new("influxql.validation.1"),
            Invalid::OnlyTime => Clause::new("influxql.validation.2"),
            Invalid::FillIsNotACall | Invalid::FillArguments | Invalid::FillOption => Clause::new("influxql.select.7"),
            Invalid::OrderNotByTime => Clause::new("influxql.select.8"),
            Invalid::EmptyParameter | Invalid::MissingParameter(_) | Invalid::UnbindableParameter(_) => {
                Clause::new("influxql.parameter.2")
            }
            Invalid::RankingInArithmetic(_) | Invalid::ArithmeticOfCallsAndColumns => {
                Clause::new("influxql.validation.3")
            }
            Invalid::TimeIsNotATag
            | Invalid::NotADimension
            | Invalid::CallAsDimension
            | Invalid::WindowArguments
            | Invalid::WindowLength
            | Invalid::SeveralWindows
            | Invalid::WindowOffsetCall
            | Invalid::WindowOffsetNowArguments
            | Invalid::WindowOffset => Clause::new("influxql.validation.4"),
            Invalid::WindowsWithoutCall | Invalid::WindowsWithoutBound => Clause::new("influxql.validation.13"),
            Invalid::DistinctNotAlone | Invalid::DistinctWithoutArgument | Invalid::DistinctArguments => {
                Clause::new("influxql.validation.5")
            }
            Invalid::SelectorsAndColumns | Invalid::CallsAndColumns => Clause::new("influxql.validation.6"),
            Invalid::TooFewArguments { .. }
            | Invalid::RankingSize { .. }
            | Invalid::RankingOverLimit { .. }
            | Invalid::RankingColumn { .. } => Clause::new("influxql.validation.7"),
            Invalid::OneOrTwoArguments { .. }
            | Invalid::UnitIsNotADuration { .. }
            | Invalid::AverageWindowTooSmall(_)
            | Invalid::AverageWindowIsNotAnInteger(_) => Clause::new("influxql.validation.9"),
            Invalid::ExpectedColumn(_) | Invalid::CountDistinctArguments => Clause::new("influxql.validation.12"),
            Invalid::ExpectedNumber { .. } => Clause::new("influxql.validation.8"),
            Invalid::CallWithoutWindows(_) | Invalid::ColumnWithWindows(_) => Clause::new("influxql.validation.10"),
            Invalid::ForecastWithoutCall(_)
            | Invalid::ForecastIsNotAnInteger { .. }
            | Invalid::ForecastTooShort { .. } => Clause::new("influxql.validation.11"),
            Invalid::ResampleTooShort { .. } => Clause::new("influxql.continuous-query.4"),
            Invalid::Arguments { name, .. } => match name.as_str() {
                "percentile" | "sample" => Clause::new("influxql.validation.8"),
                "moving_average" => Clause::new("influxql.validation.9"),
                "holt_winters" | "holt_winters_with_fit" => Clause::new("influxql.validation.11"),
                _ => Clause::new("influxql.validation.12"),
            },
        }
    }
}
