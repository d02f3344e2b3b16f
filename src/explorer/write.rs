//! The page that writes points, with the problem of each line beside it.

use maud::{Markup, html};

use super::cell::Problem;
use super::frame::{Frame, Tab, clause, page, problem, select, token_field};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// The number of the line, from 1 on.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// All points that the retention policy keeps are stored.
    Stored,
    /// Some points, or all, are not.
    Failed {
        /// What other clients are told.
        problem: Problem,
        /// The first lines that cannot be read or whose points are not stored for reasons of their own.
        lines: Vec<LineProblem>,
        /// Whether there are more of them.
        has_more: bool,
        /// What became of the points of the others.
        others: OtherLines,
    },
}

/// What became of the points of the lines that have no problem of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherLines {
    /// There are none: no line can be read.
    None,
    /// They are stored.
    Stored,
    /// They are stored, except where a shard refused all of its points.
    StoredInOtherShards,
    /// The write failed as a whole.
    Refused,
}

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WritePage {
    /// The databases to choose from.
    pub databases: Vec<String>,
    /// The one that is chosen; may be empty.
    pub database: String,
    /// The policies of the database to choose from.
    pub policies: Vec<String>,
    /// The one that is chosen; empty is the default one.
    pub policy: String,
    /// The unit of times, as the parameter of `/write`.
    pub precision: String,
    /// The lines.
    pub text: String,
    /// What became of them, if they were sent.
    pub outcome: Option<WriteOutcome>,
}

const PRECISIONS: [(&str, &str); 6] = [
    ("n", "nanoseconds"),
    ("u", "microseconds"),
    ("ms", "milliseconds"),
    ("s", "seconds"),
    ("m", "minutes"),
    ("h", "hours"),
];

/// Returns the page.
pub fn write_page(frame: &Frame, write: &WritePage) -> String {
    let main = html! {
        @if let Some(outcome) = &write.outcome { (shown(outcome)) }
        form.stacked id="write" method="post" action="/explorer/write" {
            (token_field(frame))
            div.row {
                (select("db", "db", "Database", &write.databases, &write.database, "choose one"))
                (select("rp", "rp", "Retention policy", &write.policies, &write.policy, "the default one"))
                label for="precision" { "Times in" }
                select id="precision" name="precision" {
                    @for (name, label) in PRECISIONS {
                        option value=(name) selected[name == write.precision] { (label) }
                    }
                }
            }
            label for="lines" { "Line protocol, a point in each line" }
            textarea id="lines" name="lines" rows="12" spellcheck="false" autocapitalize="off" autocomplete="off"
                placeholder="weather,city=Oslo temperature=-3.5" { "\n" (write.text) }
            button type="submit" { "Write" }
        }
    };
    page(frame, Tab::Write, "Write", &write.database, &main)
}

fn shown(outcome: &WriteOutcome) -> Markup {
    match outcome {
        WriteOutcome::Stored => {
            html! { p.done role="status" { "All points that the retention policy keeps are stored." } }
        }
        WriteOutcome::Failed { problem: refused, lines, .. } if lines.is_empty() => problem(refused),
        WriteOutcome::Failed { problem: refused, lines, has_more, others } => html! {
            @if *others == OtherLines::Refused { (problem(refused)) }
            div.problem role="alert" {
                p { (summary(*others, *has_more)) }
                div.scroll tabindex="0" role="region" aria-label="Lines with problems" {
                    table {
                        thead { tr { th scope="col" { "Line" } th scope="col" { "Text" } th scope="col" { "Problem" } } }
                        tbody {
                            @for line in lines {
                                tr {
                                    td.integer { (line.line) }
                                    td.string { (line.text) }
                                    td { (line.problem.text) @if let Some(id) = line.problem.clause { (clause(id)) } }
                                }
                            }
                        }
                    }
                }
                @if *others != OtherLines::Refused {
                    details { summary { "The whole message" } pre { (refused.text) } }
                }
            }
        },
    }
}

/// Which points are stored, in front of the lines that have problems. Points that are too old for their policy are dropped
/// without a message.
fn summary(others: OtherLines, has_more: bool) -> String {
    let (these, which) = match others {
        OtherLines::None => ("No line can be read, and nothing is stored.", ""),
        OtherLines::Stored => {
            ("These lines are not stored.", "All points without a problem that the retention policy keeps are stored.")
        }
        OtherLines::StoredInOtherShards => (
            "These lines are not stored.",
            "At least one shard, the points of a span of time, has refused all of its points. \
             Points without a problem in other shards are stored if the retention policy keeps them.",
        ),
        OtherLines::Refused => ("These lines cannot be read, either.", ""),
    };
    let more = if has_more { "There are more lines with problems." } else { "" };
    [these, more, which].iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(" ")
}
