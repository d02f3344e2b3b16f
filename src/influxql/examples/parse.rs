//! Parses InfluxQL and prints the normalized text and some facts about each statement.
//!
//! ```sh
//! cargo run -p fluxstone-influxql --example parse
//! cargo run -p fluxstone-influxql --example parse -- 'SHOW TAG VALUES FROM cpu WITH KEY = host'
//! ```

use std::process::ExitCode;

use fluxstone_influxql::ast::{ExprKind, Select, Statement};
use fluxstone_influxql::{Parameter, Parameters, parse};

const DEFAULT_TEXT: &str = "\
    select mean(usage_idle) from cpu where time > now() - 1h and host = $host group by time(10m), region fill(0); \
    show databases; \
    kill query 7";

fn main() -> ExitCode {
    let text = std::env::args().nth(1).unwrap_or_else(|| DEFAULT_TEXT.to_owned());
    let parameters = Parameters::from([("host".to_owned(), Parameter::String("server01".to_owned()))]);
    let query = match parse(&text, &parameters) {
        Ok(query) => query,
        Err(error) => {
            eprintln!("error parsing query: {error}");
            return ExitCode::FAILURE;
        }
    };
    for statement in &query.statements {
        println!("{statement}");
        match statement {
            Statement::Select(select) => describe(select),
            Statement::Delete(_) => println!("  deletes points"),
            Statement::Show(_) => println!("  lists something and changes nothing"),
            Statement::Define(_) => println!("  changes the catalog or drops data by name"),
            Statement::Kill(kill) => println!("  stops the query with id {}", kill.id),
        }
    }
    ExitCode::SUCCESS
}

/// Prints the columns that a SELECT reads and the length of its windows.
fn describe(select: &Select) {
    let mut columns = Vec::new();
    for expr in select.fields.iter().map(|field| &field.expr).chain(&select.condition) {
        expr.walk(&mut |expr| {
            if let ExprKind::Var(column) = &expr.kind {
                columns.push(column.to_string());
            }
        });
    }
    println!("  columns: {}", columns.join(", "));
    if let Some(window) = select.group_by.window() {
        println!("  windows of {} ns", window.interval.0);
    }
}
