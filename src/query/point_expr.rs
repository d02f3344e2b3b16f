//! Expressions over one point of one series: projections of points, arguments of functions, and conditions on points.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use fluxstone_go::Regex;
use fluxstone_influxql::ast::{BinaryOp, Cast, Expr, ExprKind, VarRef};
use fluxstone_model::{Clause, FieldType, Scalar, SeriesKey, Text};

use super::column_slice::ColumnSlice;
use super::error::QueryError;
use super::field_cursor::FieldRead;
use super::row_batch::RowBatch;
use super::scalar::{self, Division};
use super::value::Value;
use super::value_set::ValueSet;

/// An expression whose fields are columns of a [`RowBatch`].
#[derive(Debug, Clone)]
pub(super) enum PointExpr {
    /// The column with this number.
    Column(usize),
    /// A tag of the series; null if it has no tag with this key.
    Tag(Text),
    Literal(Value),
    Arithmetic {
        op: BinaryOp,
        lhs: Box<PointExpr>,
        rhs: Box<PointExpr>,
        division: Division,
    },
    Compare {
        op: BinaryOp,
        lhs: Box<PointExpr>,
        rhs: Box<PointExpr>,
    },
    Matches {
        text: Box<PointExpr>,
        regex: Regex,
        wanted: bool,
    },
    /// Whether a column equals one of several values; null if it is null.
    OneOf {
        column: usize,
        values: Arc<ValueSet>,
    },
    Logical {
        and: bool,
        lhs: Box<PointExpr>,
        rhs: Box<PointExpr>,
        null_spoils: bool,
    },
}

/// One point: a row of a batch of a series.
#[derive(Clone, Copy)]
pub(super) struct PointRow<'a> {
    pub(super) key: &'a SeriesKey,
    pub(super) batch: &'a RowBatch,
    pub(super) row: usize,
}

impl PointExpr {
    /// Returns the value at a point, or `None` for null.
    pub(super) fn eval<'a>(&'a self, point: PointRow<'a>) -> Option<Scalar<'a>> {
        match self {
            PointExpr::Column(column) => point.batch.get(*column, point.row),
            PointExpr::Tag(key) => point.key.tags.get(key).map(|value| Scalar::String(value)),
            PointExpr::Literal(value) => value.scalar(),
            PointExpr::Arithmetic { op, lhs, rhs, division } => {
                scalar::arithmetic(*op, lhs.eval(point), rhs.eval(point), *division)
            }
            PointExpr::Compare { op, lhs, rhs } => {
                let left = lhs.eval(point)?;
                Some(Scalar::Boolean(scalar::compare(*op, Some(left), rhs.eval(point))))
            }
            PointExpr::Matches { text, regex, wanted } => Some(Scalar::Boolean(match text.eval(point)? {
                Scalar::String(text) => regex.is_match(text) == *wanted,
                Scalar::Float(_) | Scalar::Integer(_) | Scalar::Boolean(_) => false,
            })),
            PointExpr::OneOf { column, values } => {
                point.batch.get(*column, point.row).map(|value| Scalar::Boolean(values.contains(value)))
            }
            PointExpr::Logical { and, lhs, rhs, null_spoils } => {
                logical(*and, lhs.eval(point), rhs.eval(point), *null_spoils)
            }
        }
    }

    /// Returns the value at a point as a cell. Strings share their bytes with the column, tag or literal that they come from.
    #[inline]
    pub(super) fn cell(&self, point: PointRow<'_>) -> Value {
        match self {
            PointExpr::Column(column) => point.batch.cell(*column, point.row),
            PointExpr::Tag(key) => point.key.tags.get(key).map_or(Value::Null, |value| Value::String(value.clone())),
            PointExpr::Literal(value) => value.clone(),
            PointExpr::Arithmetic { .. }
            | PointExpr::Compare { .. }
            | PointExpr::Matches { .. }
            | PointExpr::OneOf { .. }
            | PointExpr::Logical { .. } => self.eval(point).into(),
        }
    }

    /// Returns the same expression for one series, with the values of its tags as literals, so that they are not looked up for
    /// every point.
    pub(super) fn of_series(&self, key: &SeriesKey) -> PointExpr {
        let bound = |inner: &PointExpr| Box::new(inner.of_series(key));
        match self {
            PointExpr::Tag(name) => {
                PointExpr::Literal(key.tags.get(name).map_or(Value::Null, |value| Value::String(value.clone())))
            }
            PointExpr::Column(_) | PointExpr::Literal(_) | PointExpr::OneOf { .. } => self.clone(),
            PointExpr::Arithmetic { op, lhs, rhs, division } => {
                PointExpr::Arithmetic { op: *op, lhs: bound(lhs), rhs: bound(rhs), division: *division }
            }
            PointExpr::Compare { op, lhs, rhs } => PointExpr::Compare { op: *op, lhs: bound(lhs), rhs: bound(rhs) },
            PointExpr::Matches { text, regex, wanted } => {
                PointExpr::Matches { text: bound(text), regex: regex.clone(), wanted: *wanted }
            }
            PointExpr::Logical { and, lhs, rhs, null_spoils } => {
                PointExpr::Logical { and: *and, lhs: bound(lhs), rhs: bound(rhs), null_spoils: *null_spoils }
            }
        }
    }

    /// The column that the expression compares with one or more constants for equality, if it does just that.
    fn equated_column(&self) -> Option<usize> {
        match self {
            PointExpr::OneOf { column, .. } => Some(*column),
            PointExpr::Compare { op: BinaryOp::Equal, lhs, rhs } => match (&**lhs, &**rhs) {
                (PointExpr::Column(column), PointExpr::Literal(value)) if *value != Value::Null => Some(*column),
                _ => None,
            },
            _ => None,
        }
    }

    /// The constants of [`PointExpr::equated_column`].
    fn into_equated(self) -> Arc<ValueSet> {
        let mut values = ValueSet::default();
        match self {
            PointExpr::OneOf { values, .. } => return values,
            PointExpr::Compare { rhs, .. } => {
                if let PointExpr::Literal(value) = *rhs {
                    values.insert(value);
                }
            }
            _ => {}
        }
        Arc::new(values)
    }

    /// Whether the expression is just a tag.
    pub(super) fn is_tag(&self) -> bool {
        matches!(self, PointExpr::Tag(_))
    }

    /// The number of its parts.
    pub(super) fn size(&self) -> usize {
        match self {
            PointExpr::Column(_) | PointExpr::Tag(_) | PointExpr::Literal(_) => 1,
            PointExpr::OneOf { values, .. } => 1 + values.len(),
            PointExpr::Matches { text, .. } => 1 + text.size(),
            PointExpr::Arithmetic { lhs, rhs, .. }
            | PointExpr::Compare { lhs, rhs, .. }
            | PointExpr::Logical { lhs, rhs, .. } => 1 + lhs.size() + rhs.size(),
        }
    }

    /// Retains those rows of a batch at which a condition holds. Comparisons of a number with a constant, the most common ones,
    /// work on the whole column at once.
    pub(super) fn keep(&self, key: &SeriesKey, batch: &RowBatch, rows: &mut Vec<u32>) {
        match self {
            PointExpr::Logical { and: true, lhs, rhs, .. } => {
                lhs.keep(key, batch, rows);
                rhs.keep(key, batch, rows);
            }
            PointExpr::Compare { op, lhs, rhs } => match (&**lhs, &**rhs) {
                (PointExpr::Column(column), PointExpr::Literal(limit))
                    if keep_numbers(*op, batch.dense(*column), limit, rows) => {}
                _ => rows.retain(|row| self.holds(PointRow { key, batch, row: *row as usize })),
            },
            _ => rows.retain(|row| self.holds(PointRow { key, batch, row: *row as usize })),
        }
    }

    /// Whether a condition holds at a point.
    pub(super) fn holds(&self, point: PointRow<'_>) -> bool {
        match self {
            // A comparison with null does not hold, as `compare` says too.
            PointExpr::Compare { op, lhs, rhs } => scalar::compare(*op, lhs.eval(point), rhs.eval(point)),
            PointExpr::Logical { and, lhs, rhs, null_spoils: false } => {
                if *and {
                    lhs.holds(point) && rhs.holds(point)
                } else {
                    lhs.holds(point) || rhs.holds(point)
                }
            }
            _ => self.eval(point) == Some(Scalar::Boolean(true)),
        }
    }
}

/// Retains the rows whose number satisfies `number op limit`; returns false if one side is not a number.
fn keep_numbers(op: BinaryOp, values: Option<ColumnSlice<'_>>, limit: &Value, rows: &mut Vec<u32>) -> bool {
    match (values, limit) {
        (Some(ColumnSlice::Integer(v)), Value::Integer(limit)) => keep_ordered(op, rows, *limit, |row| v[row]),
        (Some(ColumnSlice::Integer(v)), Value::Float(limit)) => keep_ordered(op, rows, *limit, |row| v[row] as f64),
        (Some(ColumnSlice::Float(v)), Value::Float(limit)) => keep_ordered(op, rows, *limit, |row| v[row]),
        (Some(ColumnSlice::Float(v)), Value::Integer(limit)) => keep_ordered(op, rows, *limit as f64, |row| v[row]),
        _ => return false,
    }
    true
}

/// Retains the rows with `value op limit`, with one loop for each operator of [`scalar::compare`].
fn keep_ordered<T: PartialOrd + Copy>(op: BinaryOp, rows: &mut Vec<u32>, limit: T, value: impl Fn(usize) -> T) {
    match op {
        BinaryOp::Equal => rows.retain(|row| value(*row as usize) == limit),
        BinaryOp::NotEqual => rows.retain(|row| value(*row as usize) != limit),
        BinaryOp::Less => rows.retain(|row| value(*row as usize) < limit),
        BinaryOp::LessOrEqual => rows.retain(|row| value(*row as usize) <= limit),
        BinaryOp::Greater => rows.retain(|row| value(*row as usize) > limit),
        BinaryOp::GreaterOrEqual => rows.retain(|row| value(*row as usize) >= limit),
        _ => rows.clear(),
    }
}

/// Computes AND or OR. Null counts as false; if `null_spoils`, as in 1.2.4, it also makes an OR false.
#[inline]
fn logical(and: bool, lhs: Option<Scalar<'_>>, rhs: Option<Scalar<'_>>, null_spoils: bool) -> Option<Scalar<'static>> {
    if null_spoils {
        return match (lhs, rhs) {
            (Some(Scalar::Boolean(a)), Some(Scalar::Boolean(b))) => {
                Some(Scalar::Boolean(if and { a && b } else { a || b }))
            }
            (Some(Scalar::Boolean(_)), _) => Some(Scalar::Boolean(false)),
            _ => None,
        };
    }
    let truth = Some(Scalar::Boolean(true));
    let (a, b) = (lhs == truth, rhs == truth);
    Some(Scalar::Boolean(if and { a && b } else { a || b }))
}

impl PointExpr {
    /// Displays the expression with the names of the columns that it reads.
    pub(super) fn shown<'a>(&'a self, reads: &'a [FieldRead]) -> impl fmt::Display + 'a {
        Shown { expr: self, reads }
    }
}

/// See [`PointExpr::shown`].
struct Shown<'a> {
    expr: &'a PointExpr,
    reads: &'a [FieldRead],
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |expr| Shown { expr, reads: self.reads };
        match self.expr {
            PointExpr::Column(column) => match self.reads.get(*column) {
                Some(read) => write!(f, "{read}"),
                None => write!(f, "#{column}"),
            },
            PointExpr::Tag(key) => write!(f, "tag {key}"),
            PointExpr::Literal(value) => write!(f, "{}", ShownLiteral(value)),
            PointExpr::Arithmetic { op, lhs, rhs, .. } | PointExpr::Compare { op, lhs, rhs } => {
                write!(f, "({} {} {})", shown(lhs), op.symbol(), shown(rhs))
            }
            PointExpr::Matches { text, regex, wanted } => {
                write!(f, "({} {}~ {regex:?})", shown(text), if *wanted { "=" } else { "!" })
            }
            PointExpr::OneOf { column, values } => {
                let values: Vec<String> = values.values().map(|value| ShownLiteral(&value).to_string()).collect();
                write!(f, "({} in ({}))", shown(&PointExpr::Column(*column)), values.join(", "))
            }
            PointExpr::Logical { and, lhs, rhs, .. } => {
                write!(f, "({} {} {})", shown(lhs), if *and { "AND" } else { "OR" }, shown(rhs))
            }
        }
    }
}

/// Displays a literal.
pub(super) struct ShownLiteral<'a>(pub(super) &'a Value);

impl fmt::Display for ShownLiteral<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Integer(value) => write!(f, "{value}"),
            Value::String(value) => write!(f, "'{value}'"),
            Value::Boolean(value) => write!(f, "{value}"),
            _ => f.write_str("null"),
        }
    }
}

/// Up to this many columns are searched one by one.
const SCANNED_READS_MAX: usize = 32;

/// Compiles expressions and collects the fields that they read.
pub(super) struct PointCompiler<'a> {
    /// Says what a name means.
    pub(super) kind_of: &'a dyn Fn(&VarRef) -> ColumnKind,
    pub(super) reads: Vec<FieldRead>,
    /// The numbers of the columns, once there are many.
    pub(super) numbers: HashMap<FieldRead, usize>,
    /// Whether AND and OR are false beside a comparison with an absent field.
    pub(super) null_spoils: bool,
}

/// The meaning of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Field(FieldType),
    Tag,
    Unknown,
}

impl ColumnKind {
    /// The cast with the same meaning.
    pub(super) fn cast(self) -> Option<Cast> {
        match self {
            ColumnKind::Field(FieldType::Float) => Some(Cast::Float),
            ColumnKind::Field(FieldType::Integer) => Some(Cast::Integer),
            ColumnKind::Field(FieldType::String) => Some(Cast::String),
            ColumnKind::Field(FieldType::Boolean) => Some(Cast::Boolean),
            ColumnKind::Tag => Some(Cast::Tag),
            ColumnKind::Unknown => None,
        }
    }
}

impl PointCompiler<'_> {
    /// Returns the number of the column that reads a field as a type.
    pub(super) fn read(&mut self, name: &str, read_as: FieldType) -> usize {
        let read = FieldRead { name: Text::from(name), read_as };
        let number = if self.reads.len() < SCANNED_READS_MAX {
            self.reads.iter().position(|present| *present == read)
        } else {
            for (number, read) in self.reads.iter().enumerate().skip(self.numbers.len()) {
                self.numbers.insert(read.clone(), number);
            }
            self.numbers.get(&read).copied()
        };
        number.unwrap_or_else(|| {
            self.reads.push(read);
            self.reads.len() - 1
        })
    }

    /// Compiles a name.
    pub(super) fn column(&mut self, var: &VarRef) -> PointExpr {
        match (self.kind_of)(var) {
            ColumnKind::Field(read_as) => PointExpr::Column(self.read(&var.name, read_as)),
            ColumnKind::Tag => PointExpr::Tag(Text::from(var.name.as_str())),
            ColumnKind::Unknown => PointExpr::Literal(Value::Null),
        }
    }

    /// Compiles a condition on points.
    pub(super) fn condition(&mut self, expr: &Expr) -> Result<PointExpr, QueryError> {
        Ok(match &expr.kind {
            ExprKind::Paren(inner) => self.condition(inner)?,
            ExprKind::Var(var) => self.column(var),
            ExprKind::Integer(v) => PointExpr::Literal(Value::Integer(*v)),
            ExprKind::Number(v) => PointExpr::Literal(Value::Float(*v)),
            ExprKind::String(v) => PointExpr::Literal(Value::String(Text::from(v.as_str()))),
            ExprKind::Boolean(v) => PointExpr::Literal(Value::Boolean(*v)),
            // Durations and times never equal a field.
            ExprKind::Duration(_) | ExprKind::Time(_) | ExprKind::Regex(_) => PointExpr::Literal(Value::Null),
            ExprKind::Binary { op, lhs, rhs } => {
                let left = Box::new(self.condition(lhs)?);
                if let (PointExpr::Column(column), ExprKind::Regex(regex), BinaryOp::Match) = (&*left, &rhs.kind, op)
                    && let Some(texts) = regex.literals()
                {
                    PointExpr::OneOf {
                        column: *column,
                        values: Arc::new(ValueSet::of_texts(texts.map(Text::from).collect())),
                    }
                } else if let (ExprKind::Regex(regex), BinaryOp::Match | BinaryOp::NotMatch) = (&rhs.kind, op) {
                    PointExpr::Matches { text: left, regex: regex.clone(), wanted: *op == BinaryOp::Match }
                } else {
                    let right = Box::new(self.condition(rhs)?);
                    self.binary(*op, left, right)
                }
            }
            ExprKind::Call { .. } | ExprKind::Distinct(_) | ExprKind::Wildcard(_) => {
                return Err(QueryError::Invalid(
                    Clause::new("select.where.error.1"),
                    format!("invalid expression: {expr}"),
                ));
            }
        })
    }

    fn binary(&self, op: BinaryOp, lhs: Box<PointExpr>, rhs: Box<PointExpr>) -> PointExpr {
        if op == BinaryOp::Or
            && let Some(column) = lhs.equated_column()
            && rhs.equated_column() == Some(column)
        {
            return PointExpr::OneOf { column, values: ValueSet::joined(lhs.into_equated(), rhs.into_equated()) };
        }
        if op.is_logical() {
            PointExpr::Logical { and: op == BinaryOp::And, lhs, rhs, null_spoils: self.null_spoils }
        } else if op.is_comparison() {
            PointExpr::Compare { op, lhs, rhs }
        } else {
            PointExpr::Arithmetic { op, lhs, rhs, division: Division::Truncating }
        }
    }
}
