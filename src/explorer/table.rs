//! Answers as tables.

use maud::{Markup, html};

use super::cell::{Cell, Series};

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeForm {
    /// In UTC, as RFC 3339 has it.
    #[default]
    Utc,
    /// In the time zone of the browser, if scripts run.
    Local,
    /// As nanoseconds since 1970.
    Epoch,
}

impl TimeForm {
    /// The form with this name; UTC by default.
    pub fn named(name: &str) -> TimeForm {
        TIME_FORMS.iter().find(|(_, known, _)| *known == name).map_or(TimeForm::Utc, |(form, _, _)| *form)
    }

    pub(super) fn name(self) -> &'static str {
        TIME_FORMS.iter().find(|(form, _, _)| *form == self).map_or("utc", |(_, name, _)| name)
    }
}

/// The forms with their names and labels.
pub(super) const TIME_FORMS: [(TimeForm, &str, &str); 3] = [
    (TimeForm::Utc, "utc", "UTC"),
    (TimeForm::Local, "local", "Local time (with scripts)"),
    (TimeForm::Epoch, "epoch", "Nanoseconds since 1970"),
];

/// A table of the rows of a series. It is a group and not a region, which would be a landmark: there may be many with one title.
pub(super) fn table(series: &Series, times: TimeForm) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(series.title()) {
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
