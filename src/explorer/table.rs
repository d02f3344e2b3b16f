//! Answers as tables.

use maud::{Markup, html};

use super::cell::{Cell, Series};
use super::query::TimeForm;

/// A table of the rows of a series.
pub(super) fn table(series: &Series, times: TimeForm) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(series.title()) {
            table {
                @if !series.title().is_empty() { caption { (series.title()) } }
                thead {
                    tr { @for column in &series.columns { th scope="col" { (column) } } }
                }
                tbody {
                    @for row in &series.rows {
                        tr { @for value in row { (cell(value, times)) } }
                    }
                }
            }
        }
    }
}

/// A cell, whose type is visible and in its title.
pub(super) fn cell(value: &Cell, times: TimeForm) -> Markup {
    let class = value.type_name();
    match (value, times) {
        (Cell::Null, _) => html! { td class=(class) title=(class) { "null" } },
        (Cell::Time(time), TimeForm::Epoch) => html! { td class=(class) title=(time) { (time.0) } },
        (Cell::Time(time), TimeForm::Utc) => html! { td class=(class) title=(time.0) { (time) } },
        (Cell::Time(time), TimeForm::Local) => {
            html! { td class=(class) title=(time.0) { time datetime=(time) { (time) } } }
        }
        _ => html! { td class=(class) title=(class) { (value.text()) } },
    }
}
