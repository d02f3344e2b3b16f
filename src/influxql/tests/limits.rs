//! Nesting and chains of operators are bounded. Test threads have stacks of 2 MiB, like those of the server.

use super::check;
use crate::grammar::{EXPRESSION_DEPTH_MAX, NESTING_MAX, OPERATORS_MAX};
use crate::{Parameters, parse};

/// `SELECT a op a op a ... FROM m` with `operators` operators.
fn chain(op: &str, operators: usize) -> String {
    format!("SELECT a FROM m WHERE a{}", format!(" {op} a").repeat(operators))
}

/// Calls every operation that recurses into a tree.
fn exercise(text: &str) {
    let query = parse(text, &Parameters::new()).unwrap_or_else(|error| panic!("{error}: {}", &text[..80]));
    let copy = query.clone();
    assert_eq!(copy, query);
    assert!(format!("{query:?}").len() > text.len());
    let printed = query.to_string();
    assert_eq!(parse(&printed, &Parameters::new()).unwrap(), query);
    let crate::ast::Statement::Select(select) = query.statements.into_iter().next().unwrap() else { return };
    let mut count = 0;
    for expr in select.fields.clone().into_iter().map(|field| field.expr).chain(select.condition.clone()) {
        expr.clone().walk(&mut |_| count += 1);
        let _ = expr.rewrite(&mut |expr| expr);
    }
    assert!(count > 0);
}

// spec: influxql.limit.2
#[test]
fn chains_of_operators_are_bounded() {
    let longest = EXPRESSION_DEPTH_MAX as usize - 1;
    for op in ["+", "*", "="] {
        exercise(&chain(op, longest));
        let error = parse(&chain(op, longest + 1), &Parameters::new()).unwrap_err().to_string();
        assert!(error.starts_with("expression too deep, at most 1000 operators in a row at line 1, char "), "{error}");
    }
    assert!(parse(&chain("+", 1_000_000), &Parameters::new()).is_err());
    // Tighter operators bind first, so none of these chains is long.
    exercise(&format!("SELECT a FROM m WHERE {}", vec!["a + a * a - a / a > a"; 900].join(" AND ")));
}

// spec: influxql.limit.5
#[test]
fn chains_of_and_and_or_are_long() {
    for op in ["AND", "OR"] {
        exercise(&chain(op, 65));
        exercise(&chain(op, OPERATORS_MAX));
        let error = parse(&chain(op, OPERATORS_MAX + 1), &Parameters::new()).unwrap_err().to_string();
        assert!(
            error.starts_with("expression too long, at most 100000 operators in a row at line 1, char "),
            "{error}"
        );
    }
    exercise(&format!("{} OR b", chain("AND", 20_000)));
    exercise(&format!("{} AND b > 1 + 2", chain("OR", 20_000)));
    exercise(&format!("SELECT a FROM m WHERE {}", vec!["a = 1 AND b = 2"; 20_000].join(" OR ")));
    // The height of operands still counts where the chain is part of something else.
    exercise(&format!("SELECT a FROM m WHERE {}a{}", "(".repeat(90), " OR a)".repeat(90)));
    let sum = vec!["a"; EXPRESSION_DEPTH_MAX as usize].join(" + ");
    exercise(&format!("SELECT a FROM m WHERE {sum} OR {sum} OR {sum}"));
    assert!(parse(&format!("SELECT a FROM m WHERE ({sum} OR b)"), &Parameters::new()).is_err());
}

// spec: influxql.limit.1
#[test]
fn nesting_is_bounded() {
    let nested = |open: &str, inside: &str, close: &str, levels: usize| {
        format!("SELECT {}{inside}{} FROM m", open.repeat(levels), close.repeat(levels))
    };
    exercise(&nested("(", "a", ")", NESTING_MAX));
    exercise(&nested("(a + ", "a", ")", NESTING_MAX));
    let subqueries = |levels: usize, innermost: &str| {
        format!("{}{innermost}{}", "SELECT a FROM (".repeat(levels), ")".repeat(levels))
    };
    let innermost = format!("SELECT a{} FROM m", " + a".repeat(EXPRESSION_DEPTH_MAX as usize - 1));
    exercise(&subqueries(NESTING_MAX, &innermost));
    check(&nested("(", "a", ")", NESTING_MAX + 1), "nested too deeply, at most 100 levels at line 1, char 109");
    check(&nested("f(", "a", ")", NESTING_MAX + 1), "nested too deeply, at most 100 levels at line 1, char 210");
    for open in ["(", "f(", "(a+ ", "distinct("] {
        assert!(parse(&nested(open, "a", ")", 100_000), &Parameters::new()).is_err());
    }
    let error = parse(&subqueries(100_000, "SELECT a FROM m"), &Parameters::new()).unwrap_err().to_string();
    assert_eq!(error, "nested too deeply, at most 100 levels at line 1, char 1516");
}
