//! Whole queries over sources in memory: `check(points, query, rows)`.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::compat::Compat;
use crate::influxql::ast::{
    Expr, ExprKind, Field, GroupBy, Limits, Measurement, MeasurementName, Select, Source as AstSource, VarRef,
};
use crate::model::Timestamp;

use super::test_source::{MemorySource, OneSource};
use super::{Context, SelectLimits, SeriesRows, run};

fn answer(points: &str, select: &Select) -> Vec<SeriesRows> {
    let source = OneSource(Arc::new(MemorySource::new(points, 2)));
    let context = Context {
        now: Timestamp(1_000_000_000_000),
        chunk_rows: 1000,
        limits: SelectLimits::default(),
        compat: Compat::default(),
    };
    let mut pieces = Vec::new();
    run(select, &source, &context, &mut |piece| {
        pieces.extend(piece);
        ControlFlow::Continue(())
    })
    .unwrap();
    pieces
}

fn raw(columns: &[&str], measurement: &str) -> Select {
    let field = |name: &&str| Field {
        expr: Expr::from(ExprKind::Var(VarRef { name: (*name).into(), cast: None })),
        alias: String::new(),
    };
    let name = MeasurementName::Name(measurement.into());
    Select {
        fields: columns.iter().map(field).collect(),
        into: None,
        sources: vec![AstSource::Measurement(Measurement { database: String::new(), policy: String::new(), name })],
        condition: None,
        group_by: GroupBy::default(),
        fill: None,
        order: None,
        limits: Limits::default(),
    }
}

fn show(pieces: &[SeriesRows]) -> String {
    let mut out = String::new();
    for piece in pieces {
        for row in piece.rows() {
            out.push_str(&format!("{row:?}\n"));
        }
    }
    out
}

// spec: select.rows.1
#[test]
fn a_row_exists_where_a_selected_field_has_a_value() {
    let points = "m,t=x a=1,b=2 1\nm,t=x a=3 2\nm,t=x b=4 3\nm,t=y c=1 1";
    let got = show(&answer(points, &raw(&["a", "t", "b"], "m")));
    assert_eq!(
        got,
        "[Time(1970-01-01T00:00:01Z), Float(1.0), String(\"x\"), Float(2.0)]\n\
         [Time(1970-01-01T00:00:02Z), Float(3.0), String(\"x\"), Null]\n\
         [Time(1970-01-01T00:00:03Z), Null, String(\"x\"), Float(4.0)]\n"
    );
}
