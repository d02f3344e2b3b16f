//! Walking and rewriting trees. The parser bounds their depth, so recursion is safe.

use super::ast::{Expr, ExprKind, Select, SelectClauses, Source};

impl Expr {
    /// Calls `visit` with this expression and all expressions inside it, outer before inner and left before right.
    ///
    /// ```
    /// use fluxstone_influxql::{Parameters, ast::{ExprKind, Statement}, parse};
    /// let query = parse("SELECT a + b FROM m", &Parameters::new()).unwrap();
    /// let Statement::Select(select) = &query.statements[0] else { unreachable!() };
    /// let mut names = Vec::new();
    /// select.fields[0].expr.walk(&mut |expr| {
    ///     if let ExprKind::Var(column) = &expr.kind {
    ///         names.push(column.name.clone());
    ///     }
    /// });
    /// assert_eq!(names, ["a", "b"]);
    /// ```
    pub fn walk<'e>(&'e self, visit: &mut impl FnMut(&'e Expr)) {
        visit(self);
        match &self.kind {
            ExprKind::Binary { lhs, rhs, .. } => {
                lhs.walk(visit);
                rhs.walk(visit);
            }
            ExprKind::Paren(inner) => inner.walk(visit),
            ExprKind::Call { args, .. } => args.iter().for_each(|arg| arg.walk(visit)),
            ExprKind::Distinct(_)
            | ExprKind::Var(_)
            | ExprKind::Wildcard(_)
            | ExprKind::Regex(_)
            | ExprKind::Integer(_)
            | ExprKind::Number(_)
            | ExprKind::String(_)
            | ExprKind::Boolean(_)
            | ExprKind::Duration(_)
            | ExprKind::Time(_) => {}
        }
    }

    /// Whether `found` is true for this expression or one inside it.
    pub fn any(&self, found: impl Fn(&Expr) -> bool) -> bool {
        let mut any = false;
        self.walk(&mut |expr| any |= found(expr));
        any
    }

    /// Rebuilds the expression from the inside out: `rewrite` gets each part before the expression that contains it.
    #[must_use]
    pub fn rewrite(self, rewrite: &mut impl FnMut(Expr) -> Expr) -> Expr {
        let kind = match self.kind {
            ExprKind::Binary { op, lhs, rhs } => {
                let lhs = Box::new(lhs.rewrite(rewrite));
                ExprKind::Binary { op, lhs, rhs: Box::new(rhs.rewrite(rewrite)) }
            }
            ExprKind::Paren(inner) => ExprKind::Paren(Box::new(inner.rewrite(rewrite))),
            ExprKind::Call { name, args } => {
                ExprKind::Call { name, args: args.into_iter().map(|arg| arg.rewrite(rewrite)).collect() }
            }
            leaf @ (ExprKind::Distinct(_)
            | ExprKind::Var(_)
            | ExprKind::Wildcard(_)
            | ExprKind::Regex(_)
            | ExprKind::Integer(_)
            | ExprKind::Number(_)
            | ExprKind::String(_)
            | ExprKind::Boolean(_)
            | ExprKind::Duration(_)
            | ExprKind::Time(_)) => leaf,
        };
        rewrite(Expr { kind, span: self.span })
    }
}

impl SelectClauses {
    /// The subqueries among the sources.
    pub fn subqueries(&self) -> impl Iterator<Item = &Select> {
        self.sources.iter().filter_map(|source| match source {
            Source::Subquery(select) => Some(&**select),
            Source::Measurement(_) => None,
        })
    }

    /// The outermost calls of the projections, left to right.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &[Expr])> {
        self.fields.iter().flat_map(|field| field.expr.calls())
    }

    /// Whether no projection contains a call. The word form `DISTINCT name` is not a call.
    pub fn is_raw(&self) -> bool {
        self.calls().next().is_none()
    }
}

impl Expr {
    /// The outermost calls with their arguments, left to right.
    pub fn calls(&self) -> Vec<(&str, &[Expr])> {
        fn collect<'e>(expr: &'e Expr, calls: &mut Vec<(&'e str, &'e [Expr])>) {
            match &expr.kind {
                ExprKind::Call { name, args } => calls.push((name, args)),
                ExprKind::Binary { lhs, rhs, .. } => {
                    collect(lhs, calls);
                    collect(rhs, calls);
                }
                ExprKind::Paren(inner) => collect(inner, calls),
                ExprKind::Distinct(_)
                | ExprKind::Var(_)
                | ExprKind::Wildcard(_)
                | ExprKind::Regex(_)
                | ExprKind::Integer(_)
                | ExprKind::Number(_)
                | ExprKind::String(_)
                | ExprKind::Boolean(_)
                | ExprKind::Duration(_)
                | ExprKind::Time(_) => {}
            }
        }
        let mut calls = Vec::new();
        collect(self, &mut calls);
        calls
    }
}
