//! The page that runs queries: the text, and what it returned as tables or as a chart.

use std::time::Duration;

use fluxstone_influxql::zoomed;
use maud::{Markup, html};

use super::cell::{Problem, StatementAnswer};
use super::chart::Chart;
use super::frame::{Frame, Tab, page, problem, select, token_field};
use super::links::{address, shell_word};
use super::table::{TIME_FORMS, TimeForm, table};

/// How rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// As tables.
    #[default]
    Table,
    /// As a chart of the columns with numbers.
    Chart,
}

impl View {
    /// The view with this name; tables by default.
    pub fn named(name: &str) -> View {
        if name == View::Chart.name() { View::Chart } else { View::Table }
    }

    fn name(self) -> &'static str {
        match self {
            View::Table => "table",
            View::Chart => "chart",
        }
    }
}

/// What became of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was not run: it would change something, and only came as an address.
    NotRun,
    /// It was refused as a whole.
    Refused(Problem),
    /// It was run.
    Answered {
        /// What its statements returned, as far as this page shows it.
        answers: Vec<StatementAnswer>,
        /// The chart of it, if it was asked for and there is one.
        chart: Option<Chart>,
        /// What it took.
        cost: Cost,
        /// The number of rows before the first one that is shown.
        rows_before: usize,
        /// The number of rows that are shown.
        rows: usize,
        /// Whether more rows follow.
        has_more: bool,
    },
}

/// What a query took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// The time from its acceptance to its last row.
    pub took: Duration,
    /// The points that were read.
    pub points: u64,
    /// The stored blocks that were decoded.
    pub blocks_decoded: u64,
    /// The stored blocks of which only the summary was needed.
    pub blocks_summarized: u64,
}

/// The page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryPage {
    /// The databases to choose from.
    pub databases: Vec<String>,
    /// The one that is chosen; may be empty.
    pub database: String,
    /// The text of the query.
    pub text: String,
    /// How rows are shown.
    pub view: View,
    /// How times are shown.
    pub times: TimeForm,
    /// The most rows of a page.
    pub page_rows: usize,
    /// The address of the server, for other clients: `http://host:port`.
    pub server: String,
    /// What became of the query, if there was one.
    pub outcome: Option<Outcome>,
}

/// Returns the page.
pub fn query_page(frame: &Frame, query: &QueryPage) -> String {
    let main = html! {
        form.stacked id="query" method="post" action="/explorer/query" {
            (token_field(frame))
            div.row { (select("db", "db", "Database", &query.databases, &query.database, "none")) }
            label for="q" { "InfluxQL" }
            textarea id="q" name="q" rows="6" spellcheck="false" autocapitalize="off" autocomplete="off"
                data-names="/explorer/names" { "\n" (query.text) }
            div.row {
                label for="view" { "Show as" }
                select id="view" name="view" {
                    option value="table" selected[query.view == View::Table] { "Table" }
                    option value="chart" selected[query.view == View::Chart] { "Chart" }
                }
                label for="times" { "Times" }
                select id="times" name="times" {
                    @for (form, name, label) in TIME_FORMS {
                        option value=(name) selected[query.times == form] { (label) }
                    }
                }
                button type="submit" { "Run" }
            }
        }
        div id="script-tools" hidden {}
        @if let Some(outcome) = &query.outcome { (shown(frame, query, outcome)) }
    };
    page(frame, Tab::Query, "Query", &query.database, &main)
}

fn shown(frame: &Frame, query: &QueryPage, outcome: &Outcome) -> Markup {
    html! {
        section aria-label="Result" id="result" {
            @match outcome {
                Outcome::NotRun => p.note role="status" { "This query may change something. " strong { "Run" } " runs it." },
                Outcome::Refused(refused) => {
                    (problem(refused))
                    (marked(refused, &query.text))
                }
                Outcome::Answered { answers, chart, cost, rows_before, rows, has_more } => {
                    p.note role="status" {
                        (summary(*rows_before, *rows, *has_more)) ", in " (format!("{:.1}", cost.took.as_secs_f64() * 1000.0)) " ms"
                        @if *cost != (Cost { took: cost.took, ..Cost::default() }) { "; " (reads(cost)) }
                    }
                    @if query.view == View::Chart {
                        @match chart {
                            Some(chart) => { (chart.markup()) (zoom(frame, query, chart)) }
                            None => p.note { "There is no chart of this: it has no column of numbers beside " code { "time" } "." },
                        }
                    }
                    @for answer in answers { (statement(query, answer, answers.len() > 1)) }
                    (parts(query, *rows_before, *rows, *has_more))
                    (elsewhere(frame, query))
                }
            }
        }
    }
}

/// What was read.
fn reads(cost: &Cost) -> String {
    let some = |count: u64, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    format!(
        "read {} from {}, and the summary of {}",
        some(cost.points, "point"),
        some(cost.blocks_decoded, "block"),
        some(cost.blocks_summarized, "block")
    )
}

/// A form that shows a part of the times of a chart. The script fills it in when somebody draws over the chart.
fn zoom(frame: &Frame, query: &QueryPage, chart: &Chart) -> Markup {
    let [first, last] = [chart.range().0, chart.range().1].map(|time| time.to_string());
    if zoomed(&query.text, &first, &last).is_none() {
        return html! {};
    }
    html! {
        form.row id="zoom" method="post" action="/explorer/query" {
            (token_field(frame))
            @for (name, value) in [
                ("db", query.database.as_str()), ("q", &query.text), ("view", View::Chart.name()), ("times", query.times.name()),
            ] {
                input type="hidden" name=(name) value=(value);
            }
            label for="from" { "From" }
            input id="from" name="from" value=(first) size="30" spellcheck="false" autocomplete="off";
            label for="to" { "to" }
            input id="to" name="to" value=(last) size="30" spellcheck="false" autocomplete="off";
            button type="submit" { "Show this part" }
        }
    }
}

fn summary(rows_before: usize, rows: usize, has_more: bool) -> String {
    match (rows, has_more) {
        (0, _) => "No rows".to_owned(),
        (1, false) if rows_before == 0 => "1 row".to_owned(),
        (_, false) if rows_before == 0 => format!("{rows} rows"),
        (_, false) => format!("Rows {} to {}", rows_before + 1, rows_before + rows),
        (_, true) => format!("Rows {} to {} of more", rows_before + 1, rows_before + rows),
    }
}

fn statement(query: &QueryPage, answer: &StatementAnswer, is_one_of_many: bool) -> Markup {
    html! {
        @if is_one_of_many { h2 { "Statement " (answer.number + 1) } }
        @for message in &answer.messages { p.note { (message) } }
        @if let Some(failed) = &answer.problem { (problem(failed)) }
        @if query.view == View::Table {
            @for series in &answer.series { (table(series, query.times)) }
        }
    }
}

/// The line of the text that a problem names, with a mark below the character.
fn marked(problem: &Problem, text: &str) -> Markup {
    let Some(place) = problem.place() else { return html! {} };
    let Some(line) = text.split('\n').nth(place.line.saturating_sub(1)) else { return html! {} };
    let before: String = line.chars().take(place.character.saturating_sub(1)).collect();
    let at: String = line.chars().skip(place.character.saturating_sub(1)).take(1).collect();
    let after: String = line.chars().skip(place.character).collect();
    html! {
        pre.marked {
            span.count { "line " (place.line) ": " } (before) mark { @if at.trim().is_empty() { "␣" } @else { (at) } } (after)
        }
    }
}

/// Links to the pages of rows before and after this one.
fn parts(query: &QueryPage, rows_before: usize, rows: usize, has_more: bool) -> Markup {
    let at = |row: usize| {
        let row = if row == 0 { String::new() } else { row.to_string() };
        let parameters = [
            ("db", query.database.as_str()),
            ("q", &query.text),
            ("view", query.view.name()),
            ("times", query.times.name()),
            ("row", &row),
        ];
        address("/explorer/query", &parameters)
    };
    html! {
        @if query.view == View::Table && (rows_before > 0 || has_more) {
            p.parts {
                @if rows_before > 0 { a href=(at(rows_before.saturating_sub(query.page_rows))) rel="prev" { "Previous rows" } " " }
                @if has_more && rows > 0 { a href=(at(rows_before + rows)) rel="next" { "Next rows" } }
            }
        }
    }
}

/// The same result for other programs: as a file, and as a command.
fn elsewhere(frame: &Frame, query: &QueryPage) -> Markup {
    let mut command = format!("curl {}", shell_word(&format!("{}/query", query.server)));
    if frame.user.is_some() {
        command.push_str(" -u ");
        command.push_str(&shell_word(frame.user.as_deref().unwrap_or_default()));
    }
    for (name, value) in [("db", &query.database), ("q", &query.text)] {
        if !value.is_empty() {
            command.push_str(" --data-urlencode ");
            command.push_str(&shell_word(&format!("{name}={value}")));
        }
    }
    html! {
        form.row method="post" action="/explorer/download" {
            (token_field(frame))
            input type="hidden" name="db" value=(query.database);
            input type="hidden" name="q" value=(query.text);
            button type="submit" name="format" value="csv" { "Download CSV" }
            button type="submit" name="format" value="json" { "Download JSON" }
        }
        details { summary { "The same with curl" } pre.command { (command) } }
    }
}
