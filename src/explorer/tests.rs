//! The pages as a browser gets them.

use std::time::Duration;

use fluxstone_model::Timestamp;

use super::*;

/// A name that would become part of a page or of a statement if it were not escaped.
const HOSTILE: &str = "<script>alert(1)</script>\"'&\\";

fn frame() -> Frame {
    Frame { token: "token".to_owned(), user: None }
}

fn listing(rows: &[&[&str]]) -> Listing {
    let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
    Listing { rows, ..Listing::default() }
}

fn series(columns: &[&str], rows: Vec<Vec<Cell>>) -> Series {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Series { name: "m".to_owned(), tags: vec![("host".to_owned(), HOSTILE.to_owned())], columns, rows }
}

fn answered(view: View, times: TimeForm, series: Series) -> String {
    let rows = series.rows.len();
    let answers = vec![StatementAnswer { series: vec![series], ..StatementAnswer::default() }];
    let outcome = Outcome::Answered {
        chart: (view == View::Chart).then(|| chart(&answers)).flatten(),
        answers,
        cost: Cost { took: Duration::from_micros(1500), points: 7, blocks_decoded: 1, blocks_summarized: 2 },
        rows_before: 200,
        rows,
        has_more: true,
    };
    let page = QueryPage {
        database: HOSTILE.to_owned(),
        text: format!("SELECT {HOSTILE}"),
        view,
        times,
        page_rows: 200,
        server: "http://localhost:8086".to_owned(),
        outcome: Some(outcome),
        ..QueryPage::default()
    };
    query_page(&frame(), &page)
}

fn check_escaped(page: &str) {
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert!(!page.contains("style=\"") && !page.contains("onclick"), "{page}");
    for part in page.split(['"', '\'']).filter(|part| part.starts_with("http")) {
        assert!(part.starts_with("http://www.w3.org/2000/svg") || part.starts_with("http://localhost:8086"), "{part}");
    }
}

/// Every control has a label, or a text of its own.
fn check_labels(page: &str) {
    for tag in page.split('<') {
        let is_control = ["input ", "select ", "textarea "].iter().any(|name| tag.starts_with(name));
        if is_control && !tag.contains("type=\"hidden\"") {
            let id = tag.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            assert!(page.contains(&format!("<label for=\"{id}\">")), "{tag}");
        }
    }
    let forms = page.matches("method=\"post\"").count();
    assert_eq!(page.matches("name=\"token\" value=\"token\"").count(), forms);
}

// spec: explorer.page.1, explorer.tree.1
#[test]
fn the_tree_shows_names_as_text_and_quotes_them_in_statements() {
    let tree = TreePage {
        databases: listing(&[&["other"], &[HOSTILE]]),
        counts: vec![DatabaseCounts {
            database: "other".to_owned(),
            measurements: "7".to_owned(),
            series: "9".to_owned(),
        }],
        database: HOSTILE.to_owned(),
        policies: listing(&[&["autogen", "duration 0s", "", "", "default"]]),
        measurements: Listing { has_more: true, ..listing(&[&["we\"ather"]]) },
        open: Some(OpenMeasurement {
            name: "we\"ather".to_owned(),
            tag_keys: listing(&[&["ci'ty"]]),
            field_keys: listing(&[&["temp", "float"]]),
            tag: Some(("ci'ty".to_owned(), listing(&[&["O'slo"]]))),
        }),
        part_rows: 200,
    };
    let page = tree_page(&frame(), &tree);
    check_escaped(&page);
    check_labels(&page);
    let count = "<span class=\"count\">7 measurements, 9 series</span>";
    assert!(page.contains(count) && page.contains("more than 1") && page.contains(">float</span>"), "{page}");
    let statement = r#"SELECT * FROM "we\"ather" WHERE "ci'ty" = 'O\'slo' ORDER BY time DESC LIMIT 100"#;
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("db", HOSTILE).append_pair("q", statement).finish();
    assert!(page.contains(&format!("/explorer/query?{}", query.replace('&', "&amp;"))), "{page}");
}

// spec: explorer.page.1, explorer.query.2, explorer.query.3, explorer.query.8
#[test]
fn tables_show_types_nulls_and_times() {
    let row = vec![
        Cell::Time(Timestamp(1_488_327_378_000_000_000)),
        Cell::Null,
        Cell::Text("null".to_owned()),
        Cell::Text(String::new()),
        Cell::Float(-3.5),
        Cell::Integer(7),
        Cell::Boolean(true),
    ];
    for (times, shown) in [
        (TimeForm::Utc, "<td class=\"time\" title=\"1488327378000000000\">2017-03-01T00:16:18Z</td>"),
        (TimeForm::Local, "<time datetime=\"2017-03-01T00:16:18Z\">2017-03-01T00:16:18Z</time>"),
        (TimeForm::Epoch, "<td class=\"time\" title=\"2017-03-01T00:16:18Z\">1488327378000000000</td>"),
    ] {
        let page = answered(View::Table, times, series(&["time", "a", "b", "c", "d", "e", "f"], vec![row.clone()]));
        check_escaped(&page);
        check_labels(&page);
        for shown in [
            shown,
            "<td class=\"null\" title=\"null\">null</td>",
            "<td class=\"string\" title=\"string\">null</td>",
            "<td class=\"string\" title=\"string\"></td>",
            "<td class=\"float\" title=\"float\">-3.5</td>",
            "<td class=\"integer\" title=\"integer\">7</td>",
            "<td class=\"boolean\" title=\"boolean\">true</td>",
            "Rows 201 to 201 of more, in 1.5 ms; read 7 points from 1 block, and the summary of 2 blocks",
            "&amp;row=201\" rel=\"next\"",
            "rel=\"prev\"",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
    }
}

// spec: explorer.page.1
#[test]
fn the_command_for_curl_is_quoted_for_a_shell() {
    let page = answered(View::Table, TimeForm::Utc, series(&["time"], Vec::new()));
    let command = "curl 'http://localhost:8086/query' --data-urlencode 'db=&lt;script&gt;alert(1)&lt;/script&gt;&quot;'\\''&amp;\\'";
    assert!(page.contains(command), "{page}");
}

// spec: explorer.query.4
#[test]
fn a_chart_has_gaps_a_legend_and_titles() {
    let at = |seconds: i64| Cell::Time(Timestamp(seconds * 1_000_000_000));
    let rows = vec![
        vec![at(0), Cell::Float(1.0), Cell::Text("x".to_owned())],
        vec![at(10), Cell::Float(2.0), Cell::Null],
        vec![at(20), Cell::Null, Cell::Null],
        vec![at(30), Cell::Integer(4), Cell::Null],
        vec![at(40), Cell::Integer(3), Cell::Null],
    ];
    let page = answered(View::Chart, TimeForm::Utc, series(&["time", "v", "s"], rows));
    check_escaped(&page);
    let colour = "stroke=\"#1F77B4\"";
    let lines = page.split("<polyline").filter(|line| line.to_ascii_uppercase().contains(&colour.to_ascii_uppercase()));
    assert_eq!(lines.count(), 2, "{page}");
    assert_eq!(page.matches("<circle").count(), 4);
    assert!(page.contains("m, host=&lt;script&gt;") && page.contains("\n1970-01-01T00:00:30Z\n4</title>"), "{page}");
    assert!(page.contains("From 1970-01-01T00:00:00Z to 1970-01-01T00:00:40Z"), "{page}");
    let page = answered(View::Chart, TimeForm::Utc, series(&["time", "s"], vec![vec![at(0), Cell::Null]]));
    assert!(page.contains("There is no chart of this"), "{page}");
}

// spec: explorer.limits.1, explorer.query.4
#[test]
fn charts_of_extreme_and_of_many_values_are_drawn() {
    let rows = |count: i64, value: fn(i64) -> f64| {
        (0..count).map(|at| vec![Cell::Time(Timestamp(i64::MIN + at)), Cell::Float(value(at))]).collect::<Vec<_>>()
    };
    let draw =
        |rows| chart(&[StatementAnswer { series: vec![series(&["time", "v"], rows)], ..StatementAnswer::default() }]);
    let many = draw(rows(6_000, |at| at as f64)).expect("a chart");
    assert!(many.is_cut && many.legend.len() == 1);
    assert!(draw(rows(1, |_| f64::MAX)).is_some());
    let mut far = rows(2, |at| if at == 0 { f64::MIN } else { f64::MAX });
    far[1][0] = Cell::Time(Timestamp(i64::MAX));
    assert!(draw(far).is_some());
    assert!(draw(rows(2, |_| f64::NAN)).is_none());
}

// spec: explorer.query.5
#[test]
fn a_problem_marks_its_place_and_shows_its_clause() {
    let problem = Problem {
        text: "error parsing query: found FORM, expected FROM at line 2, char 3".to_owned(),
        clause: Some("influxql.position.1"),
    };
    assert_eq!(problem.place(), Some(Place { line: 2, character: 3 }));
    let page = QueryPage {
        text: "SELECT *\n  <FORM m".to_owned(),
        outcome: Some(Outcome::Refused(problem)),
        ..QueryPage::default()
    };
    let page = query_page(&frame(), &page);
    assert!(page.contains("line 2: </span>  <mark>&lt;</mark>FORM m</pre>"), "{page}");
    assert!(page.contains("href=\"/explorer/clause?id=influxql.position.1\""), "{page}");
    assert!(
        clause_text("influxql.position.1")
            .is_some_and(|text| page.contains(&text.chars().take(20).collect::<String>()))
    );
    assert_eq!(Problem { text: "no place".to_owned(), clause: None }.place(), None);
}

// spec: explorer.clause.1
#[test]
fn clauses_have_their_own_text_only() {
    let text = clause_text("explorer.csrf.2").expect("a clause");
    assert!(text.starts_with("A form whose `Origin`") && !text.contains("**["), "{text}");
    for id in ["", "explorer.csrf", "explorer.csrf.99", "x\n", "explorer.csrf.2]** "] {
        assert_eq!(clause_text(id), None, "{id}");
        assert_eq!(clause_page(&frame(), id), None, "{id}");
    }
}

// spec: explorer.page.1, explorer.write.2, explorer.status.1
#[test]
fn the_other_pages_escape_and_label_what_they_show() {
    let problem = Problem { text: HOSTILE.to_owned(), clause: Some("lp.point.2") };
    let write = WritePage {
        databases: vec![HOSTILE.to_owned()],
        policy: HOSTILE.to_owned(),
        text: format!("</textarea>{HOSTILE}"),
        outcome: Some(WriteOutcome::Failed {
            problem: problem.clone(),
            lines: vec![LineProblem { line: 3, text: HOSTILE.to_owned(), problem: problem.clone() }],
            has_more: false,
            others: OtherLines::Stored,
        }),
        ..WritePage::default()
    };
    let page = write_page(&frame(), &write);
    check_escaped(&page);
    check_labels(&page);
    assert!(page.contains("<td class=\"integer\">3</td>"), "{page}");
    let queries = Series {
        columns: ["qid", "query"].map(str::to_owned).to_vec(),
        rows: vec![vec![Cell::Ordinal(7), Cell::Text(HOSTILE.to_owned())]],
        ..Series::default()
    };
    let status = StatusPage {
        kill_problem: Some(problem.clone()),
        sections: vec![
            Section { title: "Running queries", series: Ok(vec![queries]) },
            Section { title: "Shards", series: Err(problem.clone()) },
        ],
    };
    let page = status_page(&frame(), &status);
    check_escaped(&page);
    check_labels(&page);
    assert!(page.contains("name=\"qid\" value=\"7\"") && page.contains("aria-label=\"Kill query 7\""), "{page}");
    let user = Frame { user: Some(HOSTILE.to_owned()), ..frame() };
    check_escaped(&login_page(&user, Some(&problem)));
    check_labels(&login_page(&frame(), None));
    check_escaped(&message_page(&frame(), "Refused", &problem));
}

// spec: explorer.write.2
#[test]
fn a_write_that_fails_says_which_points_are_stored() {
    let shown = |has_more, others| {
        let problem = |text: &str| Problem { text: text.to_owned(), clause: Some("write.shard.5") };
        let lines = vec![LineProblem { line: 3, text: "m v=1".to_owned(), problem: problem("why") }];
        let outcome = Some(WriteOutcome::Failed { problem: problem("the whole"), lines, has_more, others });
        write_page(&frame(), &WritePage { outcome, ..WritePage::default() })
    };
    let stored =
        "<p>These lines are not stored. All points without a problem that the retention policy keeps are stored.";
    for (has_more, others, expected) in [
        (false, OtherLines::Stored, stored),
        (true, OtherLines::Stored, "<p>These lines are not stored. There are more lines with problems. All points"),
        (false, OtherLines::StoredInOtherShards, "<p>These lines are not stored. At least one shard"),
        (false, OtherLines::None, "<p>No line can be read, and nothing is stored.</p>"),
        (false, OtherLines::Refused, "<p>These lines cannot be read, either.</p>"),
    ] {
        let page = shown(has_more, others);
        assert!(page.contains(expected), "{page}");
        let is_refused = others == OtherLines::Refused;
        assert_eq!(page.contains("<p>the whole</p>"), is_refused, "{page}");
        assert_eq!(page.contains("<pre>the whole</pre>"), !is_refused, "{page}");
    }
}

// spec: explorer.page.1
#[test]
fn the_files_of_pages_load_nothing() {
    for file in [STYLE, SCRIPT] {
        for part in ["http:", "https:", "url(", "@import", "import(", "eval(", "innerHTML", "XMLHttpRequest"] {
            assert!(!file.text.contains(part), "{part}");
        }
    }
    assert_eq!(SCRIPT.text.matches("fetch(").count(), 1);
}
