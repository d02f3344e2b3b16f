//! Static validation of the calls of a SELECT: the number and kinds of their arguments, and which calls and columns can be
//! combined.
//!
//! Names are not checked: an unknown function is found only when the statement runs.

use super::ast::{Expr, ExprKind, SelectClauses};
use super::invalid::{Checked, Invalid};
use super::role::Role;

/// Checks each outermost call, left to right. Nested calls are checked only as arguments.
pub(super) fn check(select: &SelectClauses, role: Role) -> Checked {
    let windows = select.group_by.window().is_some();
    // The same for all calls, but reported only by the calls that it concerns.
    let mixture = mixture(select);
    select.calls().try_for_each(|(name, args)| {
        match name {
            "top" | "bottom" => return top_or_bottom(select, name, args),
            "holt_winters" | "holt_winters_with_fit" => return holt_winters(windows, name, args),
            _ => mixture.clone()?,
        }
        match name {
            "percentile" => percentile(args),
            "sample" => sample(args),
            _ if is_transformation(name) => {
                transformation_arguments(name, args)?;
                let needs_windows = role != Role::Subquery;
                transformed(select, windows, needs_windows, name, args)
            }
            _ => aggregate(name, args),
        }
    })
}

/// Whether the function turns one sequence into another.
fn is_transformation(name: &str) -> bool {
    matches!(
        name,
        "derivative" | "non_negative_derivative" | "difference" | "moving_average" | "cumulative_sum" | "elapsed"
    )
}

/// Without windows, transformations take columns and not calls.
pub(super) fn refuse_transformed_calls(select: &SelectClauses) -> Checked {
    let of_call = |args: &[Expr]| matches!(args.first().map(|arg| &arg.kind), Some(ExprKind::Call { .. }));
    match select.calls().find(|(name, args)| is_transformation(name) && of_call(args)) {
        Some((name, _)) => Err(Invalid::CallWithoutWindows(name.to_owned())),
        None => Ok(()),
    }
}

/// One selector can be combined with anything, several only with each other, and other calls only with calls.
fn mixture(select: &SelectClauses) -> Checked {
    let selector = |(name, _): (&str, &[Expr])| {
        matches!(name, "top" | "bottom" | "max" | "min" | "first" | "last" | "percentile" | "sample")
    };
    let with_calls = select.fields.iter().filter(|field| !field.expr.calls().is_empty()).count();
    match (select.calls().all(selector), with_calls) {
        (_, all) if all == select.fields.len() => Ok(()),
        (true, 1) => Ok(()),
        (true, _) => Err(Invalid::SelectorsAndColumns),
        (false, _) => Err(Invalid::CallsAndColumns),
    }
}

fn count(name: &str, args: &[Expr], expected: usize) -> Checked {
    Err(Invalid::Arguments { name: name.to_owned(), expected, got: args.len() })
}

fn top_or_bottom(select: &SelectClauses, name: &str, args: &[Expr]) -> Checked {
    let [columns @ .., last] = args else { return too_few(name, args) };
    if columns.is_empty() {
        return too_few(name, args);
    }
    let ExprKind::Integer(n) = last.kind else {
        return Err(Invalid::RankingSize { name: name.to_owned(), found: last.to_string() });
    };
    let limit = i64::try_from(select.limits.limit).unwrap_or(i64::MAX);
    if limit != 0 && n > limit {
        return Err(Invalid::RankingOverLimit { size: n, name: name.to_owned(), limit });
    }
    match columns.iter().find(|column| !matches!(column.kind, ExprKind::Var(_))) {
        Some(wrong) => Err(Invalid::RankingColumn { name: name.to_owned(), found: wrong.to_string() }),
        None => Ok(()),
    }
}

fn too_few(name: &str, args: &[Expr]) -> Checked {
    Err(Invalid::TooFewArguments { name: name.to_owned(), least: 2, got: args.len() })
}

fn percentile(args: &[Expr]) -> Checked {
    let [column, n] = args else { return count("percentile", args, 2) };
    columns_only("percentile", column)?;
    match n.kind {
        ExprKind::Integer(_) | ExprKind::Number(_) => Ok(()),
        _ => Err(Invalid::ExpectedNumber { kind: "float", name: "percentile" }),
    }
}

fn sample(args: &[Expr]) -> Checked {
    let [column, n] = args else { return count("sample", args, 2) };
    columns_only("sample", column)?;
    match n.kind {
        ExprKind::Integer(_) => Ok(()),
        _ => Err(Invalid::ExpectedNumber { kind: "integer", name: "sample" }),
    }
}

/// Checks that the argument names one or more columns.
fn columns_only(name: &str, arg: &Expr) -> Checked {
    match arg.kind {
        ExprKind::Var(_) | ExprKind::Wildcard(_) | ExprKind::Regex(_) => Ok(()),
        _ => Err(Invalid::ExpectedColumn(name.to_owned())),
    }
}

fn transformation_arguments(name: &str, args: &[Expr]) -> Checked {
    match (name, args) {
        ("derivative" | "non_negative_derivative" | "elapsed", [_]) => Ok(()),
        ("derivative" | "non_negative_derivative" | "elapsed", [_, unit]) => match unit.kind {
            ExprKind::Duration(_) => Ok(()),
            _ => Err(Invalid::UnitIsNotADuration { name: name.to_owned(), got: unit.kind.go_type_name() }),
        },
        ("derivative" | "non_negative_derivative" | "elapsed", _) => {
            Err(Invalid::OneOrTwoArguments { name: name.to_owned(), got: args.len() })
        }
        ("moving_average", [_, window]) => match window.kind {
            ExprKind::Integer(n) if n > 1 => Ok(()),
            ExprKind::Integer(n) => Err(Invalid::AverageWindowTooSmall(n)),
            _ => Err(Invalid::AverageWindowIsNotAnInteger(window.kind.go_type_name())),
        },
        ("moving_average", _) => count(name, args, 2),
        (_, [_]) => Ok(()),
        _ => count(name, args, 1),
    }
}

/// Transformations take calls with windows, and columns without.
fn transformed(select: &SelectClauses, windows: bool, needs_windows: bool, name: &str, args: &[Expr]) -> Checked {
    match args.first().map(|arg| &arg.kind) {
        Some(ExprKind::Call { .. }) if !windows && needs_windows => Err(Invalid::CallWithoutWindows(name.to_owned())),
        Some(ExprKind::Call { name: inner, args }) => inner_call(select, inner, args),
        _ if windows => Err(Invalid::ColumnWithWindows(name.to_owned())),
        _ => Ok(()),
    }
}

/// Checks the call whose windows are transformed.
fn inner_call(select: &SelectClauses, name: &str, args: &[Expr]) -> Checked {
    match (name, args) {
        ("top" | "bottom", _) => top_or_bottom(select, name, args),
        ("percentile", _) => percentile(args),
        (_, [column]) => columns_only(name, column),
        _ => count(name, args, 1),
    }
}

fn holt_winters(windows: bool, name: &str, args: &[Expr]) -> Checked {
    let [of, n, season] = args else { return count(name, args, 3) };
    if !matches!(of.kind, ExprKind::Call { .. }) {
        return Err(Invalid::ForecastWithoutCall(name.to_owned()));
    }
    if !windows {
        return Err(Invalid::CallWithoutWindows(name.to_owned()));
    }
    match n.kind {
        ExprKind::Integer(n) if n > 0 => {}
        ExprKind::Integer(n) => return Err(Invalid::ForecastTooShort { name: name.to_owned(), got: n }),
        _ => return Err(Invalid::ForecastIsNotAnInteger { which: "second", name: name.to_owned() }),
    }
    match season.kind {
        ExprKind::Integer(_) => Ok(()),
        _ => Err(Invalid::ForecastIsNotAnInteger { which: "third", name: name.to_owned() }),
    }
}

/// Checks any other function, known or not: it takes columns, and count also takes `distinct`.
fn aggregate(name: &str, args: &[Expr]) -> Checked {
    let [arg] = args else {
        let distinct_word = matches!(args.first().map(|arg| &arg.kind), Some(ExprKind::Distinct(_)));
        return if name == "count" && distinct_word {
            Err(Invalid::CountDistinctArguments)
        } else {
            count(name, args, 1)
        };
    };
    match &arg.kind {
        ExprKind::Distinct(_) if name == "count" => Ok(()),
        ExprKind::Call { name: inner, args } if name == "count" && inner == "distinct" => match &args[..] {
            [Expr { kind: ExprKind::Var(_), .. }] => Ok(()),
            [_] => Err(Invalid::ExpectedColumn("distinct".to_owned())),
            _ => Err(Invalid::CountDistinctArguments),
        },
        _ => columns_only(name, arg),
    }
}
