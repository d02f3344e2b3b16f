//! The page that runs queries, the names that its script completes, and results as files.

use std::sync::Arc;

use fluxstone_explorer::{Frame, Outcome, POINTS_MAX, QueryPage, TimeForm, View, chart, query_page, quoted_name};
use fluxstone_influxql::zoomed;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;

use super::answers::{self, problem_of};
use super::collect::Part;
use super::listing::databases;
use super::run::{Statements, run};
use super::visitor::{Form, Visitor};
use crate::api::Api;
use crate::context::ServerContext;
use crate::gate::Turn;
use crate::parameters::Parameters;
use crate::query::stream_file;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::socket::Peer;

/// The most rows of a page with tables.
const PAGE_ROWS: usize = 200;

/// The most names to complete.
const COMPLETIONS_MAX: usize = 1_000;

/// Returns the page. Its query is run unless it would change something and may not: a link must not change anything, but a form may.
pub(super) async fn answered<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    visitor: &Visitor,
    parameters: &Parameters,
    may_change: bool,
) -> Result<String, Refusal> {
    let mut page = QueryPage {
        database: parameters.text("db"),
        text: typed(&parameters.text("q")),
        view: View::named(&parameters.text("view")),
        times: TimeForm::named(&parameters.text("times")),
        page_rows: PAGE_ROWS,
        server: server(context, parts),
        ..QueryPage::default()
    };
    let (from, to) = (parameters.text("from"), parameters.text("to"));
    if !from.is_empty() && !to.is_empty() {
        // Other statements have no part.
        page.text = zoomed(&page.text, from.trim(), to.trim()).unwrap_or(page.text);
    }
    if !page.text.trim().is_empty() {
        let rows_before = if may_change { 0 } else { parameters.text("row").parse().unwrap_or_default() };
        page.outcome = Some(outcome(context, client, visitor, &page, rows_before, may_change).await?);
    }
    // After the query, which may have changed them.
    page.databases = databases(context, client, visitor).await?;
    let frame = visitor.frame.clone();
    // A large page takes milliseconds, in which the thread of the connection would serve nobody else.
    let pass = context.answers.pass(Turn::of(client.address, 0)).await;
    pass.run(move || drawn(&frame, page)).await.map_err(|_| {
        context.counters.panics.add(1);
        Refusal::Panicked
    })
}

/// Returns the page, with its chart if it has one.
fn drawn(frame: &Frame, mut page: QueryPage) -> String {
    if let (View::Chart, Some(Outcome::Answered { answers, chart: drawing, .. })) = (page.view, &mut page.outcome) {
        *drawing = chart(answers);
    }
    query_page(frame, &page)
}

/// Runs the query of a page.
async fn outcome<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    page: &QueryPage,
    rows_before: usize,
    may_change: bool,
) -> Result<Outcome, Refusal> {
    let rows_before = if page.view == View::Table { rows_before } else { 0 };
    let statements = Statements {
        principal: visitor.principal(),
        text: page.text.trim().to_owned(),
        database: page.database.clone(),
        may_change,
        part: Part {
            rows_before,
            rows_max: if page.view == View::Table { PAGE_ROWS } else { POINTS_MAX },
            limit: context.options.rows_max,
        },
    };
    let ran = match run(context, client, statements).await {
        Ok(ran) => ran,
        Err(refusal @ Refusal::Query(_)) => return Ok(Outcome::Refused(problem_of(&refusal))),
        Err(refusal) => return Err(refusal),
    };
    let Some(collected) = ran.collected else { return Ok(Outcome::NotRun) };
    Ok(Outcome::Answered {
        // Drawn with the page.
        chart: None,
        answers: collected.answers,
        cost: ran.cost,
        rows_before,
        rows: collected.rows,
        has_more: collected.has_more,
    })
}

/// What was typed: browsers send line ends as CR LF.
fn typed(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The address of this server as the browser knows it.
fn server<A: Api>(context: &ServerContext<A>, parts: &Parts) -> String {
    let host = parts.headers.get(header::HOST).map_or(&[][..], HeaderValue::as_bytes);
    let scheme = if context.options.is_encrypted { "https" } else { "http" };
    format!("{scheme}://{}", String::from_utf8_lossy(host))
}

/// Returns the names of a database as InfluxQL writes them, in JSON.
pub(super) async fn names<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    parameters: &Parameters,
) -> Result<Reply, Refusal> {
    let part = Part { rows_before: 0, rows_max: COMPLETIONS_MAX, limit: context.options.rows_max };
    let text = "SHOW MEASUREMENTS; SHOW FIELD KEYS; SHOW TAG KEYS".to_owned();
    let statements = Statements { database: parameters.text("db"), ..Statements::reading(visitor, text, part) };
    let collected = run(context, client, statements).await?.collected.unwrap_or_default();
    let rows = collected.answers.into_iter().flat_map(|answer| answer.series).flat_map(|series| series.rows);
    let mut names: Vec<String> = rows.filter_map(|row| row.first().map(|name| quoted_name(&name.text()))).collect();
    names.sort_unstable();
    names.dedup();
    let json = serde_json::Value::from(names).to_string();
    answers::text(visitor, context.body_memory.reservation(), "application/json", json).await
}

/// Returns the whole result of a query as a file.
pub(super) async fn download<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    form: Form,
) -> Result<Reply, Refusal> {
    let csv = form.fields.get("format") == b"csv";
    let query = (typed(&form.fields.text("q")).trim().to_owned(), form.fields.text("db"));
    if query.0.is_empty() {
        return Err(Refusal::NoQuery);
    }
    let body = stream_file(context, client, visitor.principal(), query, csv, form.memory).await?;
    let mut reply = Reply::new(body);
    let (content_type, disposition) = if csv {
        ("text/csv; charset=utf-8", "attachment; filename=\"result.csv\"")
    } else {
        ("application/json", "attachment; filename=\"result.json\"")
    };
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(reply)
}
