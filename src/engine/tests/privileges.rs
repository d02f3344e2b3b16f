//! The table of privileges in the specification, cell by cell and for each kind of statement.

use std::collections::HashSet;
use std::mem::{Discriminant, discriminant};

use fluxstone_grammar::{INFLUXQL, Size};
use fluxstone_influxql::ast::{Definition, Show, Statement};
use fluxstone_influxql::parse;
use fluxstone_spec::privileges::{Cell, Holder, Outcome, Row, table};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::*;

/// How many random statements are drawn: each kind appears many times.
const STATEMENTS: u32 = 20_000;

/// Databases `d` and `e`, and a user for each column.
fn bench(observed: bool) -> Bench {
    let bench = if observed { Bench::observed() } else { Bench::new() };
    bench.done("CREATE DATABASE d; CREATE DATABASE e; CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES");
    bench.done("CREATE USER no WITH PASSWORD 'pw'");
    for (user, privilege) in [("rd", "READ"), ("wr", "WRITE"), ("al", "ALL")] {
        bench.done(&format!("CREATE USER {user} WITH PASSWORD 'pw'; GRANT {privilege} ON d TO {user}"));
    }
    bench
}

/// The user of a column. Requests without credentials never reach the engine.
fn user(holder: Holder) -> Option<&'static str> {
    match holder {
        Holder::Nobody => None,
        Holder::None => Some("no"),
        Holder::Read => Some("rd"),
        Holder::Write => Some("wr"),
        Holder::All => Some("al"),
        Holder::Admin => Some("root"),
    }
}

/// What becomes of the request of `row`: the privilege that `user` lacks, or an empty text. Nothing is run or stored, so that all
/// rows find the same databases; the conformance cases run everything.
fn lacks(bench: &Bench, user: &str, row: &Row) -> String {
    let principal = &Principal::User(user.into());
    if row.is_write() {
        let Err(refusal) = bench.engine.authorize_write(principal, row.database.as_bytes()) else {
            return String::new();
        };
        let expected = format!("\"{user}\" user is not authorized to write to database \"{}\"", row.database);
        assert_eq!((refusal.kind, refusal.text.to_string()), (ErrorKind::Forbidden, expected));
        return format!("WRITE on {}", row.database);
    }
    let parameters = &Parameters::new();
    let (text, database) = (row.statement, row.database);
    let request = QueryRequest { principal, text, parameters, database, read_only: false, chunk_rows: 1 };
    let Err(refusal) = bench.engine.prepare(request) else { return String::new() };
    assert_eq!(refusal.kind, ErrorKind::Forbidden, "{}", row.name);
    let shown = text.replace("'pw'", "[REDACTED]");
    let expected = format!("error authorizing query: {user} not authorized to execute statement '{shown}', requires ");
    refusal.text.strip_prefix(&expected).unwrap_or(&refusal.text).to_owned()
}

fn check_cell(bench: &Bench, row: &Row, holder: Holder, outcome: Outcome) {
    let Some(user) = user(holder) else {
        assert_eq!(outcome, Outcome::Unauthenticated, "{}", row.name);
        return;
    };
    let expected = match outcome {
        Outcome::Allowed => "",
        Outcome::Lacks(privilege) => privilege,
        Outcome::Unauthenticated => panic!("{}: {user} has credentials", row.name),
    };
    assert_eq!(lacks(bench, user, row), expected, "{} as {user}", row.name);
}

// spec: auth.table.1, statements.privilege.1, statements.privilege.2, compat.auth.request-database.1
#[test]
fn every_cell_of_the_table_holds() {
    let rows = table().unwrap();
    for observed in [false, true] {
        let bench = bench(observed);
        for row in &rows {
            for (holder, cell) in Holder::ALL.into_iter().zip(row.cells) {
                let Cell { documented, observed: of_profile } = cell;
                check_cell(&bench, row, holder, if observed { of_profile } else { documented });
            }
        }
    }
}

/// The kind of a statement.
type Kind = (Discriminant<Statement>, Option<Discriminant<Show>>, Option<Discriminant<Definition>>);

fn kind(statement: &Statement) -> Kind {
    let of = discriminant(statement);
    match statement {
        Statement::Show(show) => (of, Some(discriminant(show)), None),
        Statement::Define(definition) => (of, None, Some(discriminant(definition))),
        Statement::Select(_) | Statement::Delete(_) | Statement::Kill(_) => (of, None, None),
    }
}

// spec: auth.table.1
#[test]
fn every_kind_of_statement_has_a_row() {
    let rows = table().unwrap();
    let parsed = |text: &str| parse(text, &Parameters::new()).ok().map(|query| query.statements);
    let statements = rows.iter().filter(|row| !row.is_write());
    let known: HashSet<Kind> = statements.flat_map(|row| parsed(row.statement).unwrap()).map(|s| kind(&s)).collect();
    let rule = INFLUXQL.rule("statement").unwrap();
    let mut rng = SmallRng::seed_from_u64(1);
    let mut drawn = HashSet::new();
    for _ in 0..STATEMENTS {
        let sentence = INFLUXQL.sentence(rule, Size(60), &mut rng).unwrap_or_default();
        let text: String = sentence.into_iter().filter_map(char::from_u32).collect();
        for statement in parsed(&text).into_iter().flatten() {
            assert!(known.contains(&kind(&statement)), "no row for {text}");
            drawn.insert(kind(&statement));
        }
    }
    assert_eq!(drawn.len(), known.len(), "the grammar derives each kind of the table");
}
