//! Plans rows that are results of functions: checks calls against the types of their arguments and turns them into
//! [`CallNode`]s, and columns into expressions over them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind, SelectField, VarRef};
use fluxstone_model::{Clause, FieldType, Text};

use super::conditions::Condition;
use super::error::QueryError;
use super::field_cursor::FieldRead;
use super::functions::{Collection, Forecast, Function, Reduction, Transformation};
use super::go_names;
use super::names::{self, ColumnName};
use super::point_expr::{ColumnKind, PointCompiler, PointExpr, ShownLiteral};
use super::projections::{Operand, arithmetic_type, literal_value, point_operand, point_projection};
use super::read_set::ReadSet;
use super::value::Value;

/// The computations behind the columns.
pub(super) struct CallPlan {
    pub(super) outputs: Vec<Output>,
    /// The fields of the chosen point that [`Output::Companion`]s read.
    pub(super) companion_reads: Vec<FieldRead>,
    /// Whether there is only one call. The results of a lone selector keep the times of their points.
    pub(super) is_lone: bool,
}

/// One column.
pub(super) enum Output {
    /// Results of functions.
    Stream(StreamExpr),
    /// A value of the point that the query's selector chose.
    Companion(PointExpr),
}

/// An expression over results of functions.
pub(super) enum StreamExpr {
    Call(CallNode),
    Literal(Value),
    Binary { op: BinaryOp, lhs: Box<StreamExpr>, rhs: Box<StreamExpr> },
}

/// A call.
pub(super) struct CallNode {
    pub(super) function: Function,
    pub(super) input: CallInput,
    pub(super) result_type: FieldType,
}

/// The input of a call.
pub(super) enum CallInput {
    /// A column that does not exist.
    Nothing,
    /// Values of points: the fields to read and the expression over them.
    Points {
        reads: ReadSet,
        value: PointExpr,
        input_type: FieldType,
        /// The names between the field and the number in `top` and `bottom`.
        keys: Vec<PointExpr>,
    },
    /// The results of another call.
    Call(Box<CallNode>),
}

/// Compiles the calls of a query.
pub(super) struct CallCompiler<'a> {
    pub(super) kind_of: &'a dyn Fn(&VarRef) -> ColumnKind,
    pub(super) condition: &'a Condition,
    /// The length of a window, if there are windows.
    pub(super) interval: Option<i64>,
    pub(super) null_spoils: bool,
    /// The first function that does not accept the type of its field. It fails the query only if it has a series to read.
    pub(super) type_error: RefCell<Option<QueryError>>,
}

impl CallPlan {
    /// Compiles the projections. Also returns the names that the columns ask for, since the names in `top` and `bottom` become
    /// columns too.
    pub(super) fn new(
        fields: &[SelectField],
        compiler: &CallCompiler<'_>,
    ) -> Result<(CallPlan, Vec<ColumnName>), QueryError> {
        let mut outputs = Vec::new();
        let mut names = Vec::new();
        let mut companions = compiler.points();
        let mut calls = 0;
        for field in fields {
            names.push(names::requested(field));
            calls += count_calls(&field.expr);
            if count_calls(&field.expr) == 0 {
                outputs.push(Output::Companion(point_projection(&field.expr, &mut companions)?));
                continue;
            }
            outputs.push(Output::Stream(compiler.stream(&field.expr)?.0));
            for name in ranking_names(&field.expr) {
                names.push(ColumnName::Natural(name.name.clone()));
                outputs.push(Output::Companion(companions.column(name)));
            }
        }
        let has_companions = outputs.iter().any(|output| matches!(output, Output::Companion(_)));
        if has_companions && calls > 1 {
            return Err(QueryError::Invalid(
                Clause::new("functions.companions.1"),
                "cannot select fields when selecting multiple aggregates".into(),
            ));
        }
        let companion_reads = std::mem::take(&mut companions.reads);
        Ok((CallPlan { outputs, companion_reads, is_lone: calls == 1 }, names))
    }

    /// The fields that the functions read.
    pub(super) fn selected_fields(&self) -> Vec<&FieldRead> {
        let mut fields = Vec::new();
        for output in &self.outputs {
            if let Output::Stream(stream) = output {
                stream.for_each_call(&mut |call| {
                    if let CallInput::Points { reads, .. } = &call.input {
                        fields.extend(&reads.fields[..reads.selected]);
                    }
                });
            }
        }
        fields
    }

    /// Whether some function returns a stream about as long as its input rather than one result for each group or window.
    pub(super) fn streams_points(&self) -> bool {
        self.outputs.iter().any(|output| match output {
            Output::Stream(stream) => {
                let mut found = false;
                stream.for_each_call(&mut |call| {
                    found |= matches!(call.function, Function::Transform(_) | Function::Forecast(_));
                });
                found
            }
            Output::Companion(_) => false,
        })
    }
}

impl CallCompiler<'_> {
    fn points(&self) -> PointCompiler<'_> {
        PointCompiler {
            kind_of: self.kind_of,
            reads: Vec::new(),
            numbers: HashMap::new(),
            null_spoils: self.null_spoils,
        }
    }

    /// Compiles an expression over calls.
    fn stream(&self, expr: &Expr) -> Result<(StreamExpr, Operand), QueryError> {
        if let Some(operand) = Operand::literal(&expr.kind) {
            return Ok((StreamExpr::Literal(literal_value(&expr.kind)), operand));
        }
        match &expr.kind {
            ExprKind::Paren(inner) => self.stream(inner),
            ExprKind::Call { .. } | ExprKind::Distinct(_) => {
                let call = self.call(expr)?;
                let operand = Operand::stream(call.result_type, go_names::stream(call.result_type));
                Ok((StreamExpr::Call(call), operand))
            }
            ExprKind::Binary { op, lhs, rhs } => {
                let (left, left_operand) = self.stream(lhs)?;
                let (right, right_operand) = self.stream(rhs)?;
                let result_type = match arithmetic_type(*op, left_operand, right_operand) {
                    // Operands without a type cannot disagree.
                    Err(_) if self.type_error.borrow().is_some() => FieldType::Float,
                    result_type => result_type?,
                };
                let operand = Operand::stream(result_type, go_names::stream(result_type));
                Ok((StreamExpr::Binary { op: *op, lhs: Box::new(left), rhs: Box::new(right) }, operand))
            }
            ExprKind::Var(_) => Err(QueryError::Invalid(
                Clause::new("influxql.validation.3"),
                "binary expressions cannot mix aggregates and raw fields".into(),
            )),
            other => Err(QueryError::Invalid(
                Clause::new("select.arithmetic.5"),
                format!("invalid expression type: {}", other.go_type_name()),
            )),
        }
    }

    fn call(&self, expr: &Expr) -> Result<CallNode, QueryError> {
        let (name, args) = match &expr.kind {
            ExprKind::Call { name, args } => (name.as_str(), args.as_slice()),
            ExprKind::Distinct(field) => {
                let var: Expr = ExprKind::Var(VarRef { name: field.clone(), cast: None }).into();
                return self.over_points(Function::Collect(Collection::Distinct), "distinct", &var, &[]);
            }
            other => {
                return Err(QueryError::Invalid(
                    Clause::new("select.arithmetic.5"),
                    format!("invalid expression type: {}", other.go_type_name()),
                ));
            }
        };
        let unsupported =
            || QueryError::Invalid(Clause::new("functions.unknown.1"), format!("unsupported call: {name}"));
        let first = args.first().ok_or_else(unsupported)?;
        match name {
            "count" => match &first.kind {
                ExprKind::Distinct(field) => {
                    let var: Expr = ExprKind::Var(VarRef { name: field.clone(), cast: None }).into();
                    self.over_points(Function::Collect(Collection::CountDistinct), name, &var, &[])
                }
                ExprKind::Call { name: inner, args } if inner == "distinct" && args.len() == 1 => {
                    self.over_points(Function::Collect(Collection::CountDistinct), name, &args[0], &[])
                }
                _ => self.over(Function::simple(name).ok_or_else(unsupported)?, name, first),
            },
            "percentile" => {
                let percent = args.get(1).and_then(number).ok_or_else(unsupported)?;
                self.over(Function::Collect(Collection::Percentile { percent }), name, first)
            }
            "sample" => {
                let size = args.get(1).and_then(count).ok_or_else(unsupported)?;
                self.over(Function::Collect(Collection::Sample { size }), name, first)
            }
            "top" | "bottom" => {
                let size = args.last().and_then(count).ok_or_else(unsupported)?;
                let keys = args.get(1..args.len() - 1).unwrap_or_default();
                let ranking = Collection::Ranking { size, greatest: name == "top", keyed: !keys.is_empty() };
                self.over_points(Function::Collect(ranking), name, first, keys)
            }
            "derivative" | "non_negative_derivative" => {
                let default = self.interval.filter(|_| matches!(first.kind, ExprKind::Call { .. }));
                let unit = args.get(1).and_then(duration).or(default).unwrap_or(1_000_000_000);
                let non_negative = name == "non_negative_derivative";
                let derivative = Transformation::Derivative { unit, non_negative };
                self.over(Function::Transform(derivative), "derivative", first)
            }
            "difference" => self.over(Function::Transform(Transformation::Difference), name, first),
            "elapsed" => {
                let unit = args.get(1).and_then(duration).unwrap_or(1);
                self.over(Function::Transform(Transformation::Elapsed { unit }), name, first)
            }
            "cumulative_sum" => self.over(Function::Transform(Transformation::CumulativeSum), "cumulative sum", first),
            "moving_average" => {
                let size = args.get(1).and_then(count).ok_or_else(unsupported)?;
                let average = Transformation::MovingAverage { size };
                self.over(Function::Transform(average), "moving average", first)
            }
            "holt_winters" | "holt_winters_with_fit" => {
                let horizon = args.get(1).and_then(count).ok_or_else(unsupported)?;
                let season = args.get(2).and_then(count).unwrap_or(0);
                let with_fit = name == "holt_winters_with_fit";
                self.over(Function::Forecast(Forecast { horizon, season, with_fit }), "elapsed", first)
            }
            _ => self.over(Function::simple(name).ok_or_else(unsupported)?, name, first),
        }
    }

    /// Compiles a function over a call or over points. `what` is the name of the function in errors.
    fn over(&self, function: Function, what: &str, argument: &Expr) -> Result<CallNode, QueryError> {
        if !matches!(argument.kind, ExprKind::Call { .. } | ExprKind::Distinct(_)) {
            return self.over_points(function, what, argument, &[]);
        }
        let inner = self.call(argument)?;
        let result_type = self.result_type(&function, what, inner.result_type);
        Ok(CallNode { function, input: CallInput::Call(Box::new(inner)), result_type })
    }

    /// Returns the type of the results of a function. If it does not accept its input, notes that.
    fn result_type(&self, function: &Function, what: &str, input: FieldType) -> FieldType {
        if function.accepts(input) {
            return function.result_type(input);
        }
        let text = format!("unsupported {what} iterator type: {}", go_names::stream(input));
        self.type_error.borrow_mut().get_or_insert(QueryError::Invalid(Clause::new("functions.types.1"), text));
        FieldType::Float
    }

    fn over_points(
        &self,
        function: Function,
        what: &str,
        argument: &Expr,
        keys: &[Expr],
    ) -> Result<CallNode, QueryError> {
        let mut points = self.points();
        let (value, input_type) = match &argument.kind {
            ExprKind::Var(var) => match (self.kind_of)(var) {
                ColumnKind::Field(field_type) => (points.column(var), field_type),
                // Functions do not read tags.
                ColumnKind::Tag | ColumnKind::Unknown => {
                    let result_type = function.result_type(FieldType::Float);
                    return Ok(CallNode { function, input: CallInput::Nothing, result_type });
                }
            },
            ExprKind::Wildcard(_) | ExprKind::Regex(_) => {
                let result_type = function.result_type(FieldType::Float);
                return Ok(CallNode { function, input: CallInput::Nothing, result_type });
            }
            ExprKind::Binary { .. } | ExprKind::Paren(_) => {
                let (value, operand) = match point_operand(argument, &mut points) {
                    Err(_) if self.type_error.borrow().is_some() => {
                        return Ok(CallNode { function, input: CallInput::Nothing, result_type: FieldType::Float });
                    }
                    operand => operand?,
                };
                (value, operand.field_type.unwrap_or(FieldType::Float))
            }
            other => {
                return Err(QueryError::Invalid(
                    Clause::new("select.arithmetic.5"),
                    format!("invalid expression type: {}", other.go_type_name()),
                ));
            }
        };
        let result_type = self.result_type(&function, what, input_type);
        let selected = points.reads.len();
        let keys = keys.iter().map(|key| match &key.kind {
            ExprKind::Var(var) => points.column(var),
            _ => PointExpr::Literal(Value::Null),
        });
        let keys = keys.collect();
        let mut reads = ReadSet::new(&mut points, self.condition)?;
        // A point without the field does not count, whatever other fields it has.
        reads.selected = selected;
        Ok(CallNode { function, input: CallInput::Points { reads, value, input_type, keys }, result_type })
    }
}

impl CallNode {
    /// Whether the call counts something, so that empty windows have 0 instead of null.
    pub(super) fn counts(&self) -> bool {
        matches!(self.function, Function::Reduce(Reduction::Count) | Function::Collect(Collection::CountDistinct))
    }
}

impl StreamExpr {
    /// Whether the results are floats.
    pub(super) fn is_float(&self) -> bool {
        self.result_type() == FieldType::Float
    }

    /// The type of the results.
    fn result_type(&self) -> FieldType {
        match self {
            StreamExpr::Call(call) => call.result_type,
            StreamExpr::Literal(Value::Integer(_)) => FieldType::Integer,
            StreamExpr::Literal(_) | StreamExpr::Binary { op: BinaryOp::Divide, .. } => FieldType::Float,
            StreamExpr::Binary { lhs, rhs, .. } => lhs.result_type().min(rhs.result_type()),
        }
    }

    /// Calls `visit` with every call, nested ones included.
    pub(super) fn for_each_call<'a>(&'a self, visit: &mut dyn FnMut(&'a CallNode)) {
        match self {
            StreamExpr::Call(call) => {
                let mut next = Some(call);
                while let Some(call) = next {
                    visit(call);
                    next = match &call.input {
                        CallInput::Call(inner) => Some(inner),
                        CallInput::Nothing | CallInput::Points { .. } => None,
                    };
                }
            }
            StreamExpr::Literal(_) => {}
            StreamExpr::Binary { lhs, rhs, .. } => {
                lhs.for_each_call(visit);
                rhs.for_each_call(visit);
            }
        }
    }
}

/// Counts the outermost calls in an expression.
fn count_calls(expr: &Expr) -> usize {
    match &expr.kind {
        ExprKind::Call { .. } | ExprKind::Distinct(_) => 1,
        ExprKind::Paren(inner) => count_calls(inner),
        ExprKind::Binary { lhs, rhs, .. } => count_calls(lhs) + count_calls(rhs),
        _ => 0,
    }
}

/// Returns the names between the field and the number in `top` and `bottom`.
fn ranking_names(expr: &Expr) -> Vec<&VarRef> {
    let ExprKind::Call { name, args } = &expr.kind else { return Vec::new() };
    if !matches!(name.as_str(), "top" | "bottom") {
        return Vec::new();
    }
    let names = args.iter().skip(1).filter_map(|arg| match &arg.kind {
        ExprKind::Var(var) => Some(var),
        _ => None,
    });
    names.collect()
}

fn number(expr: &Expr) -> Option<f64> {
    match expr.kind {
        ExprKind::Integer(v) => Some(v as f64),
        ExprKind::Number(v) => Some(v),
        _ => None,
    }
}

/// A count; negative numbers count as zero.
fn count(expr: &Expr) -> Option<usize> {
    match expr.kind {
        ExprKind::Integer(v) => Some(usize::try_from(v.max(0)).unwrap_or(usize::MAX)),
        _ => None,
    }
}

fn duration(expr: &Expr) -> Option<i64> {
    match expr.kind {
        ExprKind::Duration(v) => Some(v.0),
        _ => None,
    }
}

impl CallPlan {
    /// Writes the columns for the text of a plan.
    pub(super) fn describe(&self, columns: &[Text], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, output) in columns.iter().zip(&self.outputs) {
            match output {
                Output::Stream(stream) => writeln!(f, "column {name}: {stream}")?,
                Output::Companion(value) => {
                    writeln!(f, "column {name}: {} of the chosen point", value.shown(&self.companion_reads))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for StreamExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamExpr::Call(call) => write!(f, "{call}"),
            StreamExpr::Literal(value) => write!(f, "{}", ShownLiteral(value)),
            StreamExpr::Binary { op, lhs, rhs } => write!(f, "({lhs} {} {rhs})", op.symbol()),
        }
    }
}

impl fmt::Display for CallNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.input {
            CallInput::Nothing => write!(f, "{} of nothing", self.function)?,
            CallInput::Points { reads, value, keys, .. } => {
                write!(f, "{} of {}", self.function, value.shown(&reads.fields))?;
                for (at, key) in keys.iter().enumerate() {
                    write!(f, "{} {}", if at == 0 { " for each" } else { "," }, key.shown(&reads.fields))?;
                }
            }
            CallInput::Call(inner) => write!(f, "{} of ({inner})", self.function)?,
        }
        write!(f, " as {}", self.result_type)
    }
}
