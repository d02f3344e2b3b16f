//! Pages that only say something: why a request was refused, and what a clause says.

use maud::html;

use super::cell::Problem;
use super::clauses::clause_text;
use super::frame::{Frame, Tab, page, problem};

/// Returns a page that says why a request was refused.
pub fn message_page(frame: &Frame, title: &str, refused: &Problem) -> String {
    page(frame, Tab::Other, title, "", &html! { (problem(refused)) })
}

/// Returns a page with the text of a clause, if there is such a clause.
pub fn clause_page(frame: &Frame, id: &str) -> Option<String> {
    let text = clause_text(id)?;
    Some(page(frame, Tab::Other, id, "", &html! { pre.clause { (text) } }))
}
