//! SELECT: its clauses as written, and the statement that has passed static validation.

use std::ops::Deref;

use fluxstone_model::{TimeRange, Timestamp};

use super::clauses::{Dimension, Fill, GroupBy, Limits, Measurement, Order, SelectField, Target};
use super::expression::{BinaryOp, Expr, ExprKind, Span, VarRef};

/// The clauses of a SELECT.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectClauses {
    /// The projections, at least one.
    pub fields: Vec<SelectField>,
    /// `INTO ...`.
    pub into: Option<Target>,
    /// `FROM ...`, at least one.
    pub sources: Vec<Source>,
    /// `WHERE ...`.
    pub condition: Option<Expr>,
    /// The place of WHERE and its condition in the text; empty, where they could be, if there is none.
    pub where_place: Span,
    /// `GROUP BY ...`.
    pub group_by: GroupBy,
    /// `fill(...)`; `None` is "not written", which means null.
    pub fill: Option<Fill>,
    /// `ORDER BY time ...`; `None` is ascending.
    pub order: Option<Order>,
    /// LIMIT, OFFSET, SLIMIT, SOFFSET.
    pub limits: Limits,
}

/// A source of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A measurement, or several by regex.
    Measurement(Measurement),
    /// `(SELECT ...)`.
    Subquery(Box<Select>),
}

/// A SELECT that can be planned: its clauses and its subqueries have passed static validation.
///
/// Only [`crate::parse`] makes one. Its clauses can be read. Only the methods below change them, and they keep it valid.
///
/// ```
/// use fluxstone_influxql::{Parameters, ast::{Fill, Statement}, parse};
/// let query = parse("SELECT mean(v) FROM m WHERE time > 0 GROUP BY time(1m)", &Parameters::new()).unwrap();
/// let Statement::Select(select) = &query.statements[0] else { unreachable!() };
/// assert_eq!(select.clone().with_fill(Fill::None).fill, Some(Fill::None));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Select(SelectClauses);

impl Deref for Select {
    type Target = SelectClauses;

    fn deref(&self) -> &SelectClauses {
        &self.0
    }
}

impl Select {
    /// Wraps clauses that were found to be valid. Only validation may call it.
    pub(crate) fn validated(clauses: SelectClauses) -> Select {
        Select(clauses)
    }

    /// Removes INTO.
    #[must_use]
    pub fn without_target(mut self) -> Select {
        self.0.into = None;
        self
    }

    /// Sets the value for empty windows.
    #[must_use]
    pub fn with_fill(mut self, fill: Fill) -> Select {
        self.0.fill = Some(fill);
        self
    }

    /// Adds a dimension, as a subquery inherits those of the query around it. A query without calls ignores windows that are
    /// added like this.
    #[must_use]
    pub fn grouped_by_also(mut self, dimension: Dimension) -> Select {
        self.0.group_by.dimensions.push(dimension);
        self
    }

    /// Calls `rename` with the database and the retention policy of the target and then of each source, in the order of the
    /// text, including those of subqueries.
    ///
    /// # Errors
    /// The first error of `rename`. Earlier names have been changed then.
    pub fn rename_places<E>(
        &mut self,
        rename: &mut impl FnMut(&mut String, &mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(target) = &mut self.0.into {
            rename(&mut target.database, &mut target.policy)?;
        }
        self.0.sources.iter_mut().try_for_each(|source| match source {
            Source::Measurement(Measurement { database, policy, .. }) => rename(database, policy),
            Source::Subquery(inner) => inner.rename_places(rename),
        })
    }

    /// Replaces its own conditions on time by `range`.
    #[must_use]
    pub fn limited_to(mut self, range: TimeRange) -> Select {
        let own = self.0.condition.take().map(|condition| {
            condition.rewrite(&mut |expr| match &expr.kind {
                ExprKind::Binary { lhs, rhs, .. } if lhs.is_time() || rhs.is_time() => {
                    Expr { kind: ExprKind::Boolean(true), span: expr.span }
                }
                _ => expr,
            })
        });
        let bound = |op, time: Timestamp| {
            let name = Expr::from(ExprKind::Var(VarRef { name: "time".to_owned(), cast: None }));
            binary(op, name, Expr::from(ExprKind::Time(time)))
        };
        let bounds =
            binary(BinaryOp::And, bound(BinaryOp::GreaterOrEqual, range.min), bound(BinaryOp::LessOrEqual, range.max));
        self.0.condition = Some(match own {
            Some(own) => binary(BinaryOp::And, Expr::from(ExprKind::Paren(Box::new(own))), bounds),
            None => bounds,
        });
        self
    }
}

fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    Expr::from(ExprKind::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) })
}
