//! Random requests: small sets of data with valid statements about them, texts that are almost InfluxQL, and bodies that are almost line
//! protocol. They create and read one database, so that they harm nothing that a server holds.

use std::fmt::Write as _;

use fluxstone_grammar::statements::select;
use fluxstone_grammar::{Choices, Grammar, INFLUXQL, LINE_PROTOCOL, Size, points};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::case::{Answer, Case, CaseId, HeaderRule, Level, Owned, Request, Step, pair};
use crate::suite::Suite;

/// The steps of a case.
const STEPS: usize = 20;

/// How many decisions a set of data, or a statement, takes at most, in bytes.
const DECISIONS: usize = 600;

/// How many rules of a grammar a text uses at most.
const SIZE: Size = Size(120);

/// The database of each case, before it gets a prefix.
pub(super) const DATABASE: &str = "d";

/// The headers that are compared.
const HEADERS: [&str; 3] = ["Content-Type", "Content-Encoding", "Connection"];

/// Draws cases with `requests` requests in all, besides those that prepare them.
pub(super) fn suite(seed: u64, requests: usize) -> Suite {
    let cases = (0..requests.div_ceil(STEPS)).filter_map(|number| {
        let mut random = SmallRng::seed_from_u64(seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        case(seed, number, STEPS.min(requests - number * STEPS), &mut random)
    });
    Suite { cases: cases.collect() }
}

fn case(seed: u64, number: usize, steps: usize, random: &mut SmallRng) -> Option<Case> {
    let preparation = vec![
        statement(&format!("CREATE DATABASE {DATABASE}")),
        statement(&format!("CREATE RETENTION POLICY other ON {DATABASE} DURATION INF REPLICATION 1")),
        write("", &lines(random)),
        write("&rp=other", &lines(random)),
    ];
    // What is written last cannot change what is read: points without a time would get that of the server.
    let writes = (0..steps).filter(|_| random.random_ratio(1, 10)).count();
    let mut requests: Vec<Request> = (writes..steps).map(|_| query(&any_statement(random))).collect();
    requests.extend((0..writes).map(|_| write("", &body(random))));
    Some(Case {
        id: CaseId::try_from(format!("random.{seed}-{number}")).ok()?,
        about: format!("Random requests, drawn by {seed}"),
        level: Level::Observed,
        source: None,
        clauses: Vec::new(),
        needs: Vec::new(),
        config: toml::Table::new(),
        owns: Owned { databases: vec![DATABASE.to_owned()], users: Vec::new() },
        exclusive: false,
        preparation,
        steps: requests.into_iter().map(step).collect(),
        file: "random".to_owned(),
        line: number,
    })
}

/// A step whose answer is not known yet.
pub(super) fn step(request: Request) -> Step {
    let headers = HEADERS.map(|name| (name.to_owned(), HeaderRule::Absent)).to_vec();
    let expected = Answer { status: 200, headers, common_headers: Vec::new(), body: None };
    Step { request, expected, alternative: None, eventually: false, restart: None }
}

fn statement(text: &str) -> Request {
    Request {
        verb: "POST".to_owned(),
        target: "/query".to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: pair("q", text).into_bytes(),
    }
}

/// The request of a query that reads.
pub(super) fn query(text: &str) -> Request {
    let target = format!("/query?db={DATABASE}&epoch=ns&{}", pair("q", text));
    Request { verb: "GET".to_owned(), target, headers: Vec::new(), body: Vec::new() }
}

/// The request of a write. `parameters` begin with `&`.
pub(super) fn write(parameters: &str, body: &[u8]) -> Request {
    let target = format!("/write?db={DATABASE}{parameters}");
    Request { verb: "POST".to_owned(), target, headers: Vec::new(), body: body.to_vec() }
}

fn decisions(random: &mut SmallRng) -> Vec<u8> {
    (0..DECISIONS).map(|_| random.random()).collect()
}

/// Valid points.
fn lines(random: &mut SmallRng) -> Vec<u8> {
    let bytes = decisions(random);
    let mut choices = Choices::new(&bytes);
    let types = choices.below(256);
    let mut text = String::new();
    for _ in 0..=choices.below(40) {
        let time = points::time(&mut choices);
        if let Some(line) = points::line(&mut choices, types, time) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
        }
    }
    if text.is_empty() { b"m f=1 0\n".to_vec() } else { text.into_bytes() }
}

/// A statement that reads, and does not depend on the time: valid, or almost.
fn any_statement(random: &mut SmallRng) -> String {
    loop {
        let is_valid = random.random_ratio(3, 4);
        let text = if is_valid {
            select(&mut Choices::with_bounded_windows(&decisions(random)))
        } else {
            sentence(&INFLUXQL, "select-statement", random).iter().filter_map(|&code| char::from_u32(code)).collect()
        };
        let lower = text.to_ascii_lowercase();
        // A sentence of the grammar may have windows without bounds, which some servers compute up to the present.
        let has_windows = !is_valid && lower.contains("time");
        if !has_windows && !["now", "into", "sample"].iter().any(|word| lower.contains(word)) {
            return text;
        }
    }
}

/// A body of a write: valid, or almost.
fn body(random: &mut SmallRng) -> Vec<u8> {
    sentence(&LINE_PROTOCOL, "body", random).iter().filter_map(|&byte| u8::try_from(byte).ok()).collect()
}

/// A sentence of a rule, half of the time with a mistake. Empty if there is no such rule.
fn sentence(grammar: &Grammar, rule: &str, random: &mut SmallRng) -> Vec<u32> {
    let drawn = grammar.rule(rule).and_then(|rule| grammar.sentence(rule, SIZE, random)).unwrap_or_default();
    if random.random() { grammar.mutate(&drawn, random) } else { drawn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_draws_the_same_requests() {
        let shown = |seed| format!("{:?}", suite(seed, 45).cases);
        assert_eq!(shown(7), shown(7));
        assert_ne!(shown(7), shown(8));
        let suite = suite(7, 45);
        assert_eq!(suite.cases.iter().map(|case| case.steps.len()).collect::<Vec<_>>(), [20, 20, 5]);
    }

    #[test]
    fn random_requests_are_of_all_kinds_and_change_one_database() {
        let suite = suite(1, 2000);
        let steps: Vec<&Step> = suite.cases.iter().flat_map(|case| &case.steps).collect();
        let writes = steps.iter().filter(|step| step.request.target.starts_with("/write?db=d")).count();
        assert!((100..400).contains(&writes), "{writes}");
        let texts: Vec<&str> = steps.iter().filter_map(|step| step.request.target.split("&q=").nth(1)).collect();
        assert_eq!(texts.len() + writes, 2000);
        assert!(texts.iter().any(|text| text.contains("GROUP%20BY")));
        assert!(!texts.iter().any(|text| text.to_ascii_lowercase().contains("into")));
    }
}
