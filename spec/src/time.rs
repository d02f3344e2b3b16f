//! Times: the range that a condition sets, and the windows of GROUP BY time.

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind, Window, WindowOffset};
use fluxstone_model::{TimeRange, Timestamp};

use crate::answer::Refused;
use crate::time_literal;

/// The bounds that the comparisons with `time` set; a side without a comparison is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The first time.
    pub min: Option<Timestamp>,
    /// The last time.
    pub max: Option<Timestamp>,
}

impl Bounds {
    /// The narrower of both bounds on each side.
    #[must_use]
    pub fn and(self, other: Bounds) -> Bounds {
        let mut both = self;
        both.narrow_min(other.min);
        both.narrow_max(other.max);
        both
    }

    /// The bounds as a range, which reaches to the end of time where a bound is open.
    pub fn range(self) -> TimeRange {
        TimeRange { min: self.min.unwrap_or(Timestamp::MIN), max: self.max.unwrap_or(Timestamp::MAX) }
    }

    fn narrow_min(&mut self, min: Option<Timestamp>) {
        self.min = match (self.min, min) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (one, other) => one.or(other),
        };
    }

    fn narrow_max(&mut self, max: Option<Timestamp>) {
        self.max = match (self.max, max) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
    }
}

/// The bounds of a condition: those of all its comparisons with `time`, wherever they are.
///
/// Transcribes `select.time.range.1`, `select.time.range.2`, `select.time.range.3`, `select.time.literal.2`.
pub fn bounds(condition: &Expr, now: Timestamp) -> Result<Bounds, Refused> {
    match &condition.kind {
        ExprKind::Paren(inner) => bounds(inner, now),
        ExprKind::Binary { op, lhs, rhs } => {
            let mut all = bounds(lhs, now)?.and(bounds(rhs, now)?);
            let comparison = if is_time(lhs) {
                Some((*op, rhs))
            } else if is_time(rhs) {
                Some((mirrored(*op), lhs))
            } else {
                None
            };
            if let Some((op, other)) = comparison {
                let at = match (&other.kind, constant(other, now)) {
                    (ExprKind::String(text), _) if time_literal::begins_like_date(text) => time_literal::bound(text)?.0,
                    (_, Some(Constant::Time(at))) => time_literal::within_range(at)?.0,
                    (_, Some(Constant::Duration(at) | Constant::Integer(at))) => nearest(at),
                    (_, None) => {
                        return Err(Refused("invalid operation: time and something that is not a time".into()));
                    }
                };
                match op {
                    BinaryOp::Equal => all = all.and(Bounds { min: Some(Timestamp(at)), max: Some(Timestamp(at)) }),
                    BinaryOp::Greater => all.narrow_min(Some(Timestamp(at.saturating_add(1)))),
                    BinaryOp::GreaterOrEqual => all.narrow_min(Some(Timestamp(at))),
                    BinaryOp::Less => all.narrow_max(Some(Timestamp(at.saturating_sub(1)))),
                    BinaryOp::LessOrEqual => all.narrow_max(Some(Timestamp(at))),
                    _ => {}
                }
            }
            Ok(all)
        }
        _ => Ok(Bounds::default()),
    }
}

/// Whether an expression of a condition is the time, in upper or lower case.
pub fn is_time(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Var(var) if var.name.eq_ignore_ascii_case("time"))
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        other => other,
    }
}

/// A constant that `time` is compared with, in nanoseconds.
#[derive(Debug, Clone, Copy)]
enum Constant {
    Time(i128),
    Duration(i128),
    Integer(i128),
}

/// The number that 64 bits hold, or the nearest one.
fn nearest(nanoseconds: i128) -> i64 {
    nanoseconds.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// Evaluates a time, a duration, a number of nanoseconds, or a sum or difference of them.
///
/// Transcribes `select.time.literal.1`, `select.time.arithmetic.1`.
fn constant(expr: &Expr, now: Timestamp) -> Option<Constant> {
    match &expr.kind {
        ExprKind::Paren(inner) => constant(inner, now),
        ExprKind::Call { name, .. } if name == "now" => Some(Constant::Time(now.0.into())),
        ExprKind::Duration(length) => Some(Constant::Duration(length.0.into())),
        ExprKind::Integer(nanoseconds) => Some(Constant::Integer((*nanoseconds).into())),
        ExprKind::Number(nanoseconds) => Some(Constant::Integer((*nanoseconds as i64).into())),
        ExprKind::String(text) => time_literal::nanoseconds(text).map(Constant::Time),
        ExprKind::Binary { op, lhs, rhs } => {
            use Constant::{Duration, Integer, Time};
            let sign = match op {
                BinaryOp::Add => 1,
                BinaryOp::Subtract => -1,
                _ => return None,
            };
            Some(match (constant(lhs, now)?, constant(rhs, now)?) {
                (Time(a), Duration(b) | Integer(b)) | (Integer(a), Duration(b)) => Time(a + sign * b),
                (Duration(a) | Integer(a), Time(b)) if sign == 1 => Time(a + b),
                (Time(a), Time(b)) if sign == -1 => Duration(nearest(a - b).into()),
                (Duration(a), Duration(b)) => Duration(nearest(a + sign * b).into()),
                (Integer(a), Integer(b)) => Integer(a + sign * b),
                _ => return None,
            })
        }
        _ => None,
    }
}

/// The windows of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Their length.
    pub interval: i64,
    /// The start of one of them.
    pub offset: i64,
}

impl Windows {
    /// Transcribes `select.group.time.1`.
    pub fn new(window: &Window, now: Timestamp) -> Windows {
        let offset = match window.offset {
            None => 0,
            Some(WindowOffset::Duration(offset)) => offset.0,
            Some(WindowOffset::Now) => now.0,
        };
        Windows { interval: window.interval.0, offset: offset % window.interval.0 }
    }

    /// The start of the window that `time` falls into. Transcribes `select.group.time.1`.
    pub fn start(self, time: Timestamp) -> Timestamp {
        let Windows { interval, offset } = self;
        let windows = (i128::from(time.0) - i128::from(offset)).div_euclid(interval.into());
        Timestamp((i128::from(offset) + windows * i128::from(interval)) as i64)
    }
}
