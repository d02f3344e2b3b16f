//! Documents made of pieces, in each form.

use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_compat::{AnswerSemantics, CsvNullCells};
use fluxstone_model::{Text, TimeUnit, Timestamp};
use fluxstone_query::{SeriesRows, Value};

use super::*;

const PLAIN: AnswerOptions = AnswerOptions {
    csv: false,
    pretty: false,
    chunked: false,
    chunk_rows: 1,
    epoch: None,
    rows_max: None,
    semantics: AnswerSemantics::DOCUMENTED,
    csv_null_cells: CsvNullCells::Repeat,
};
const CSV: AnswerOptions = AnswerOptions { csv: true, ..PLAIN };
const CHUNKED: AnswerOptions = AnswerOptions { chunked: true, ..PLAIN };

fn observed(options: AnswerOptions) -> AnswerOptions {
    AnswerOptions { semantics: AnswerSemantics::OBSERVED, ..options }
}

fn texts(names: &[&str]) -> Arc<[Text]> {
    names.iter().map(|&name| Text::from(name)).collect()
}

/// A series `name` with columns `time`, `v` and the given cells.
fn series(name: &str, cells: Vec<Value>) -> SeriesRows {
    SeriesRows {
        name: name.into(),
        tags: Arc::new([]),
        columns: texts(&["time", "v"]),
        cells,
        plain: None,
        more_rows: false,
    }
}

/// Rows 1 to `n` of a series: times and values alike.
fn counting(name: &str, n: i64) -> SeriesRows {
    series(name, (1..=n).flat_map(|i| [Value::Time(Timestamp(i)), Value::Integer(i)]).collect())
}

fn result(statement_id: usize, series: SeriesRows) -> StatementResult {
    StatementResult { statement_id, series: Some(series), ..StatementResult::default() }
}

fn error(statement_id: usize, text: &str) -> StatementResult {
    StatementResult { statement_id, error: Some(text.to_owned()), ..StatementResult::default() }
}

fn empty(statement_id: usize) -> StatementResult {
    StatementResult { statement_id, ..StatementResult::default() }
}

/// The whole text of an answer, and after how many pieces it wanted no more.
fn document(options: AnswerOptions, pieces: Vec<StatementResult>) -> (String, usize) {
    let mut answer = Answer::new(options);
    let mut bytes = Vec::new();
    let mut taken = 0;
    for piece in pieces {
        taken += 1;
        let next = answer.add(piece);
        bytes.extend(answer.ready().unwrap_or_default());
        if next == ControlFlow::Break(()) {
            break;
        }
    }
    bytes.extend(answer.finish());
    (String::from_utf8(bytes).unwrap(), taken)
}

#[track_caller]
fn check(options: AnswerOptions, pieces: Vec<StatementResult>, want: &str) {
    assert_eq!(document(options, pieces).0, want);
}

// spec: http.json.1, http.json.2, http.json.3, http.time.1
#[test]
fn results_hold_series_that_hold_rows() {
    let mut grouped = series("m", vec![Value::Time(Timestamp(1_488_327_378_000_000_000)), Value::Float(33.1)]);
    grouped.tags = Arc::new([("a".into(), "x".into()), ("b".into(), "".into())]);
    check(
        PLAIN,
        vec![result(0, grouped), empty(1)],
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"a\":\"x\",\"b\":\"\"},\
         \"columns\":[\"time\",\"v\"],\"values\":[[\"2017-03-01T00:16:18Z\",33.1]]}]},{\"statement_id\":1}]}\n",
    );
    check(PLAIN, vec![], "{}\n");
    check(AnswerOptions { pretty: true, ..PLAIN }, vec![], "{}\n");
    check(CHUNKED, vec![], "");
}

// spec: http.json.2
#[test]
fn what_is_empty_is_left_out() {
    let listing = SeriesRows {
        name: "databases".into(),
        tags: Arc::new([]),
        columns: texts(&["name"]),
        cells: vec![],
        plain: None,
        more_rows: false,
    };
    check(
        PLAIN,
        vec![result(0, listing)],
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"databases\",\"columns\":[\"name\"]}]}]}\n",
    );
    let mut nameless = counting("", 1);
    nameless.columns = texts(&["user", "admin"]);
    nameless.cells = vec![Value::String("root".into()), Value::Boolean(true)];
    check(
        PLAIN,
        vec![result(0, nameless)],
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"columns\":[\"user\",\"admin\"],\"values\":[[\"root\",true]]}]}]}\n",
    );
}

// spec: http.json.7
#[test]
fn each_kind_of_cell_has_its_json() {
    let cells = vec![
        Value::Null,
        Value::Integer(i64::MIN),
        Value::Ordinal(u64::MAX),
        Value::Boolean(false),
        Value::List(vec!["udp://a".into(), "<b>".into()]),
        Value::List(vec![]),
    ];
    let columns = texts(&["a", "b", "c", "d", "e", "f"]);
    let row = SeriesRows { name: "m".into(), tags: Arc::new([]), columns, cells, plain: None, more_rows: false };
    let (text, _) = document(PLAIN, vec![result(0, row)]);
    let want = "[[null,-9223372036854775808,18446744073709551615,false,[\"udp://a\",\"\\u003cb\\u003e\"],[]]]";
    assert!(text.contains(want), "{text}");
}

// spec: http.pretty.1
#[test]
fn pretty_answers_have_every_element_on_its_own_line() {
    let want = r#"{
    "results": [
        {
            "statement_id": 0,
            "series": [
                {
                    "name": "m",
                    "columns": [
                        "time",
                        "v"
                    ],
                    "values": [
                        [
                            1,
                            1
                        ]
                    ]
                }
            ]
        }
    ]
}
"#;
    let pretty = AnswerOptions { pretty: true, epoch: Some(TimeUnit::Nanosecond), ..PLAIN };
    check(pretty, vec![result(0, counting("m", 1))], want);
    check(AnswerOptions { chunked: true, ..pretty }, vec![result(0, counting("m", 1))], want);
}

// spec: http.epoch.1, http.epoch.3
#[test]
fn epoch_rounds_times_towards_zero() {
    let check = |unit: TimeUnit, ns: i64, want: i64| {
        assert_eq!(AnswerOptions { epoch: Some(unit), ..PLAIN }.count(Timestamp(ns)), want, "{unit:?}");
    };
    let ns = 1_488_327_378_123_456_789;
    for (unit, want) in [
        (TimeUnit::Nanosecond, ns),
        (TimeUnit::Microsecond, 1_488_327_378_123_456),
        (TimeUnit::Millisecond, 1_488_327_378_123),
        (TimeUnit::Second, 1_488_327_378),
        (TimeUnit::Minute, 24_805_456),
        (TimeUnit::Hour, 413_424),
    ] {
        check(unit, ns, want);
    }
    check(TimeUnit::Second, -1_999_999_999, -1);
    check(TimeUnit::Second, -1, 0);
}

// spec: http.json.8
#[test]
fn pieces_of_a_series_are_joined() {
    let mut first = counting("m", 1);
    first.more_rows = true;
    let pieces = || vec![result(0, first.clone()), result(0, counting("m", 1)), result(0, counting("n", 1))];
    let row = "[1,1]";
    let joined = |mark: &str| {
        format!(
            "{{\"results\":[{{\"statement_id\":0,\"series\":[{{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\
             \"values\":[{row},{row}]{mark}}},{{\"name\":\"n\",\"columns\":[\"time\",\"v\"],\"values\":[{row}]}}]}}]}}\n"
        )
    };
    let ns = AnswerOptions { epoch: Some(TimeUnit::Nanosecond), ..PLAIN };
    check(ns, pieces(), &joined(""));
    // spec: compat.query.merged-partial.1
    check(observed(ns), pieces(), &joined(",\"partial\":true"));
    check(observed(AnswerOptions { chunk_rows: 2, ..ns }), pieces(), &joined(""));
}

// spec: http.chunked.5
#[test]
fn series_of_one_chunk_share_a_document() {
    let joined = StatementResult { joins_next: true, more: true, ..result(0, counting("a", 20_000)) };
    let (text, _) = document(CHUNKED, vec![joined, result(0, counting("b", 1)), result(1, counting("c", 1))]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("\"name\":\"a\"") && lines[0].contains(",20000]"));
    assert!(lines[0].contains("\"name\":\"b\"") && !lines[0].contains("partial"), "{}", lines[0]);
}

// spec: http.chunked.3, http.chunked.4
#[test]
fn a_chunk_is_a_document_that_says_what_follows() {
    let ns = AnswerOptions { epoch: Some(TimeUnit::Nanosecond), ..CHUNKED };
    let mut first = result(0, counting("m", 1));
    first.more = true;
    if let Some(series) = &mut first.series {
        series.more_rows = true;
    }
    let mut second = result(0, counting("m", 1));
    second.more = true;
    check(
        ns,
        vec![first, second, result(0, counting("n", 1)), empty(1), error(2, "no")],
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\
         \"values\":[[1,1]],\"partial\":true}],\"partial\":true}]}\n\
         {\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\
         \"values\":[[1,1]]}],\"partial\":true}]}\n\
         {\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"n\",\"columns\":[\"time\",\"v\"],\"values\":[[1,1]]}]}]}\n\
         {\"results\":[{\"statement_id\":1}]}\n\
         {\"results\":[{\"statement_id\":2,\"error\":\"no\"}]}\n",
    );
}

// spec: http.errors.1
#[test]
fn an_error_replaces_what_its_statement_answered_before() {
    let pieces = || vec![empty(0), result(1, counting("m", 2)), error(1, "broken"), error(2, "not executed")];
    check(
        PLAIN,
        pieces(),
        "{\"results\":[{\"statement_id\":0},{\"statement_id\":1,\"error\":\"broken\"},\
         {\"statement_id\":2,\"error\":\"not executed\"}]}\n",
    );
    check(CSV, pieces(), "");
    check(CSV, [vec![result(0, counting("m", 1))], pieces().split_off(1)].concat(), "name,tags,time,v\nm,,1,1\n");
}

// spec: http.errors.2
#[test]
fn an_error_after_sent_rows_follows_them() {
    let pieces = vec![result(0, counting("m", 10_000)), error(0, "broken")];
    let (text, _) = document(PLAIN, pieces.clone());
    assert!(text.starts_with("{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\""));
    assert!(text.ends_with("10000]]}],\"error\":\"broken\"}]}\n"), "{}", &text[text.len() - 60..]);
    // 1.2.4 has the whole result in memory and drops it.
    check(observed(PLAIN), pieces, "{\"results\":[{\"statement_id\":0,\"error\":\"broken\"}]}\n");
}

// spec: http.messages.1
#[test]
fn messages_follow_the_series() {
    let mut piece = result(0, counting("m", 0));
    piece.messages = vec!["deprecated use of 'X' in <a>".to_owned()];
    check(
        PLAIN,
        vec![piece],
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"]}],\
         \"messages\":[{\"level\":\"warning\",\"text\":\"deprecated use of 'X' in \\u003ca\\u003e\"}]}]}\n",
    );
}

// spec: http.max-row-limit.1, http.max-row-limit.2
#[test]
fn the_row_limit_cuts_and_marks_the_series_that_passes_it() {
    let limited = AnswerOptions { rows_max: Some(3), epoch: Some(TimeUnit::Nanosecond), ..PLAIN };
    let head = "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":";
    let check = |pieces: Vec<StatementResult>, want: &str, taken: usize| {
        assert_eq!(document(limited, pieces), (format!("{head}{want}"), taken));
    };
    check(vec![result(0, counting("m", 4)), empty(1)], "[[1,1],[2,2],[3,3]],\"partial\":true}]}]}\n", 1);
    check(vec![result(0, counting("m", 3)), empty(1)], "[[1,1],[2,2],[3,3]]}]}]}\n", 1);
    check(vec![result(0, counting("m", 2)), empty(1)], "[[1,1],[2,2]]}]},{\"statement_id\":1}]}\n", 2);
    check(
        vec![result(0, counting("m", 2)), result(0, counting("n", 2)), empty(1)],
        "[[1,1],[2,2]]},{\"name\":\"n\",\"columns\":[\"time\",\"v\"],\"values\":[[1,1]],\"partial\":true}]}]}\n",
        2,
    );
    let mut cut_by_a_piece = result(0, counting("m", 3));
    if let Some(series) = &mut cut_by_a_piece.series {
        series.more_rows = true;
    }
    check(vec![cut_by_a_piece], "[[1,1],[2,2],[3,3]],\"partial\":true}]}]}\n", 1);
    assert_eq!(document(AnswerOptions { chunked: true, ..limited }, vec![result(0, counting("m", 4)); 2]).1, 2);
}

// spec: compat.query.row-limit-overrun.1
#[test]
fn after_a_statement_that_met_the_limit_one_more_runs_unseen_in_profile_1_2_4() {
    let limited = observed(AnswerOptions { rows_max: Some(3), ..CSV });
    let want = "name,tags,time,v\nm,,1,1\nm,,2,2\nm,,3,3\n".to_owned();
    assert_eq!(document(limited, vec![result(0, counting("m", 3)), empty(1), empty(2)]), (want.clone(), 2));
    let mut unfinished = result(0, counting("m", 4));
    unfinished.more = true;
    assert_eq!(document(limited, vec![unfinished, empty(1)]), (want, 1));
}

// spec: http.json.9, compat.query.infinity.1
#[test]
fn infinite_values_are_null_or_break_the_document() {
    let infinite = || {
        let up = vec![Value::Time(Timestamp(1)), Value::Float(f64::INFINITY)];
        let down = vec![Value::Time(Timestamp(1)), Value::Float(f64::NEG_INFINITY)];
        vec![result(0, series("m", up)), result(0, series("n", down)), empty(1)]
    };
    let ns = AnswerOptions { epoch: Some(TimeUnit::Nanosecond), ..PLAIN };
    check(
        ns,
        infinite(),
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[1,null]]},\
         {\"name\":\"n\",\"columns\":[\"time\",\"v\"],\"values\":[[1,null]]}]},{\"statement_id\":1}]}\n",
    );
    let text = "json: error calling MarshalJSON for type httpd.Response: json: error calling MarshalJSON for type \
                *influxql.Result: json: unsupported value: ";
    check(observed(PLAIN), infinite(), &format!("{text}+Inf\n"));
    let chunks = format!("{text}+Inf\n{text}-Inf\n{{\"results\":[{{\"statement_id\":1}}]}}\n");
    check(observed(CHUNKED), infinite(), &chunks);
    check(CSV, infinite(), "name,tags,time,v\nm,,1,+Inf\nn,,1,-Inf\n");
    let nan = vec![result(0, series("m", vec![Value::Time(Timestamp(1)), Value::Float(f64::NAN)]))];
    check(observed(PLAIN), nan, &format!("{text}NaN\n"));
}

// spec: http.csv.2, http.csv.3
#[test]
fn csv_has_a_header_for_each_statement_that_has_series() {
    check(
        CSV,
        vec![result(0, counting("m", 1)), empty(1), error(2, "no"), result(3, counting("m", 0))],
        "name,tags,time,v\nm,,1,1\n\nname,tags,time,v\n",
    );
    let pieces = vec![result(0, counting("m", 1)), result(0, counting("m", 1)), result(1, counting("n", 1))];
    let want = "name,tags,time,v\nm,,1,1\nm,,1,1\n\nname,tags,time,v\nn,,1,1\n";
    check(CSV, pieces.clone(), want);
    check(AnswerOptions { chunked: true, ..CSV }, pieces, want);
}

// spec: http.csv.4
#[test]
fn csv_fields_are_quoted_where_they_must_be() {
    for (text, field) in [
        ("plain", "plain"),
        ("with, comma", "\"with, comma\""),
        ("with \"quotes\"", "\"with \"\"quotes\"\"\""),
        ("two\nlines", "\"two\nlines\""),
        (" lead", "\" lead\""),
        ("\u{a0}lead", "\"\u{a0}lead\""),
        ("trail ", "trail "),
        ("", ""),
        ("tab\there", "tab\there"),
        ("\\.", "\"\\.\""),
    ] {
        let cells = vec![Value::Time(Timestamp(1)), Value::String(text.into())];
        check(CSV, vec![result(0, series("m", cells))], &format!("name,tags,time,v\nm,,1,{field}\n"));
    }
}

// spec: http.csv.6
#[test]
fn csv_tags_are_pairs_with_escapes_and_without_empty_values() {
    let check = |tags: &[(&str, &str)], field: &str| {
        let mut rows = counting("m", 1);
        rows.tags = tags.iter().map(|&(k, v)| (Text::from(k), Text::from(v))).collect();
        check(CSV, vec![result(0, rows)], &format!("name,tags,time,v\nm,{field},1,1\n"));
    };
    check(&[("a", "1"), ("b", "2")], "\"a=1,b=2\"");
    check(&[("a", "x y"), ("b", "p,q")], "\"a=x\\ y,b=p\\,q\"");
    check(&[("a", "k=v"), ("b", "")], "a=k\\=v");
    check(&[("a", "")], "");
}

// spec: http.csv.7, http.csv.8
#[test]
fn a_null_cell_repeats_the_cell_above_or_stays_empty() {
    let rows = |name: &str, values: Vec<Value>| {
        series(name, values.into_iter().flat_map(|value| [Value::Time(Timestamp(1)), value]).collect())
    };
    let pieces = || {
        vec![
            result(0, rows("m", vec![Value::Null, Value::Integer(5), Value::Null])),
            result(0, rows("n", vec![Value::Null, Value::Ordinal(7), Value::List(vec!["a".into(), "b".into()])])),
            result(1, rows("m", vec![Value::Null])),
        ]
    };
    check(
        CSV,
        pieces(),
        "name,tags,time,v\nm,,1,v\nm,,1,5\nm,,1,5\nn,,1,5\nn,,1,5\nn,,1,5\n\nname,tags,time,v\nm,,1,v\n",
    );
    let mut empty_cells = CSV;
    empty_cells.csv_null_cells = CsvNullCells::Empty;
    check(
        empty_cells,
        pieces(),
        "name,tags,time,v\nm,,1,\nm,,1,5\nm,,1,\nn,,1,\nn,,1,7\nn,,1,\"a,b\"\n\nname,tags,time,v\nm,,1,\n",
    );
}

// spec: http.limits.6
#[test]
fn a_long_answer_leaves_in_pieces() {
    for options in [PLAIN, CSV, observed(PLAIN)] {
        let mut answer = Answer::new(options);
        let mut sent = 0;
        let mut longest = 0;
        for _ in 0..60 {
            assert_eq!(answer.add(result(0, counting("m", 10_000))), ControlFlow::Continue(()));
            let ready = answer.ready().unwrap_or_default();
            longest = longest.max(ready.len());
            sent += ready.len();
        }
        let rest = answer.finish().len();
        let held = options.held_bytes();
        let piece = sent / 40;
        assert!(rest <= held + piece, "{rest}");
        assert!(longest <= held + 2 * piece, "{longest}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    /// However pieces are cut and sent, the document is the same.
    #[test]
    fn json_answers_are_json(sizes in proptest::collection::vec((0_usize..3, 0_i64..2000), 0..12)) {
        let mut sorted = sizes;
        sorted.sort_by_key(|&(id, _)| id);
        let pieces: Vec<_> = sorted.iter().map(|&(id, n)| result(id, counting("m", n))).collect();
        let (text, _) = document(PLAIN, pieces);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows: usize = read["results"].as_array().map_or(0, |results| {
            results.iter().filter_map(|r| r["series"][0]["values"].as_array()).map(Vec::len).sum()
        });
        proptest::prop_assert_eq!(rows, sorted.iter().map(|&(_, n)| n as usize).sum::<usize>());
    }
}

/// A piece of `m` with the rows of `times`, of which more follow.
fn part(times: &[i64], more_rows: bool) -> StatementResult {
    let cells = times.iter().flat_map(|i| [Value::Time(Timestamp(*i)), Value::Integer(*i)]).collect();
    StatementResult { more: more_rows, ..result(0, SeriesRows { more_rows, ..series("m", cells) }) }
}

// spec: http.chunked.2, http.chunked.3, http.chunked.4, select.pieces.2
#[test]
fn pieces_that_are_smaller_than_a_chunk_share_its_document() {
    let options = AnswerOptions { epoch: Some(TimeUnit::Nanosecond), chunk_rows: 3, ..CHUNKED };
    let head = "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":";
    let full = format!("{head}[[1,1],[2,2],[3,3]],\"partial\":true}}],\"partial\":true}}]}}\n");
    let last = format!("{head}[[4,4]]}}]}}]}}\n");
    let pieces = vec![part(&[1], true), part(&[2, 3], true), part(&[4], false)];
    check(options, pieces, &format!("{full}{last}"));
    let cut = format!("{head}[[4,4]],\"partial\":true}}],\"partial\":true}}]}}\n");
    let errors = "{\"results\":[{\"statement_id\":0,\"error\":\"no\"}]}\n";
    let pieces = vec![part(&[1, 2], true), part(&[3], true), part(&[4], true), error(0, "no")];
    check(options, pieces, &format!("{full}{cut}{errors}"));
    let other = "{\"results\":[{\"statement_id\":1,\"error\":\"no\"}]}\n";
    check(options, vec![part(&[4], true), error(1, "no")], &format!("{cut}{other}"));
    let mut answer = Answer::new(options);
    assert!(answer.add(part(&[1], true)).is_continue());
    assert!(answer.ready().is_some_and(|bytes| bytes.ends_with(b"[1,1]")), "a document is sent as it is made");
}
