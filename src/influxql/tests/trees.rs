//! Snapshots of trees, one for each shape that other crates rely on.

use crate::ast::{Expr, ExprKind, Statement};
use crate::{Parameters, parse};

fn statement(text: &str) -> Statement {
    parse(text, &Parameters::new()).unwrap().statements.remove(0)
}

#[test]
fn a_select_has_this_shape() {
    let text = "SELECT max(a) / 2 AS b INTO p.:MEASUREMENT FROM d..m WHERE time > now() - 1h AND k = 'x' \
                GROUP BY time(1m, 5s), k fill(previous) ORDER BY time DESC LIMIT 7";
    let Statement::Select(select) = statement(text) else { panic!("{text}") };
    insta::assert_compact_debug_snapshot!(select.fields, @r#"[SelectField { expr: Binary { op: Divide, lhs: Call { name: "max", args: [Var(VarRef { name: "a", cast: None })] }, rhs: Integer(2) }, alias: "b" }]"#);
    insta::assert_compact_debug_snapshot!(select.into, @r#"Some(Target { database: "", policy: "p", measurement: None })"#);
    insta::assert_compact_debug_snapshot!(select.sources, @r#"[Measurement(Measurement { database: "d", policy: "", name: Name("m") })]"#);
    insta::assert_compact_debug_snapshot!(select.condition, @r#"Some(Binary { op: And, lhs: Binary { op: Greater, lhs: Var(VarRef { name: "time", cast: None }), rhs: Binary { op: Subtract, lhs: Call { name: "now", args: [] }, rhs: Duration(Nanos(3600000000000)) } }, rhs: Binary { op: Equal, lhs: Var(VarRef { name: "k", cast: None }), rhs: String("x") } })"#);
    insta::assert_compact_debug_snapshot!(select.group_by, @r#"GroupBy { dimensions: [Time(Window { interval: Nanos(60000000000), offset: Some(Duration(Nanos(5000000000))) }), Tag("k")] }"#);
    insta::assert_compact_debug_snapshot!((select.fill, select.order, select.limits), @r#"(Some(Previous), Some(Descending), Limits { limit: 7, offset: 0, slimit: 0, soffset: 0 })"#);
}

#[test]
fn other_statements_have_these_shapes() {
    insta::assert_compact_debug_snapshot!(statement("SHOW TAG VALUES FROM /x/ WITH KEY IN (a, b) LIMIT 1"), @r#"Show(TagValues { clauses: SchemaClauses { database: None, sources: [Measurement { database: "", policy: "", name: Regex(/x/) }], condition: None, order: None, limits: Limits { limit: 1, offset: 0, slimit: 0, soffset: 0 } }, keys: In(["a", "b"]) })"#);
    insta::assert_compact_debug_snapshot!(statement("CREATE DATABASE d WITH DURATION INF NAME p"), @r#"Define(CreateDatabase { name: "d", with: Some(RetentionOptions { duration: Some(Nanos(0)), replication: None, shard_duration: None, name: Some("p") }) })"#);
    insta::assert_compact_debug_snapshot!(statement("DELETE FROM m WHERE a = true"), @r#"Delete(DeleteClauses { sources: [Measurement { database: "", policy: "", name: Name("m") }], condition: Some(Binary { op: Equal, lhs: Var(VarRef { name: "a", cast: None }), rhs: Boolean(true) }) })"#);
}

#[test]
fn spans_reach_from_the_first_to_the_last_byte() {
    let text = "SELECT a FROM m WHERE 'é' = a + (b * max( c))";
    let Statement::Select(select) = statement(text) else { panic!("{text}") };
    let mut written = Vec::new();
    select.condition.clone().unwrap().walk(&mut |Expr { span, .. }| {
        written.push(&text[span.start as usize..span.end as usize]);
    });
    assert_eq!(
        written,
        [
            "'é' = a + (b * max( c))",
            "'é'",
            "a + (b * max( c))",
            "a",
            "(b * max( c))",
            "b * max( c)",
            "b",
            "max( c)",
            "c"
        ]
    );
}

#[test]
fn rewriting_works_from_the_inside_out() {
    let Statement::Select(select) = statement("SELECT a FROM m WHERE a + (1 + 2) > 3 AND f(4)") else { panic!() };
    let mut seen = Vec::new();
    let condition = select.condition.clone().unwrap().rewrite(&mut |expr| {
        seen.push(expr.to_string());
        match expr.kind {
            ExprKind::Integer(n) => ExprKind::Integer(n * 10).into(),
            _ => expr,
        }
    });
    assert_eq!(condition.to_string(), "a + (10 + 20) > 30 AND f(40)");
    assert_eq!(seen[..5], ["a", "1", "2", "10 + 20", "(10 + 20)"]);
}
