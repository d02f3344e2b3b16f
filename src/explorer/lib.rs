//! The pages of the explorer, which people look at in a browser: typed models in, HTML and SVG out. Does no I/O and knows neither
//! the engine nor HTTP. All text that comes from clients is escaped by the templates; only the SVG of charts, whose texts are
//! escaped here or by the chart library, is inserted as it is.
//!
//! | file | what it holds |
//! |---|---|
//! | `cell` | the models of answers: cells, series, statements, problems |
//! | `frame` | what all pages share: head, navigation, hidden fields of forms |
//! | `links` | addresses of pages, and statements with quoted names |
//! | `tree`, `query`, `write`, `status`, `login`, `message` | the pages |
//! | `table` | answers as tables |
//! | `chart`, `scale` | answers as charts, and the ticks of their axes |
//! | `clauses` | the texts of the clauses of the specification |
//! | `assets` | the style sheet and the script |

mod assets;
mod cell;
mod chart;
mod clauses;
mod frame;
mod links;
mod login;
mod message;
mod query;
mod scale;
mod status;
mod table;
mod tree;
mod write;

pub use assets::{Asset, SCRIPT, STYLE};
pub use cell::{Cell, Place, Problem, Series, StatementAnswer};
pub use chart::{Chart, LINES_MAX, LegendEntry, POINTS_MAX, chart};
pub use clauses::clause_text;
pub use frame::{Frame, Tab};
pub use links::{quoted_name, quoted_string};
pub use login::login_page;
pub use message::{clause_page, message_page};
pub use query::{Cost, Outcome, QueryPage, View, query_page};
pub use status::{Section, StatusPage, status_page};
pub use table::TimeForm;
pub use tree::{DatabaseCounts, Listing, OpenMeasurement, TreePage, tree_page};
pub use write::{LineProblem, OtherLines, WriteOutcome, WritePage, write_page};

#[cfg(test)]
mod tests;
