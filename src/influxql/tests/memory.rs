//! The memory that parsing takes is charged before it is taken. Counts what is allocated, so it is a program of its own, with one
//! test.

use fluxstone_influxql::{ErrorKind, Parameter, Parameters, parse_within};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Lists of this length have just outgrown their memory, which takes the most.
const LENGTH: usize = (1 << 12) + 1;

/// The length of a text that is bound to many placeholders.
const BOUND_BYTES: usize = 1 << 20;

/// Parses and prints `text`, and returns the bytes that were charged and the most that were allocated.
fn measure(text: &str, parameters: &Parameters) -> (usize, usize) {
    let mut charged = 0;
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut charge = |bytes| {
        charged += bytes;
        Ok(())
    };
    if let Ok(query) = parse_within(text, parameters, &mut charge) {
        let _ = query.statements.iter().map(ToString::to_string).collect::<Vec<_>>().join(";\n");
    }
    (charged, ALLOCATOR.peak_usage() - before)
}

fn check(text: &str, parameters: &Parameters) {
    let shown = &text[..text.len().min(60)];
    let mut refuse = |bytes| if bytes > 0 { Err("no memory".to_owned()) } else { Ok(()) };
    let refused = parse_within(text, parameters, &mut refuse).map_err(|error| (error.kind(), error.to_string()));
    assert_eq!(refused, Err((ErrorKind::Memory, "no memory".to_owned())), "{shown}");
    let (charged, allocated) = measure(text, parameters);
    assert!(allocated <= charged, "{shown}: {allocated} bytes were allocated, {charged} charged");
    let bytes = text.len() + parameters.len() * text.matches('$').count() * BOUND_BYTES;
    let regexes = text.matches('/').count() / 2;
    let most = 400 * bytes + regexes * (16 << 20);
    assert!(charged < most, "{shown}: {charged} bytes were charged for {bytes} bytes and {regexes} patterns");
}

fn list(item: &str, separator: &str) -> String {
    vec![item; LENGTH].join(separator)
}

// spec: influxql.limit.4
#[test]
fn what_is_charged_is_at_least_what_is_allocated() {
    let none = Parameters::new();
    let fields =
        ["*", "a", "1", "a+a", "a/a", "(a)", "f(a)", "f(a,*)", "\"\"", "'a'", "1s", "a AS a", "distinct(a)", "a.b.c"];
    for field in fields {
        check(&format!("SELECT {} FROM m", list(field, ",")), &none);
        check(&format!("SELECT {} FORM m", list(field, ",")), &none);
    }
    for source in ["a", "a..c", "(SELECT a FROM m)"] {
        check(&format!("SELECT a FROM {}", list(source, ",")), &none);
        check(&format!("SHOW SERIES FROM {}", list(source, ",")), &none);
    }
    check(&format!("SELECT a FROM m GROUP BY {}", list("a", ",")), &none);
    check(&format!("SELECT {} FROM m", list("a", ".")), &none);
    check(&format!("SHOW TAG VALUES WITH KEY IN ({})", list("a", ",")), &none);
    let statements = ["SHOW USERS", "SELECT*FROM a", "DELETE FROM a", "DROP USER a", "KILL QUERY 1", "DROP SHARD 1"];
    for statement in statements {
        check(&list(statement, ";"), &none);
    }
    check(&format!("SELECT {} FROM m", vec![format!("{}a{}", "(".repeat(90), ")".repeat(90)); 200].join(",")), &none);

    for (item, op) in [("a", " OR "), ("a=1", " AND "), ("a='b'", " OR ")] {
        check(&format!("SELECT v FROM m WHERE {}", list(item, op)), &none);
    }

    let long = Parameters::from([("a".to_owned(), Parameter::String("x".repeat(BOUND_BYTES)))]);
    check(&format!("SELECT v FROM m WHERE a={}", vec!["$a"; 40].join(" OR a=")), &long);

    for pattern in [".", "\\pL", "(?i)\\pL\\PN", "(a)(b)", "\\w{50}", "[a-z]{100}", "\\pL{20}"] {
        let patterns: Vec<_> = (0..20).map(|n| format!("/{pattern}{n}/")).collect();
        check(&format!("SELECT {} FROM m", patterns.join(",")), &none);
        let pattern = vec![pattern; 100].join("|");
        check(&format!("SELECT /{pattern}/ FROM m"), &none);
    }
}
