//! Static validation of SELECT: everything that can be refused without knowing the data. Checks run in the order in which
//! InfluxDB runs them, and the first problem is reported, without a position.
//!
//! A subquery is checked when it has been read, except for rules that depend on the queries around it: those are checked when the
//! outermost query has been read.

use fluxstone_model::Nanos;

use super::ast::{
    BinaryOp, Dimension, Expr, ExprKind, Fill, GroupBy, Limits, Order, Resample, Select, SelectClauses, SelectField,
    Source, Span, Target, Window, WindowOffset,
};
use super::calls;
use super::invalid::{Checked, Invalid};
use super::role::Role;

/// The clauses of a SELECT as read, before validation.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub(super) fields: Vec<SelectField>,
    pub(super) into: Option<Target>,
    pub(super) sources: Vec<Source>,
    pub(super) condition: Option<Expr>,
    pub(super) where_place: Span,
    /// The expressions of GROUP BY.
    pub(super) dimensions: Vec<Expr>,
    pub(super) fill: Option<Fill>,
    pub(super) order: Option<Order>,
    pub(super) limits: Limits,
}

/// The outermost comparison or logical operator of a projection, where none is allowed.
pub(super) fn comparison_in_field(expr: &Expr) -> Option<BinaryOp> {
    let mut found = None;
    expr.walk(&mut |inner| {
        if let ExprKind::Binary { op, .. } = inner.kind {
            found = found.or(Some(op).filter(|op| op.is_comparison() || op.is_logical()));
        }
    });
    found
}

/// Validates a SELECT in its role.
pub(super) fn select(unchecked: Unchecked, role: Role) -> Result<Select, Invalid> {
    let Unchecked { fields, into, sources, condition, where_place, dimensions, fill, order, limits } = unchecked;
    names(&fields)?;
    fields.iter().try_for_each(|field| match &field.expr.kind {
        ExprKind::Binary { .. } => arithmetic(&field.expr),
        _ => Ok(()),
    })?;
    let group_by = group_by(dimensions)?;
    let select = SelectClauses { fields, into, sources, condition, where_place, group_by, fill, order, limits };
    distinct(&select.fields)?;
    calls::check(&select, role)?;
    if select.group_by.window().is_some() && select.is_raw() {
        return Err(Invalid::WindowsWithoutCall);
    }
    if role == Role::Statement {
        windows_are_bounded(&select, false)?;
    }
    if role != Role::Subquery {
        transformations_have_windows(&select)?;
    }
    Ok(Select::validated(select))
}

/// A column other than time must be named.
fn names(fields: &[SelectField]) -> Checked {
    let mut names = Vec::new();
    for field in fields {
        names_in(&field.expr, &mut names);
    }
    if names == ["time"] { Err(Invalid::OnlyTime) } else { Ok(()) }
}

/// Collects the columns that an expression names. Of the arguments of calls, only plain columns count.
fn names_in<'e>(expr: &'e Expr, names: &mut Vec<&'e str>) {
    match &expr.kind {
        ExprKind::Var(column) => names.push(&column.name),
        ExprKind::Call { args, .. } => names.extend(args.iter().filter_map(|arg| match &arg.kind {
            ExprKind::Var(column) => Some(column.name.as_str()),
            _ => None,
        })),
        ExprKind::Binary { lhs, rhs, .. } => {
            names_in(lhs, names);
            names_in(rhs, names);
        }
        ExprKind::Paren(inner) => names_in(inner, names),
        _ => {}
    }
}

/// Arithmetic combines columns or results of calls, not both. Arguments of calls are checked on their own.
fn arithmetic(expr: &Expr) -> Checked {
    #[derive(Default)]
    struct Operands {
        calls: bool,
        columns: bool,
    }
    fn operands(expr: &Expr, seen: &mut Operands) -> Checked {
        match &expr.kind {
            ExprKind::Call { name, .. } if name == "top" || name == "bottom" => {
                Err(Invalid::RankingInArithmetic(name.clone()))
            }
            ExprKind::Call { args, .. } => {
                seen.calls = true;
                args.iter().filter(|arg| matches!(arg.kind, ExprKind::Binary { .. })).try_for_each(arithmetic)
            }
            ExprKind::Var(_) => {
                seen.columns = true;
                Ok(())
            }
            ExprKind::Binary { lhs, rhs, .. } => {
                operands(lhs, seen)?;
                operands(rhs, seen)
            }
            ExprKind::Paren(inner) => operands(inner, seen),
            _ => Ok(()),
        }
    }
    let mut seen = Operands::default();
    operands(expr, &mut seen)?;
    if seen.calls && seen.columns {
        return Err(Invalid::ArithmeticOfCallsAndColumns);
    }
    Ok(())
}

/// Turns the expressions of GROUP BY into dimensions.
fn group_by(dimensions: Vec<Expr>) -> Result<GroupBy, Invalid> {
    let mut checked = GroupBy::default();
    let mut interval = Nanos(0);
    for dimension in dimensions {
        let dimension = match dimension.kind {
            ExprKind::Call { name, args } => {
                let window = window(&name, &args, interval)?;
                interval = window.interval;
                Dimension::Time(window)
            }
            ExprKind::Var(column) if column.name.eq_ignore_ascii_case("time") => {
                return Err(Invalid::TimeIsNotATag);
            }
            ExprKind::Var(column) => Dimension::Tag(column.name),
            ExprKind::Wildcard(_) => Dimension::Wildcard,
            ExprKind::Regex(regex) => Dimension::Regex(regex),
            _ => return Err(Invalid::NotADimension),
        };
        checked.dimensions.push(dimension);
    }
    Ok(checked)
}

/// Turns a call into a dimension. `interval` is that of the window before it, zero if there is none.
fn window(name: &str, args: &[Expr], interval: Nanos) -> Result<Window, Invalid> {
    if name != "time" {
        return Err(Invalid::CallAsDimension);
    }
    let (first, offset) = match args {
        [first] => (first, None),
        [first, offset] => (first, Some(offset)),
        _ => return Err(Invalid::WindowArguments),
    };
    let ExprKind::Duration(length) = first.kind else {
        return Err(Invalid::WindowLength);
    };
    if interval.0 != 0 {
        return Err(Invalid::SeveralWindows);
    }
    let offset = match offset.map(|offset| &offset.kind) {
        None => None,
        Some(ExprKind::Duration(offset)) => Some(WindowOffset::Duration(*offset)),
        Some(ExprKind::Call { name, .. }) if name != "now" => {
            return Err(Invalid::WindowOffsetCall);
        }
        Some(ExprKind::Call { args, .. }) if !args.is_empty() => {
            return Err(Invalid::WindowOffsetNowArguments);
        }
        Some(ExprKind::Call { .. }) => Some(WindowOffset::Now),
        Some(_) => return Err(Invalid::WindowOffset),
    };
    Ok(Window { interval: length, offset })
}

/// DISTINCT, as a word or as a call, must be the only projection.
fn distinct(fields: &[SelectField]) -> Checked {
    let is_distinct = |field: &SelectField| match &field.expr.kind {
        ExprKind::Distinct(_) => true,
        ExprKind::Call { name, .. } => name == "distinct",
        _ => false,
    };
    if !fields.iter().any(is_distinct) {
        return Ok(());
    }
    if fields.len() > 1 {
        return Err(Invalid::DistinctNotAlone);
    }
    match fields.first().map(|field| &field.expr.kind) {
        Some(ExprKind::Call { args, .. }) if args.is_empty() => Err(Invalid::DistinctWithoutArgument),
        Some(ExprKind::Call { args, .. }) if args.len() > 1 => Err(Invalid::DistinctArguments),
        _ => Ok(()),
    }
}

/// Windows of calls need a bound on time, in this query or one around it.
fn windows_are_bounded(select: &SelectClauses, bounded: bool) -> Checked {
    let bounded = bounded || select.condition.as_ref().is_some_and(compares_time);
    if !bounded && select.group_by.window().is_some() && !select.is_raw() {
        return Err(Invalid::WindowsWithoutBound);
    }
    select.subqueries().try_for_each(|inner| windows_are_bounded(inner, bounded))
}

/// Whether the tree of AND and OR contains a comparison with `time` on its left.
fn compares_time(condition: &Expr) -> bool {
    match &condition.kind {
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() => compares_time(lhs) || compares_time(rhs),
        ExprKind::Binary { op, lhs, .. } => op.is_comparison() && lhs.is_time(),
        ExprKind::Paren(inner) => compares_time(inner),
        _ => false,
    }
}

/// Transformations of calls need windows, in this query or one around it.
fn transformations_have_windows(select: &SelectClauses) -> Checked {
    if select.group_by.window().is_some() {
        return Ok(());
    }
    calls::refuse_transformed_calls(select)?;
    select.subqueries().try_for_each(|inner| transformations_have_windows(inner))
}

/// FOR must cover a window and the time between two runs.
pub(super) fn resample(resample: Resample, select: &Select) -> Checked {
    let interval = select.group_by.window().map_or(Nanos(0), |window| window.interval);
    let least = interval.max(resample.every.unwrap_or_default());
    match resample.for_ {
        Some(got) if got < least => Err(Invalid::ResampleTooShort { least, got }),
        _ => Ok(()),
    }
}
