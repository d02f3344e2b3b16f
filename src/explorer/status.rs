//! The page about the server: what its SHOW statements tell, and a button to kill each running query.

use maud::{Markup, html};

use super::cell::{Cell, Problem, Series};
use super::frame::{Frame, Tab, page, problem, token_field};
use super::table::{TimeForm, cell, table};

/// What one statement tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// The series, or why there are none.
    pub series: Result<Vec<Series>, Problem>,
}

/// The page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatusPage {
    /// Why a query could not be killed, if it was asked for.
    pub kill_problem: Option<Problem>,
    /// What the statements tell.
    pub sections: Vec<Section>,
}

/// Returns the page.
pub fn status_page(frame: &Frame, status: &StatusPage) -> String {
    let main = html! {
        @if let Some(failed) = &status.kill_problem { (problem(failed)) }
        @for section in &status.sections {
            section {
                h2 { (section.title) }
                @match &section.series {
                    Err(failed) => (problem(failed)),
                    Ok(series) if series.iter().all(|series| series.rows.is_empty()) => p.note { "None." },
                    Ok(series) => {
                        @for series in series {
                            @if series.columns.first().is_some_and(|column| column == "qid") { (queries(frame, series)) }
                            @else if series.rows.len() == 1 && series.columns.len() > 2 { (one_row(series)) }
                            @else if !series.rows.is_empty() { (table(series, TimeForm::Utc)) }
                        }
                    }
                }
            }
        }
    };
    page(frame, Tab::Status, "Status", "", &main)
}

/// A series with one row, a line for each column.
fn one_row(series: &Series) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(series.title()) {
            table {
                caption { (series.title()) }
                tbody {
                    @for (name, value) in series.columns.iter().zip(series.rows.iter().flatten()) {
                        tr { th scope="row" { (name) } (cell(value, TimeForm::Utc)) }
                    }
                }
            }
        }
    }
}

/// The running queries.
fn queries(frame: &Frame, series: &Series) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Running queries" {
            table {
                thead {
                    tr {
                        @for column in &series.columns { th scope="col" { (column) } }
                        th scope="col" { "Action" }
                    }
                }
                tbody {
                    @for row in &series.rows {
                        tr {
                            @for value in row { (cell(value, TimeForm::Utc)) }
                            td { (kill(frame, row.first())) }
                        }
                    }
                }
            }
        }
    }
}

fn kill(frame: &Frame, id: Option<&Cell>) -> Markup {
    let Some(id) = id.map(Cell::text) else { return html! {} };
    html! {
        form method="post" action="/explorer/kill" {
            (token_field(frame))
            input type="hidden" name="qid" value=(id);
            button type="submit" aria-label={ "Kill query " (id) } { "Kill" }
        }
    }
}
