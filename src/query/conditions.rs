//! Conditions (WHERE), split into the part that tags decide and the part that must be evaluated point by point.
//!
//! A condition is compiled once for each measurement, because only then is it known which names are fields. Comparisons of tags
//! select series, through the index where possible; for each selected series [`Condition::for_series`] returns the part that its
//! points must still satisfy. Comparisons with `time` are true here; [`super::time_bounds`] evaluates them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use fluxstone_columns::SeriesPredicate;
use fluxstone_compat::SelectSemantics;
use fluxstone_go::Regex;
use fluxstone_influxql::ast::{BinaryOp, Cast, Expr, ExprKind, VarRef};
use fluxstone_model::{Clause, SeriesKey, TagSet, Text, TimeRange, Timestamp};

use super::error::QueryError;
use super::fold::fold;
use super::time_bounds::TimeBounds;

/// The condition of a DELETE, DROP SERIES or SHOW statement, for the series of one measurement.
#[derive(Debug, Clone)]
pub struct SeriesFilter {
    /// The bounds of time that the condition sets. An open bound is `None`, so that the statement can use a default of its own.
    pub bounds: TimeBounds,
    /// `bounds` as a range; open bounds become the ends of time.
    pub range: TimeRange,
    /// Whether the condition has a comparison with a field. [`SeriesFilter::holds`] treats such comparisons as true.
    pub mentions_field: bool,
    condition: Condition,
}

impl SeriesFilter {
    /// Whether a series satisfies the condition with its tags and its measurement (`_name`).
    pub fn holds(&self, key: &SeriesKey) -> bool {
        !matches!(self.condition.for_series(key), Residual::Never)
    }

    /// Whether [`SeriesFilter::predicate`] holds for exactly the series for which [`SeriesFilter::holds`] does.
    pub fn is_exact(&self) -> bool {
        self.condition.is_exact()
    }

    /// A predicate for [`fluxstone_columns::Source::series`] that holds for at least the series for which [`SeriesFilter::holds`] does.
    pub fn predicate(&self) -> SeriesPredicate {
        self.condition.index_predicate()
    }
}

/// Compiles the condition of a statement that works on whole series of one measurement. An absent condition is always true.
///
/// `is_field` says which names are fields of the measurement; all other names are tags, whether they exist or not. An absent tag
/// is the empty text. `now` is the value of `now()`. Call this once for each measurement, since their fields differ; ask the source
/// for the series that match [`SeriesFilter::predicate`] and keep those for which [`SeriesFilter::holds`].
///
/// # Errors
/// [`QueryError::Invalid`] with the text for clients: an invalid time literal, `time` compared with something else, or a
/// comparison without a column.
pub fn series_filter(
    condition: Option<&Expr>,
    now: Timestamp,
    semantics: SelectSemantics,
    is_field: &dyn Fn(&str) -> bool,
) -> Result<SeriesFilter, QueryError> {
    let Some(condition) = condition else {
        let bounds = TimeBounds::default();
        return Ok(SeriesFilter { bounds, range: bounds.range(), mentions_field: false, condition: Condition::Always });
    };
    let folded = fold(condition, Some(now));
    let bounds = TimeBounds::of(&folded, semantics)?;
    let condition = Condition::compile(&folded, semantics, is_field)?;
    Ok(SeriesFilter { bounds, range: bounds.range(), mentions_field: condition.mentions_points(), condition })
}

/// A condition on the points of one measurement, in terms of series and points.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Always,
    Never,
    Tags(TagTest),
    /// To be evaluated at each point: comparisons, or a boolean field. All series share it.
    Points(Arc<Expr>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// A comparison that depends only on the tags of a series. An absent tag is the empty text.
#[derive(Debug, Clone)]
pub(super) enum TagTest {
    Literal {
        key: Text,
        equal: bool,
        value: Text,
    },
    /// Equal to one of several values, or to none of them.
    OneOf {
        key: Text,
        equal: bool,
        values: Arc<BTreeSet<Text>>,
    },
    Regex {
        key: Text,
        matching: bool,
        regex: Regex,
    },
    /// Two tags, which are equal if both are present and have the same value.
    Tags {
        left: Text,
        right: Text,
        equal: bool,
    },
    /// `_name`, the measurement.
    Name {
        equal: bool,
        name: Text,
    },
    NameRegex {
        matching: bool,
        regex: Regex,
    },
}

/// The part of a condition that the points of one series must still satisfy.
#[derive(Debug, Clone)]
pub(super) enum Residual {
    /// No point qualifies.
    Never,
    /// All points do.
    Always,
    /// Those for which the expression is true.
    When(Arc<Expr>),
}

impl Condition {
    /// Compiles a folded condition.
    pub(super) fn compile(
        expr: &Expr,
        semantics: SelectSemantics,
        is_field: &dyn Fn(&str) -> bool,
    ) -> Result<Condition, QueryError> {
        match &expr.kind {
            ExprKind::Paren(inner) => Condition::compile(inner, semantics, is_field),
            ExprKind::Binary { op, lhs, rhs } if op.is_logical() => {
                let lhs = Condition::compile(lhs, semantics, is_field)?;
                let rhs = Condition::compile(rhs, semantics, is_field)?;
                Ok(if *op == BinaryOp::And { lhs.and(rhs) } else { lhs.or(rhs) })
            }
            ExprKind::Binary { op, lhs, rhs } => comparison(expr, (*op, lhs, rhs), semantics, is_field),
            _ if semantics.bare_condition => Ok(Condition::Never),
            ExprKind::Boolean(true) => Ok(Condition::Always),
            ExprKind::Var(var) if reads_field(var, is_field) => Ok(Condition::Points(Arc::new(expr.clone()))),
            _ => Ok(Condition::Never),
        }
    }

    /// The number of terms, roughly.
    pub(super) fn size(&self) -> usize {
        match self {
            Condition::Always | Condition::Never | Condition::Tags(_) => 1,
            Condition::Points(expr) => {
                let mut size = 0;
                expr.walk(&mut |_| size += 1);
                size
            }
            Condition::And(a, b) | Condition::Or(a, b) => a.size() + b.size() + 1,
        }
    }

    /// A predicate for the index that holds for at least the series with qualifying points.
    pub(super) fn index_predicate(&self) -> SeriesPredicate {
        match self {
            Condition::Never => SeriesPredicate::None,
            Condition::Always | Condition::Points(_) => SeriesPredicate::All,
            Condition::Tags(test) => test.index_predicate(),
            Condition::And(a, b) => match (a.index_predicate(), b.index_predicate()) {
                (SeriesPredicate::All, other) | (other, SeriesPredicate::All) => other,
                (a, b) => SeriesPredicate::And(Box::new(a), Box::new(b)),
            },
            Condition::Or(a, b) => match (a.index_predicate(), b.index_predicate()) {
                (SeriesPredicate::All, _) | (_, SeriesPredicate::All) => SeriesPredicate::All,
                (a, b) => SeriesPredicate::Or(Box::new(a), Box::new(b)),
            },
        }
    }

    /// Whether the predicate for the index says all that the tags of a series decide.
    fn is_exact(&self) -> bool {
        match self {
            Condition::Tags(test) => match test {
                TagTest::Literal { .. } | TagTest::OneOf { .. } | TagTest::Regex { .. } => true,
                TagTest::Tags { .. } | TagTest::Name { .. } | TagTest::NameRegex { .. } => false,
            },
            Condition::Always | Condition::Never | Condition::Points(_) => true,
            Condition::And(a, b) | Condition::Or(a, b) => a.is_exact() && b.is_exact(),
        }
    }

    /// Returns the part of the condition that the points of one series must still satisfy.
    #[expect(clippy::match_same_arms, reason = "the four kinds of condition, then the truth tables of AND and OR")]
    pub(super) fn for_series(&self, key: &SeriesKey) -> Residual {
        match self {
            Condition::Always => Residual::Always,
            Condition::Never => Residual::Never,
            Condition::Tags(test) if test.holds(key) => Residual::Always,
            Condition::Tags(_) => Residual::Never,
            Condition::Points(expr) => Residual::When(expr.clone()),
            Condition::And(a, b) => match (a.for_series(key), b.for_series(key)) {
                (Residual::Never, _) | (_, Residual::Never) => Residual::Never,
                (Residual::Always, other) | (other, Residual::Always) => other,
                (Residual::When(a), Residual::When(b)) => Residual::When(joined(BinaryOp::And, a, b)),
            },
            Condition::Or(a, b) => match (a.for_series(key), b.for_series(key)) {
                (Residual::Always, _) | (_, Residual::Always) => Residual::Always,
                (Residual::Never, other) | (other, Residual::Never) => other,
                (Residual::When(a), Residual::When(b)) => Residual::When(joined(BinaryOp::Or, a, b)),
            },
        }
    }

    /// Whether some part of the condition depends on points.
    pub(super) fn mentions_points(&self) -> bool {
        match self {
            Condition::Always | Condition::Never | Condition::Tags(_) => false,
            Condition::Points(_) => true,
            Condition::And(a, b) | Condition::Or(a, b) => a.mentions_points() || b.mentions_points(),
        }
    }

    /// Calls `visit` with the expressions that are evaluated at points.
    pub(super) fn for_each_point_test(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Condition::Always | Condition::Never | Condition::Tags(_) => {}
            Condition::Points(expr) => visit(expr),
            Condition::And(a, b) | Condition::Or(a, b) => {
                a.for_each_point_test(visit);
                b.for_each_point_test(visit);
            }
        }
    }

    fn and(self, other: Condition) -> Condition {
        match (self, other) {
            (Condition::Never, _) | (_, Condition::Never) => Condition::Never,
            (Condition::Always, other) | (other, Condition::Always) => other,
            (Condition::Tags(a), Condition::Tags(b)) => match a.joined(b, false) {
                Ok(test) => Condition::Tags(test),
                Err((a, b)) => Condition::And(Box::new(Condition::Tags(a)), Box::new(Condition::Tags(b))),
            },
            // Joined here, so that all series share one expression.
            (Condition::Points(a), Condition::Points(b)) => Condition::Points(joined(BinaryOp::And, a, b)),
            (a, b) => Condition::And(Box::new(a), Box::new(b)),
        }
    }

    fn or(self, other: Condition) -> Condition {
        match (self, other) {
            (Condition::Always, _) | (_, Condition::Always) => Condition::Always,
            (Condition::Never, other) | (other, Condition::Never) => other,
            (Condition::Tags(a), Condition::Tags(b)) => match a.joined(b, true) {
                Ok(test) => Condition::Tags(test),
                Err((a, b)) => Condition::Or(Box::new(Condition::Tags(a)), Box::new(Condition::Tags(b))),
            },
            (Condition::Points(a), Condition::Points(b)) => Condition::Points(joined(BinaryOp::Or, a, b)),
            (a, b) => Condition::Or(Box::new(a), Box::new(b)),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Always => f.write_str("any"),
            Condition::Never => f.write_str("none"),
            Condition::Tags(test) => write!(f, "{test}"),
            Condition::Points(expr) => write!(f, "{expr}"),
            Condition::And(a, b) => write!(f, "({a} and {b})"),
            Condition::Or(a, b) => write!(f, "({a} or {b})"),
        }
    }
}

impl fmt::Display for TagTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |equal: &bool| if *equal { "=" } else { "!=" };
        match self {
            TagTest::Literal { key, equal, value } => write!(f, "{key} {} '{value}'", sign(equal)),
            TagTest::OneOf { key, equal, values } => {
                let texts: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
                write!(f, "{key} {} ({})", if *equal { "in" } else { "not in" }, texts.join(", "))
            }
            TagTest::Regex { key, matching, regex } => write!(f, "{key} {}~ {regex:?}", sign(matching)),
            TagTest::Tags { left, right, equal } => write!(f, "{left} {} {right}", sign(equal)),
            TagTest::Name { equal, name } => write!(f, "measurement {} '{name}'", sign(equal)),
            TagTest::NameRegex { matching, regex } => write!(f, "measurement {}~ {regex:?}", sign(matching)),
        }
    }
}

impl TagTest {
    /// Joins two comparisons of one tag with texts to one: `a = 'x' OR a = 'y'` if `equal`, otherwise `a != 'x' AND a != 'y'`. Returns
    /// them as they are if they are not like that.
    fn joined(self, other: TagTest, equal: bool) -> Result<TagTest, (TagTest, TagTest)> {
        match (self, other) {
            (TagTest::Literal { key, equal: a, value: x }, TagTest::Literal { key: other, equal: b, value: y })
                if (a, b) == (equal, equal) && key == other =>
            {
                Ok(TagTest::OneOf { key, equal, values: Arc::new([x, y].into()) })
            }
            (TagTest::OneOf { key, equal: a, mut values }, TagTest::Literal { key: other, equal: b, value })
            | (TagTest::Literal { key: other, equal: b, value }, TagTest::OneOf { key, equal: a, mut values })
                if (a, b) == (equal, equal) && key == other =>
            {
                Arc::make_mut(&mut values).insert(value);
                Ok(TagTest::OneOf { key, equal, values })
            }
            (TagTest::OneOf { key, equal: a, mut values }, TagTest::OneOf { key: other, equal: b, values: more })
                if (a, b) == (equal, equal) && key == other =>
            {
                Arc::make_mut(&mut values).extend(more.iter().cloned());
                Ok(TagTest::OneOf { key, equal, values })
            }
            (a, b) => Err((a, b)),
        }
    }

    fn holds(&self, key: &SeriesKey) -> bool {
        let tag = |name: &Text| key.tags.get(name).map_or(&[][..], Text::as_bytes);
        match self {
            TagTest::Literal { key, equal, value } => (tag(key) == value.as_bytes()) == *equal,
            TagTest::OneOf { key, equal, values } => values.contains(tag(key)) == *equal,
            TagTest::Regex { key, matching, regex } => regex.is_match(tag(key)) == *matching,
            TagTest::Tags { left, right, equal } => same_tag(&key.tags, left, right) == *equal,
            TagTest::Name { equal, name } => (key.measurement == *name) == *equal,
            TagTest::NameRegex { matching, regex } => regex.is_match(&key.measurement) == *matching,
        }
    }

    fn index_predicate(&self) -> SeriesPredicate {
        match self {
            TagTest::Literal { key, equal: true, value } => {
                SeriesPredicate::Equal { key: key.clone(), value: value.clone() }
            }
            TagTest::Literal { key, equal: false, value } => {
                SeriesPredicate::NotEqual { key: key.clone(), value: value.clone() }
            }
            TagTest::OneOf { key, equal: true, values } => {
                SeriesPredicate::OneOf { key: key.clone(), values: values.clone() }
            }
            TagTest::OneOf { key, equal: false, values } => {
                SeriesPredicate::NoneOf { key: key.clone(), values: values.clone() }
            }
            TagTest::Regex { key, matching: true, regex } => {
                SeriesPredicate::Match { key: key.clone(), regex: regex.clone() }
            }
            TagTest::Regex { key, matching: false, regex } => {
                SeriesPredicate::NotMatch { key: key.clone(), regex: regex.clone() }
            }
            TagTest::Tags { .. } | TagTest::Name { .. } | TagTest::NameRegex { .. } => SeriesPredicate::All,
        }
    }
}

/// Whether both tags are present and have the same value.
fn same_tag(tags: &TagSet, left: &Text, right: &Text) -> bool {
    matches!((tags.get(left), tags.get(right)), (Some(a), Some(b)) if a == b)
}

/// Joins two expressions. Copies only those that the condition still has, so that a long chain takes linear time.
fn joined(op: BinaryOp, a: Arc<Expr>, b: Arc<Expr>) -> Arc<Expr> {
    // Parentheses are for those who read a plan.
    let side = |side: Arc<Expr>| match Arc::unwrap_or_clone(side) {
        side @ Expr { kind: ExprKind::Binary { op: other, .. }, .. } if other.is_logical() && other != op => {
            Box::new(ExprKind::Paren(Box::new(side)).into())
        }
        side => Box::new(side),
    };
    let (lhs, rhs) = (side(a), side(b));
    Arc::new(ExprKind::Binary { op, lhs, rhs }.into())
}

/// Whether a column reads a field rather than a tag.
fn reads_field(var: &VarRef, is_field: &dyn Fn(&str) -> bool) -> bool {
    match var.cast {
        _ if var.name == "_name" => false,
        None => is_field(&var.name),
        Some(Cast::Tag) => false,
        Some(_) => true,
    }
}

fn comparison(
    expr: &Expr,
    (op, lhs, rhs): (BinaryOp, &Expr, &Expr),
    semantics: SelectSemantics,
    is_field: &dyn Fn(&str) -> bool,
) -> Result<Condition, QueryError> {
    if lhs.is_time() || rhs.is_time() {
        return Ok(Condition::Always);
    }
    // Arithmetic is evaluated point by point, including the tags in it.
    let is_nested = |side: &Expr| matches!(side.kind, ExprKind::Binary { .. } | ExprKind::Paren(_));
    if is_nested(lhs) || is_nested(rhs) {
        if semantics.boolean_of_comparison && (is_truth_of(lhs, rhs) || is_truth_of(rhs, lhs)) {
            return Err(QueryError::Invalid(
                Clause::new("select.where.error.1"),
                format!("invalid expression: {expr}"),
            ));
        }
        return Ok(Condition::Points(Arc::new(expr.clone())));
    }
    let (var, other) = match (&lhs.kind, &rhs.kind) {
        (ExprKind::Var(var), _) => (var, rhs),
        (_, ExprKind::Var(var)) => (var, lhs),
        _ => {
            return Err(QueryError::Invalid(
                Clause::new("select.where.error.1"),
                format!("invalid expression: {expr}"),
            ));
        }
    };
    let other_reads_field = matches!(&other.kind, ExprKind::Var(other) if reads_field(other, is_field));
    if reads_field(var, is_field) || other_reads_field {
        // Arithmetic with a field is not a comparison, and keeps every point.
        let is_dropped = semantics.now_in_field && matches!(other.kind, ExprKind::Time(_));
        let decides = op.is_comparison() && !is_dropped;
        return Ok(if decides { Condition::Points(Arc::new(expr.clone())) } else { Condition::Always });
    }
    Ok(tag_comparison(var, op, other))
}

/// Whether `truth` is a boolean, and `side` a comparison in parentheses that is compared with it.
fn is_truth_of(truth: &Expr, side: &Expr) -> bool {
    let ExprKind::Paren(inner) = &side.kind else { return false };
    let is_comparison = matches!(&inner.kind, ExprKind::Binary { op, .. } if op.is_comparison());
    is_comparison && matches!(truth.kind, ExprKind::Boolean(_))
}

/// Compiles `tag op other`, where `other` is not a field. A tag is unequal to everything that is not text.
fn tag_comparison(var: &VarRef, op: BinaryOp, other: &Expr) -> Condition {
    let key = Text::from(var.name.as_str());
    let is_name = var.name == "_name";
    let equal = match op {
        BinaryOp::Equal | BinaryOp::Match => true,
        BinaryOp::NotEqual | BinaryOp::NotMatch => false,
        _ => return Condition::Never,
    };
    match &other.kind {
        ExprKind::String(value) => {
            let value = Text::from(value.as_str());
            Condition::Tags(if is_name {
                TagTest::Name { equal, name: value }
            } else {
                TagTest::Literal { key, equal, value }
            })
        }
        ExprKind::Regex(regex) => {
            let regex = regex.clone();
            Condition::Tags(if is_name {
                TagTest::NameRegex { matching: equal, regex }
            } else if let Some(values) = regex.literals() {
                TagTest::OneOf { key, equal, values: Arc::new(values.map(Text::from).collect()) }
            } else {
                TagTest::Regex { key, matching: equal, regex }
            })
        }
        ExprKind::Var(right) => {
            Condition::Tags(TagTest::Tags { left: key, right: Text::from(right.name.as_str()), equal })
        }
        _ if equal => Condition::Never,
        _ => Condition::Always,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> ExprKind {
        ExprKind::Var(VarRef { name: name.into(), cast: None })
    }

    fn text(value: &str) -> ExprKind {
        ExprKind::String(value.into())
    }

    fn regex(pattern: &str) -> ExprKind {
        ExprKind::Regex(fluxstone_go::compile_regex(pattern).unwrap())
    }

    fn binary(lhs: ExprKind, op: BinaryOp, rhs: ExprKind) -> ExprKind {
        ExprKind::Binary { op, lhs: Box::new(lhs.into()), rhs: Box::new(rhs.into()) }
    }

    fn key(tags: &[(&str, &str)]) -> SeriesKey {
        let tags = tags.iter().map(|(k, v)| (Text::from(*k), Text::from(*v))).collect();
        SeriesKey { raw: Text::from("m"), measurement: Text::from("m"), tags: TagSet::new(tags) }
    }

    /// Which of four series a condition keeps: without tags, with a=1, with a=2, with a=1 and b=1.
    fn kept(condition: ExprKind) -> Vec<usize> {
        let keys = [key(&[]), key(&[("a", "1")]), key(&[("a", "2")]), key(&[("a", "1"), ("b", "1")])];
        let filter =
            series_filter(Some(&condition.into()), Timestamp(0), SelectSemantics::DOCUMENTED, &|name| name == "v")
                .unwrap();
        for key in &keys {
            assert!(!filter.holds(key) || filter.predicate().holds(&key.tags), "the index must find {key:?}");
        }
        (0..keys.len()).filter(|at| filter.holds(&keys[*at])).collect()
    }

    // spec: select.where.tag.1, select.where.tag.2
    #[test]
    fn an_absent_tag_is_the_empty_text() {
        use BinaryOp::{Equal, Match, NotEqual, NotMatch};
        assert_eq!(kept(binary(tag("a"), Equal, text("1"))), [1, 3]);
        assert_eq!(kept(binary(text("1"), NotEqual, tag("a"))), [0, 2]);
        assert_eq!(kept(binary(tag("b"), Equal, text(""))), [0, 1, 2]);
        assert_eq!(kept(binary(tag("b"), NotEqual, text(""))), [3]);
        assert_eq!(kept(binary(tag("a"), Match, regex("^1?$"))), [0, 1, 3]);
        assert_eq!(kept(binary(tag("a"), NotMatch, regex("1"))), [0, 2]);
    }

    // spec: select.where.tag.1, select.where.logic.1
    #[test]
    fn chains_of_comparisons_of_one_tag_are_sets() {
        use BinaryOp::{And, Equal, Match, NotEqual, NotMatch, Or};
        let one_of = |values: &[&str], op, join| {
            let mut tests = values.iter().map(|value| binary(tag("a"), op, text(value)));
            let first = tests.next().unwrap();
            tests.fold(first, |chain, test| binary(chain, join, test))
        };
        assert_eq!(kept(one_of(&["1", "2", "9"], Equal, Or)), [1, 2, 3]);
        assert_eq!(kept(one_of(&["", "2", "9"], Equal, Or)), [0, 2]);
        assert_eq!(kept(one_of(&["2", "9", "8"], NotEqual, And)), [0, 1, 3]);
        assert_eq!(kept(one_of(&["1", "2"], Equal, And)), [0_usize; 0]);
        assert_eq!(kept(one_of(&["1", "2"], NotEqual, Or)), [0, 1, 2, 3]);
        let pair = |a: &str, b: &str| binary(binary(tag("a"), Equal, text(a)), Or, binary(tag("b"), Equal, text(b)));
        assert_eq!(kept(binary(pair("2", "1"), Or, one_of(&["7", "8"], Equal, Or))), [2, 3]);
        assert_eq!(kept(binary(one_of(&["7", "2"], Equal, Or), Or, one_of(&["1", "8"], Equal, Or))), [1, 2, 3]);
        assert_eq!(kept(binary(tag("a"), Match, regex("^(2|9)$"))), [2]);
        assert_eq!(kept(binary(tag("a"), NotMatch, regex("^(2|9)$"))), [0, 1, 3]);
    }

    // spec: select.where.tag.3, select.where.tag.4, select.where.tag.5
    #[test]
    fn tags_equal_only_tags_and_text() {
        use BinaryOp::{Equal, Less, NotEqual};
        assert_eq!(kept(binary(tag("a"), Equal, tag("b"))), [3]);
        assert_eq!(kept(binary(tag("a"), NotEqual, tag("b"))), [0, 1, 2]);
        assert_eq!(kept(binary(tag("a"), Equal, ExprKind::Integer(1))), [0_usize; 0]);
        assert_eq!(kept(binary(tag("a"), NotEqual, ExprKind::Integer(1))), [0, 1, 2, 3]);
        assert_eq!(kept(binary(tag("a"), Less, text("2"))), [0_usize; 0]);
        assert_eq!(kept(binary(tag("_name"), Equal, text("m"))), [0, 1, 2, 3]);
        assert_eq!(kept(binary(tag("_name"), NotEqual, text("m"))), [0_usize; 0]);
    }

    // spec: select.where.logic.1
    #[test]
    fn tag_comparisons_select_series_and_leave_the_rest_to_points() {
        use BinaryOp::{And, Equal, Greater, Or};
        let one = || binary(tag("a"), Equal, text("1"));
        let field = || binary(tag("v"), Greater, ExprKind::Integer(3));
        let condition = |op| {
            let folded = fold(&binary(one(), op, field()).into(), None);
            Condition::compile(&folded, SelectSemantics::DOCUMENTED, &|name| name == "v").unwrap()
        };
        let (with, without) = (key(&[("a", "1")]), key(&[]));
        assert!(matches!(condition(And).for_series(&with), Residual::When(_)));
        assert!(matches!(condition(And).for_series(&without), Residual::Never));
        assert!(matches!(condition(Or).for_series(&with), Residual::Always));
        assert!(matches!(condition(Or).for_series(&without), Residual::When(_)));
    }

    #[test]
    fn series_share_a_condition_that_no_tag_decides() {
        use BinaryOp::{And, Equal, Or};
        let field = |value| binary(tag("v"), Equal, ExprKind::Integer(value));
        let either = binary(binary(field(1), Or, binary(field(2), And, field(3))), Or, field(4));
        let is_field = |name: &str| name == "v";
        let condition = Condition::compile(&either.into(), SelectSemantics::DOCUMENTED, &is_field).unwrap();
        assert_eq!(condition.to_string(), "v = 1 OR (v = 2 AND v = 3) OR v = 4");
        let residual = |tags| match condition.for_series(&key(tags)) {
            Residual::When(expr) => expr,
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(&residual(&[("a", "1")]), &residual(&[])));
    }

    // spec: select.where.time.1
    #[test]
    fn time_comparisons_are_true_and_fields_are_reported() {
        let time = binary(tag("time"), BinaryOp::Less, ExprKind::Duration(fluxstone_model::Nanos(9)));
        let either = binary(time, BinaryOp::Or, binary(tag("a"), BinaryOp::Equal, text("1")));
        let filter = |kind: ExprKind| {
            series_filter(Some(&kind.into()), Timestamp(0), SelectSemantics::DOCUMENTED, &|name| name == "v").unwrap()
        };
        let got = filter(either);
        assert!(got.holds(&key(&[])));
        assert_eq!((got.range.max, got.bounds.min, got.mentions_field), (Timestamp(8), None, false));
        assert!(filter(binary(tag("v"), BinaryOp::Equal, ExprKind::Integer(1))).mentions_field);
    }
}
