//! A stretch of time as the condition of queries: for charts, of which a part is chosen. Unlike [`Select::limited_to`], which is for
//! queries that run, it edits the text, since people go on working with what they typed.

use super::ast::{BinaryOp, Expr, ExprKind, Select, Span, Statement};
use super::duration::DurationLiteral;
use super::parameter::Parameters;
use super::parse;
use super::print::StringLiteral;

/// Longer texts are left alone.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Returns `text` with the times from `from` to `to` as a condition of each of its statements; with windows, to the end of the window
/// that begins at `to`. Both are time literals. The rest of the text stays as it was written, except comparisons of `time` that ANDs
/// connect with the rest of a condition: these are replaced. Nothing if a statement is not a SELECT, has INTO, or cannot be parsed, or
/// if the text is longer than 16 KiB.
///
/// ```
/// use fluxstone_influxql::zoomed;
/// let text = "SELECT v FROM m WHERE time > now() - 1d AND host = 'a' LIMIT 9";
/// let part = zoomed(text, "2017-03-01T00:00:00Z", "2017-03-01T01:00:00Z").unwrap();
/// assert_eq!(part, "SELECT v FROM m WHERE host = 'a' AND time >= '2017-03-01T00:00:00Z' AND time <= '2017-03-01T01:00:00Z' LIMIT 9");
/// ```
pub fn zoomed(text: &str, from: &str, to: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let query = parse(text, &Parameters::new()).ok()?;
    let mut zoomed = String::with_capacity(text.len() + 200);
    let mut copied = 0;
    for statement in &query.statements {
        let Statement::Select(select) = statement else { return None };
        if select.into.is_some() {
            return None;
        }
        let Span { start, end } = select.where_place;
        zoomed.push_str(text.get(copied..start as usize)?);
        zoomed.push_str(" WHERE ");
        zoomed.push_str(&condition(select, text, from, to)?);
        copied = end as usize;
    }
    zoomed.push_str(text.get(copied..)?);
    Some(zoomed)
}

fn condition(select: &Select, text: &str, from: &str, to: &str) -> Option<String> {
    let mut terms = Vec::new();
    if let Some(condition) = &select.condition {
        other_terms(condition, text, &mut terms)?;
    }
    terms.push(format!("time >= {}", StringLiteral(from)));
    terms.push(match select.group_by.window() {
        None => format!("time <= {}", StringLiteral(to)),
        Some(window) => format!("time < {} + {}", StringLiteral(to), DurationLiteral(window.interval)),
    });
    Some(terms.join(" AND "))
}

/// Appends the operands of ANDs that do not compare `time`, as they were written.
fn other_terms(condition: &Expr, text: &str, terms: &mut Vec<String>) -> Option<()> {
    match &condition.kind {
        ExprKind::Paren(inner) if !matches!(inner.kind, ExprKind::Binary { op: BinaryOp::Or, .. }) => {
            other_terms(inner, text, terms)
        }
        ExprKind::Binary { op: BinaryOp::And, lhs, rhs } => {
            other_terms(lhs, text, terms)?;
            other_terms(rhs, text, terms)
        }
        ExprKind::Binary { lhs, rhs, .. } if lhs.is_time() || rhs.is_time() => Some(()),
        kind => {
            let Span { start, end } = condition.span;
            let written = text.get(start as usize..end as usize)?;
            let is_or = matches!(kind, ExprKind::Binary { op: BinaryOp::Or, .. });
            terms.push(if is_or { format!("({written})") } else { written.to_owned() });
            Some(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "2017-03-01T00:00:00Z";
    const TO: &str = "2017-03-01T01:00:00Z";
    const RANGE: &str = "time >= '2017-03-01T00:00:00Z' AND time <= '2017-03-01T01:00:00Z'";
    const WINDOWS: &str = "time >= '2017-03-01T00:00:00Z' AND time < '2017-03-01T01:00:00Z' + 5m";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let expected = expected.replace("RANGE", RANGE).replace("WINDOWS", WINDOWS);
        let part = zoomed(text, FROM, TO);
        assert_eq!(part.as_deref(), Some(&*expected), "{text}");
        // Another part replaces the condition.
        assert_eq!(zoomed(&expected, FROM, TO).as_deref(), Some(&*expected), "{text}");
    }

    // spec: explorer.query.7
    #[test]
    fn the_times_become_the_condition_and_the_rest_stays() {
        check("SELECT v FROM m", "SELECT v FROM m WHERE RANGE");
        check(" SELECT v FROM m\n  LIMIT 5", "SELECT v FROM m WHERE RANGE\n  LIMIT 5");
        check("SELECT v FROM m WHERE time > now() - 1d", "SELECT v FROM m WHERE RANGE");
        check("SELECT v FROM m WHERE v > 1.23456 AND time < 5", "SELECT v FROM m WHERE v > 1.23456 AND RANGE");
        check("SELECT v FROM m WHERE (time > 1 AND (v = 2 AND time < 5))", "SELECT v FROM m WHERE v = 2 AND RANGE");
        check("SELECT v FROM m WHERE a = 'x' OR v > 2", "SELECT v FROM m WHERE (a = 'x' OR v > 2) AND RANGE");
        check("SELECT v FROM m WHERE (a = 'x' OR v > 2)", "SELECT v FROM m WHERE (a = 'x' OR v > 2) AND RANGE");
        check("SELECT v FROM /a;b/ WHERE a =~ /;x/", "SELECT v FROM /a;b/ WHERE a =~ /;x/ AND RANGE");
        check(
            "SELECT mean(v) FROM m WHERE time > 0 GROUP BY time(5m), host fill(0)",
            "SELECT mean(v) FROM m WHERE WINDOWS GROUP BY time(5m), host fill(0)",
        );
        check(
            "SELECT v FROM (SELECT v FROM m WHERE time > 3) ORDER BY time DESC; SELECT w FROM n;",
            "SELECT v FROM (SELECT v FROM m WHERE time > 3) WHERE RANGE ORDER BY time DESC; SELECT w FROM n WHERE RANGE;",
        );
    }

    // spec: explorer.query.7
    #[test]
    fn other_statements_have_no_part() {
        let long = format!("SELECT v FROM m WHERE a = '{}'", "x".repeat(TEXT_BYTES_MAX));
        for text in ["SHOW DATABASES", "SELECT v INTO w FROM m", "SELECT v FROM m; SHOW USERS", "SELECT", &long] {
            assert_eq!(zoomed(text, FROM, TO), None, "{text}");
        }
        assert_eq!(zoomed("", FROM, TO).as_deref(), Some(""));
    }

    // spec: explorer.query.7
    #[test]
    fn times_stay_literals_whatever_they_consist_of() {
        let part = zoomed("SELECT v FROM m", "' OR v > 0 --", "\n'").unwrap_or_default();
        let query = parse(&part, &Parameters::new()).expect("a query");
        assert_eq!(query.statements.len(), 1, "{part}");
        assert!(part.contains(r"time >= '\' OR v > 0 --' AND time <= '\n\''"), "{part}");
    }
}
