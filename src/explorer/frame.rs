//! What all pages share: the head, the navigation, and what their forms must have.

use maud::{DOCTYPE, Markup, html};

use super::cell::Problem;
use super::clauses::clause_text;
use super::links::address;

/// The pages that the navigation lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// The tree of databases.
    Data,
    /// Queries.
    Query,
    /// Writes.
    Write,
    /// The state of the server.
    Status,
    /// None of these.
    Other,
}

/// What a page needs to know besides its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The token that each form sends back.
    pub token: String,
    /// Who is logged in.
    pub user: Option<String>,
}

/// The places that the navigation leads to.
const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Data, "/explorer/", "Data"),
    (Tab::Query, "/explorer/query", "Query"),
    (Tab::Write, "/explorer/write", "Write"),
    (Tab::Status, "/explorer/status", "Status"),
];

/// Returns a whole page.
pub(super) fn page(frame: &Frame, tab: Tab, title: &str, database: &str, main: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Fluxstone" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/explorer/style.css";
                script src="/explorer/script.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    strong { "Fluxstone" }
                    nav aria-label="Pages" {
                        @for (at, path, name) in TABS {
                            a href=(address(path, &[("db", if at == Tab::Status { "" } else { database })]))
                                aria-current=[(at == tab).then_some("page")] { (name) }
                        }
                    }
                    @if let Some(user) = &frame.user {
                        form.logout method="post" action="/explorer/logout" {
                            (token_field(frame))
                            span { (user) }
                            button type="submit" { "Log out" }
                        }
                    }
                }
                main id="main" {
                    h1 { (title) }
                    (main)
                }
            }
        }
    };
    markup.into_string()
}

/// The field that shows that a form comes from this server.
pub(super) fn token_field(frame: &Frame) -> Markup {
    html! { input type="hidden" name="token" value=(frame.token); }
}

/// A choice of one of several names. The one that is selected is listed even if it does not exist.
pub(super) fn select(id: &str, name: &str, label: &str, choices: &[String], selected: &str, empty: &str) -> Markup {
    let is_listed = selected.is_empty() || choices.iter().any(|choice| choice == selected);
    html! {
        label for=(id) { (label) }
        select id=(id) name=(name) {
            option value="" selected[selected.is_empty()] { (empty) }
            @if !is_listed { option value=(selected) selected { (selected) } }
            @for choice in choices {
                option value=(choice) selected[choice == selected] { (choice) }
            }
        }
    }
}

/// A message about something that failed, with the clause that says so.
pub(super) fn problem(problem: &Problem) -> Markup {
    html! {
        div.problem role="alert" {
            p { (problem.text) }
            @if let Some(id) = problem.clause { (clause(id)) }
        }
    }
}

/// A clause, with its text.
pub(super) fn clause(id: &str) -> Markup {
    html! {
        details.clause {
            summary { "Clause " (id) }
            @if let Some(text) = clause_text(id) { pre { (text) } }
            // Not in the summary, which is a control itself.
            p { a href=(address("/explorer/clause", &[("id", id)])) { (id) } " on a page of its own" }
        }
    }
}
