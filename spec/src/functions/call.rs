//! Calls: the functions with their parameters, and which one a call names.

use fluxstone_influxql::ast::{Expr, ExprKind, VarRef};
use fluxstone_model::FieldType;
use fluxstone_query::Value;

use super::predictors::Forecast;
use super::timed_value::{Origin, TimedValue, WindowValues};
use super::transformations::Transformation;
use super::{aggregates, selectors};
use crate::answer::Refused;
use crate::operands::{of_results, operand};
use crate::schema::Meaning;
use crate::scope::Scope;

/// A function with its parameters.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named as the functions are")]
pub enum Function {
    Count,
    CountDistinct,
    Distinct,
    Mean,
    Median,
    Mode,
    Spread,
    Stddev,
    Sum,
    First,
    Last,
    Min,
    Max,
    Percentile(f64),
    Sample(usize),
    Top(usize),
    Bottom(usize),
    Transformation(Transformation),
    HoltWinters(Forecast),
}

/// The first argument of a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A column that is not a field.
    Nothing,
    /// A field, or for transformations an expression of fields.
    Points(Expr),
    /// Another call.
    Call(Box<Call>),
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// Its first argument.
    pub argument: Argument,
    /// The names between the field and the number in `top` and `bottom`.
    pub keys: Vec<Expr>,
    /// The type of its results.
    pub result_type: FieldType,
    /// Why it cannot be evaluated, if a function does not accept the type of its input.
    pub refused: Option<Refused>,
}

/// The type of the results of a call.
///
/// Transcribes `functions.types.2`.
pub fn result_type(expr: &Expr, scope: &Scope<'_>) -> Result<FieldType, Refused> {
    let call = Call::read(expr, scope)?;
    call.refused.map_or(Ok(call.result_type), Err)
}

impl Call {
    /// Reads a call.
    ///
    /// Transcribes `functions.unknown.1`, `functions.types.1`, `functions.types.2`, `functions.transform.1`,
    /// `functions.transform.3`.
    pub fn read(expr: &Expr, scope: &Scope<'_>) -> Result<Call, Refused> {
        let (name, args) = match &expr.kind {
            ExprKind::Call { name, args } => (name.as_str(), args.clone()),
            ExprKind::Distinct(field) => ("distinct", vec![field_named(field)]),
            _ => return Err(Refused("not a call".into())),
        };
        let unknown = || Refused(format!("unsupported call: {name}"));
        let mut first = args.first().cloned().ok_or_else(unknown)?;
        let is_over_call = matches!(first.kind, ExprKind::Call { .. } | ExprKind::Distinct(_));
        let integer = |at: usize| match args.get(at).map(|arg| &arg.kind) {
            Some(ExprKind::Integer(number)) => usize::try_from(*number).unwrap_or(0),
            _ => 0,
        };
        let number = |at: usize| match args.get(at).map(|arg| &arg.kind) {
            Some(ExprKind::Integer(number)) => *number as f64,
            Some(ExprKind::Number(number)) => *number,
            _ => 0.0,
        };
        let unit = |default: i64| match args.get(1).map(|arg| &arg.kind) {
            Some(ExprKind::Duration(unit)) => unit.0,
            _ => default,
        };
        let of_window = scope.windows.filter(|_| is_over_call).map(|windows| windows.interval);
        let rate = of_window.unwrap_or(1_000_000_000);
        let last = args.len() - 1;
        let function = match name {
            "count" => match &first.kind {
                ExprKind::Distinct(field) => {
                    first = field_named(field);
                    Function::CountDistinct
                }
                ExprKind::Call { name, args } if name == "distinct" => {
                    first = args.first().cloned().ok_or_else(unknown)?;
                    Function::CountDistinct
                }
                _ => Function::Count,
            },
            "distinct" => Function::Distinct,
            "mean" => Function::Mean,
            "median" => Function::Median,
            "mode" => Function::Mode,
            "spread" => Function::Spread,
            "stddev" => Function::Stddev,
            "sum" => Function::Sum,
            "first" => Function::First,
            "last" => Function::Last,
            "min" => Function::Min,
            "max" => Function::Max,
            "percentile" => Function::Percentile(number(1)),
            "sample" => Function::Sample(integer(1)),
            "top" => Function::Top(integer(last)),
            "bottom" => Function::Bottom(integer(last)),
            "derivative" => Function::Transformation(Transformation::Derivative(unit(rate))),
            "non_negative_derivative" => Function::Transformation(Transformation::NonNegativeDerivative(unit(rate))),
            "difference" => Function::Transformation(Transformation::Difference),
            "elapsed" => Function::Transformation(Transformation::Elapsed(unit(1))),
            "cumulative_sum" => Function::Transformation(Transformation::CumulativeSum),
            "moving_average" => Function::Transformation(Transformation::MovingAverage(integer(1))),
            "holt_winters" | "holt_winters_with_fit" => Function::HoltWinters(Forecast {
                horizon: integer(1),
                season: integer(2),
                with_fit: name == "holt_winters_with_fit",
            }),
            _ => return Err(unknown()),
        };
        let keys = if has_keys(name) { args[1..last].to_vec() } else { Vec::new() };
        let mut refused = None;
        let (argument, input) = match &first.kind {
            ExprKind::Call { .. } | ExprKind::Distinct(_) => {
                let inner = Call::read(&first, scope)?;
                let input = inner.result_type;
                refused.clone_from(&inner.refused);
                (Argument::Call(Box::new(inner)), Some(input))
            }
            ExprKind::Var(var) => match scope.schema.meaning(var) {
                Meaning::Field(_, field_type) => (Argument::Points(first), Some(field_type)),
                Meaning::Tag(_) | Meaning::Nothing => (Argument::Nothing, None),
            },
            ExprKind::Wildcard(_) | ExprKind::Regex(_) => (Argument::Nothing, None),
            _ => {
                let input = operand(&first, scope, &result_type)?.field_type;
                (Argument::Points(first), input)
            }
        };
        if let Some(input) = input.filter(|input| !function.accepts(*input)) {
            let text = format!("unsupported {} iterator type: {}", shown_name(name), of_results(input));
            refused.get_or_insert(Refused(text));
        }
        let result_type = match refused {
            Some(_) => FieldType::Float,
            None => function.result_type(input.unwrap_or(FieldType::Float)),
        };
        Ok(Call { function, argument, keys, result_type, refused })
    }
}

fn field_named(name: &str) -> Expr {
    ExprKind::Var(VarRef { name: name.into(), cast: None }).into()
}

/// Whether there may be names between the first and the last argument.
fn has_keys(function: &str) -> bool {
    ["top", "bottom"].contains(&function)
}

/// The name of a function in messages.
fn shown_name(function: &str) -> &str {
    match function {
        "non_negative_derivative" => "derivative",
        "moving_average" => "moving average",
        "cumulative_sum" => "cumulative sum",
        "holt_winters" | "holt_winters_with_fit" => "elapsed",
        other => other,
    }
}

impl Function {
    /// Whether a function accepts values of a type. Transcribes `functions.types.1`.
    fn accepts(&self, input: FieldType) -> bool {
        let accepts_all = matches!(
            self,
            Function::Count
                | Function::CountDistinct
                | Function::Distinct
                | Function::Mode
                | Function::First
                | Function::Last
                | Function::Sample(_)
                | Function::Transformation(Transformation::Elapsed(_))
        );
        match input {
            FieldType::Float | FieldType::Integer => true,
            FieldType::String => accepts_all,
            FieldType::Boolean => accepts_all || matches!(self, Function::Min | Function::Max),
        }
    }

    /// The type of the results. Transcribes `functions.types.2`.
    fn result_type(&self, input: FieldType) -> FieldType {
        match self {
            Function::Count | Function::CountDistinct | Function::Transformation(Transformation::Elapsed(_)) => {
                FieldType::Integer
            }
            Function::Mean
            | Function::Median
            | Function::Stddev
            | Function::HoltWinters(_)
            | Function::Transformation(
                Transformation::Derivative(_)
                | Transformation::NonNegativeDerivative(_)
                | Transformation::MovingAverage(_),
            ) => FieldType::Float,
            _ => input,
        }
    }

    /// Returns the results of an aggregate or selector over the points of one window, which has at least one.
    pub fn results(&self, values: &WindowValues, keys: &dyn Fn(&Origin) -> Vec<Value>) -> Vec<TimedValue> {
        match self {
            Function::Count => vec![aggregates::count(values)],
            Function::CountDistinct => vec![aggregates::count_distinct(values)],
            Function::Distinct => aggregates::distinct(values),
            Function::Mean => vec![aggregates::mean(values)],
            Function::Median => vec![aggregates::median(values)],
            Function::Mode => vec![aggregates::mode(values)],
            Function::Spread => vec![aggregates::spread(values)],
            Function::Stddev => vec![aggregates::stddev(values)],
            Function::Sum => vec![aggregates::sum(values)],
            Function::First => selectors::first(values),
            Function::Last => selectors::last(values),
            Function::Min => selectors::min(values),
            Function::Max => selectors::max(values),
            Function::Percentile(percent) => selectors::percentile(values, *percent),
            Function::Sample(_) => selectors::in_sample_order(values),
            Function::Top(count) => selectors::top(values, *count, keys),
            Function::Bottom(count) => selectors::bottom(values, *count, keys),
            Function::Transformation(_) | Function::HoltWinters(_) => Vec::new(),
        }
    }
}
