//! The page about the server, and the end of a running query.

use std::sync::Arc;

use fluxstone_explorer::{Cell, Problem, Section, Series, StatusPage, status_page};

use super::answers::{page, problem_of, see_other};
use super::collect::Part;
use super::run::{Statements, run};
use super::visitor::{Form, Visitor};
use crate::api::Api;
use crate::context::ServerContext;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::socket::Peer;

/// The most rows of each statement.
const ROWS_MAX: usize = 500;

const CONTINUOUS_QUERIES: &str = "SHOW CONTINUOUS QUERIES";

/// What the page shows. All but the memory are of the kind that has slots of its own, so that the page works on a busy server.
const SECTIONS: [(&str, &str); 7] = [
    ("Running queries", "SHOW QUERIES"),
    ("Server", "SHOW DIAGNOSTICS"),
    ("Memory and threads", "SHOW STATS FOR 'runtime'"),
    ("Shards", "SHOW SHARDS"),
    ("Subscriptions", "SHOW SUBSCRIPTIONS"),
    ("Continuous queries", CONTINUOUS_QUERIES),
    ("Storage", "SHOW STATS FOR 'storage'"),
];

/// Returns the page. `kill_problem` says why a query was not killed.
pub(super) async fn status<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    kill_problem: Option<Problem>,
) -> Result<String, Refusal> {
    let mut sections = Vec::new();
    for (title, text) in SECTIONS {
        let part = Part { rows_before: 0, rows_max: ROWS_MAX, limit: None };
        let statements = Statements::reading(visitor, text.to_owned(), part);
        let series = match run(context, client, statements).await {
            Ok(ran) => {
                let answers = ran.collected.unwrap_or_default().answers;
                let problem = answers.iter().find_map(|answer| answer.problem.clone());
                let mut series: Vec<Series> = answers.into_iter().flat_map(|answer| answer.series).collect();
                if text == CONTINUOUS_QUERIES {
                    for series in &mut series {
                        add_last_runs(&*context.api, series);
                    }
                }
                problem.map_or(Ok(series), Err)
            }
            Err(refusal @ Refusal::Query(_)) => Err(problem_of(&refusal)),
            Err(refusal) => return Err(refusal),
        };
        sections.push(Section { title, series });
    }
    Ok(status_page(&visitor.frame, &StatusPage { kill_problem, sections }))
}

/// Adds a column with the last run of each continuous query of a database, which has the name of the series.
fn add_last_runs(api: &impl Api, series: &mut Series) {
    series.columns.push("last run".to_owned());
    for row in &mut series.rows {
        let last = row.first().and_then(|name| api.last_run(&series.name, &name.text()));
        row.push(last.map_or(Cell::Null, Cell::Time));
    }
}

/// Kills a query.
pub(super) async fn kill<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    form: Form,
) -> Result<Reply, Refusal> {
    let id = form.fields.text("qid").parse::<u64>().unwrap_or_default();
    let part = Part { rows_before: 0, rows_max: 1, limit: None };
    let statements = Statements { may_change: true, ..Statements::reading(visitor, format!("KILL QUERY {id}"), part) };
    let problem = match run(context, client, statements).await {
        Ok(ran) => ran.collected.unwrap_or_default().answers.into_iter().find_map(|answer| answer.problem),
        Err(refusal @ Refusal::Query(_)) => Some(problem_of(&refusal)),
        Err(refusal) => return Err(refusal),
    };
    if problem.is_none() {
        return Ok(see_other(visitor, "/explorer/status"));
    }
    let html = status(context, client, visitor, problem).await?;
    page(visitor, form.memory, html).await
}
