//! The time range of a condition: every comparison with `time`, wherever it is, narrows one range.
//!
//! AND, OR and parentheses do not matter here. The rest of the condition is left to [`super::conditions`], which treats
//! comparisons with `time` as true.

use fluxstone_compat::SelectSemantics;
use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind};
use fluxstone_model::{Clause, TimeRange, Timestamp};

use super::error::QueryError;
use super::fold::{fold, wide_time};
use super::time_literal;

/// The bounds that a condition sets, both inclusive; `None` means open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeBounds {
    /// The first time.
    pub min: Option<Timestamp>,
    /// The last time.
    pub max: Option<Timestamp>,
}

impl TimeBounds {
    /// Returns the bounds that a condition of DELETE or DROP SERIES sets, whatever it is applied to. `now` is the value of `now()`.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with the text for clients: an invalid time literal, or `time` compared with something else.
    pub fn of_deletion(
        condition: Option<&Expr>,
        now: Timestamp,
        semantics: SelectSemantics,
    ) -> Result<TimeBounds, QueryError> {
        condition.map_or(Ok(TimeBounds::default()), |condition| TimeBounds::of(&fold(condition, Some(now)), semantics))
    }

    /// Returns the bounds in a folded condition.
    pub(super) fn of(condition: &Expr, semantics: SelectSemantics) -> Result<TimeBounds, QueryError> {
        let mut bounds = TimeBounds::default();
        bounds.collect(condition, semantics.time_bounds)?;
        Ok(bounds)
    }

    /// The bounds as a range, with the ends of [`TimeRange::ALL`] for open bounds.
    pub fn range(self) -> TimeRange {
        TimeRange { min: self.min.unwrap_or(Timestamp::MIN), max: self.max.unwrap_or(Timestamp::MAX) }
    }

    /// The narrower of both bounds on each side.
    pub(super) fn intersect(self, other: TimeBounds) -> TimeBounds {
        TimeBounds { min: self.min.max(other.min), max: [self.max, other.max].into_iter().flatten().min() }
    }

    fn collect(&mut self, expr: &Expr, observed: bool) -> Result<(), QueryError> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.collect(inner, observed),
            ExprKind::Binary { op, lhs, rhs } => {
                if lhs.is_time() {
                    self.narrow(*op, compared_time(rhs)?, observed);
                } else if rhs.is_time() {
                    self.narrow(mirrored(*op), compared_time(lhs)?, observed);
                }
                self.collect(lhs, observed)?;
                self.collect(rhs, observed)
            }
            _ => Ok(()),
        }
    }

    fn narrow(&mut self, op: BinaryOp, time: Timestamp, observed: bool) {
        let after = Timestamp(time.0.saturating_add(1));
        let before = Timestamp(time.0.saturating_sub(1));
        match op {
            BinaryOp::Greater => self.raise(after, if observed { time } else { after }),
            BinaryOp::GreaterOrEqual => self.raise(time, time),
            BinaryOp::Less => self.lower(before, if observed { time } else { before }),
            BinaryOp::LessOrEqual => self.lower(time, time),
            BinaryOp::Equal => {
                self.raise(time, time);
                let last = if observed { after } else { time };
                self.lower(last, last);
            }
            _ => {}
        }
    }

    /// Sets the lower bound to `min` if `compared` is above the present one. 1.2.4 compared the time as written, not the bound
    /// derived from it.
    fn raise(&mut self, min: Timestamp, compared: Timestamp) {
        if self.min.is_none_or(|present| compared > present) {
            self.min = Some(min);
        }
    }

    fn lower(&mut self, max: Timestamp, compared: Timestamp) {
        if self.max.is_none_or(|present| compared < present) {
            self.max = Some(max);
        }
    }
}

/// Returns the time with which `time` is compared.
fn compared_time(expr: &Expr) -> Result<Timestamp, QueryError> {
    match &expr.kind {
        ExprKind::Time(time) => time_literal::check_bound(i128::from(time.0)),
        ExprKind::Duration(since_epoch) => Ok(Timestamp(since_epoch.0)),
        ExprKind::Integer(ns) => Ok(Timestamp(*ns)),
        ExprKind::Number(ns) => Ok(Timestamp(*ns as i64)),
        ExprKind::String(text) if time_literal::looks_like_time(text) => time_literal::parse_bound(text),
        other => {
            if let Some(time) = wide_time(other) {
                return time_literal::check_bound(time);
            }
            let kind = other.go_type_name();
            Err(QueryError::Invalid(
                Clause::new("select.time.range.4"),
                format!("invalid operation: time and {kind} are not compatible"),
            ))
        }
    }
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

#[cfg(test)]
mod tests {
    use fluxstone_compat::Profile;
    use fluxstone_influxql::ast::VarRef;

    use super::*;

    fn time(op: BinaryOp, value: ExprKind) -> Expr {
        let time = ExprKind::Var(VarRef { name: "TIME".into(), cast: None });
        ExprKind::Binary { op, lhs: Box::new(time.into()), rhs: Box::new(value.into()) }.into()
    }

    fn joined(op: BinaryOp, all: Vec<Expr>) -> Expr {
        let join = |lhs, rhs| ExprKind::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }.into();
        all.into_iter().reduce(join).unwrap()
    }

    fn check(all: &[Expr], documented: (Option<i64>, Option<i64>), observed: (Option<i64>, Option<i64>)) {
        for op in [BinaryOp::And, BinaryOp::Or] {
            let condition = fold(&joined(op, all.to_vec()), None);
            for (profile, want) in [(Profile::Documented, documented), (Profile::Observed, observed)] {
                let semantics = SelectSemantics::from(profile);
                let want = TimeBounds { min: want.0.map(Timestamp), max: want.1.map(Timestamp) };
                assert_eq!(TimeBounds::of(&condition, semantics), Ok(want));
            }
        }
    }

    use BinaryOp::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    use ExprKind::Integer;

    // spec: select.time.range.1, select.time.range.2
    #[test]
    fn all_time_comparisons_narrow_one_range() {
        let both = |want| (want, want);
        for (all, (documented, observed)) in [
            (vec![time(Greater, Integer(5))], both((Some(6), None))),
            (vec![time(GreaterOrEqual, Integer(5)), time(Less, Integer(9))], both((Some(5), Some(8)))),
            (vec![time(LessOrEqual, Integer(9)), time(LessOrEqual, Integer(7))], both((None, Some(7)))),
            (vec![time(NotEqual, Integer(9))], both((None, None))),
            (vec![time(Greater, Integer(9)), time(Less, Integer(3))], both((Some(10), Some(2)))),
            (vec![time(Less, ExprKind::Number(9.9))], both((None, Some(8)))),
            (vec![time(Greater, Integer(i64::MAX))], both((Some(i64::MAX), None))),
        ] {
            check(&all, documented, observed);
        }
    }

    // spec: select.time.range.3
    #[test]
    fn equality_and_equal_bounds_differ_between_the_profiles() {
        check(&[time(Equal, Integer(5))], (Some(5), Some(5)), (Some(5), Some(6)));
        check(&[time(GreaterOrEqual, Integer(5)), time(Greater, Integer(5))], (Some(6), None), (Some(5), None));
    }

    // spec: select.time.range.4
    #[test]
    fn time_is_compared_with_times_and_numbers_only() {
        for (value, kind) in [
            (ExprKind::Boolean(true), "BooleanLiteral"),
            (ExprKind::String("yesterday".into()), "StringLiteral"),
            (ExprKind::Var(VarRef { name: "now".into(), cast: None }), "VarRef"),
        ] {
            let text = format!("invalid operation: time and *influxql.{kind} are not compatible");
            let got = TimeBounds::of(&time(Greater, value), SelectSemantics::DOCUMENTED);
            assert_eq!(got.map_err(|error| error.to_string()), Err(text));
        }
    }
}
