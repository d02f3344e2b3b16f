//! Answers as charts: a line for each series and column with numbers, which is interrupted where there is no value. The lines and
//! axes are drawn by `plotters`; each value is marked by a circle, whose title browsers show when the pointer is on it.

use std::fmt::Write as _;

use fluxstone_model::Timestamp;
use maud::{Markup, PreEscaped, html};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::cell::{Cell, Series, StatementAnswer};
use super::scale::{Tick, number_ticks, place, time_place, time_ticks};

/// The most values of a chart.
pub const POINTS_MAX: usize = 5_000;

/// The most lines of a chart.
pub const LINES_MAX: usize = 50;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 420;

/// Colours that can be told apart, also by most people who see fewer of them, on white and on black.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xb0, 0x8a, 0x00),
    RGBColor(0x56, 0xa4, 0xd9),
    RGBColor(0x8c, 0x6b, 0xb1),
    RGBColor(0x80, 0x80, 0x80),
];

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What is inside the `svg` element.
    drawing: String,
    /// What the lines are.
    pub legend: Vec<LegendEntry>,
    /// The first and the last time.
    range: (Timestamp, Timestamp),
    /// Whether there are more values or lines than a chart may have.
    pub is_cut: bool,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegendEntry {
    /// The colour as `#rrggbb`.
    pub colour: String,
    /// The series and the column.
    pub label: String,
}

/// A line before it is drawn.
struct Line {
    label: String,
    /// Values that follow one another without a gap.
    runs: Vec<Vec<(i64, f64)>>,
}

/// Draws the columns with numbers of all series that have a column `time`. Returns nothing if there are none.
pub fn chart(answers: &[StatementAnswer]) -> Option<Chart> {
    let mut left = POINTS_MAX;
    let mut is_cut = false;
    let mut lines = Vec::new();
    for series in answers.iter().flat_map(|answer| &answer.series) {
        for column in 1..series.columns.len() {
            if left == 0 || lines.len() == LINES_MAX {
                is_cut = true;
                break;
            }
            lines.extend(line(series, column, &mut left, &mut is_cut));
        }
    }
    let values = || lines.iter().flat_map(|line| line.runs.iter().flatten());
    let times = (values().map(|(time, _)| *time).min()?, values().map(|(time, _)| *time).max()?);
    let low = values().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let high = values().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let drawing = draw(&lines, times, (low, high)).ok()?;
    let legend = lines.iter().enumerate();
    let legend = legend.map(|(at, line)| LegendEntry { colour: hex(colour(at)), label: line.label.clone() }).collect();
    Some(Chart { drawing, legend, range: (Timestamp(times.0), Timestamp(times.1)), is_cut })
}

/// The line of a column, unless it has no numbers.
fn line(series: &Series, column: usize, left: &mut usize, is_cut: &mut bool) -> Option<Line> {
    let mut runs = vec![Vec::new()];
    for row in &series.rows {
        let (Some(Cell::Time(time)), Some(value)) = (row.first(), row.get(column)) else { continue };
        match value.number() {
            Some(_) if *left == 0 => {
                *is_cut = true;
                break;
            }
            Some(number) => {
                *left -= 1;
                runs.last_mut()?.push((time.0, number));
            }
            None if runs.last().is_some_and(Vec::is_empty) => {}
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    let title = series.title();
    let name = series.columns.get(column)?;
    let label = if title.is_empty() { name.clone() } else { format!("{title}: {name}") };
    (!runs.is_empty()).then_some(Line { label, runs })
}

fn colour(line: usize) -> RGBColor {
    COLOURS[line % COLOURS.len()]
}

fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// An axis from 0 to 1 with its own ticks.
struct Axis(Vec<f64>);

impl Axis {
    fn with(ticks: &[Tick]) -> Axis {
        Axis(ticks.iter().map(|tick| tick.at).collect())
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (f64::from(to - from) * value).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.0.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..1.0
    }
}

type DrawingResult<T> = Result<T, Box<dyn std::error::Error>>;

/// Returns what is inside the `svg` element. Both axes go from 0 to 1, so that no value is too large to be drawn.
fn draw(lines: &[Line], times: (i64, i64), (low, high): (f64, f64)) -> DrawingResult<String> {
    let mut svg = String::new();
    let mut marks = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        let (time_ticks, ticks) = (time_ticks(times.0, times.1), number_ticks(low, high));
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(28)
            .y_label_area_size(72)
            .build_cartesian_2d(Axis::with(&time_ticks), Axis::with(&ticks))?;
        let text = |ticks: &[Tick], at: f64| {
            ticks.iter().find(|tick| tick.at == at).map_or_else(String::new, |tick| tick.text.clone())
        };
        chart
            .configure_mesh()
            .x_label_formatter(&|at| text(&time_ticks, *at))
            .y_label_formatter(&|at| text(&ticks, *at))
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 13))
            .draw()?;
        for (number, line) in lines.iter().enumerate() {
            let style = ShapeStyle::from(colour(number)).stroke_width(2);
            for run in &line.runs {
                let placed =
                    || run.iter().map(|(time, value)| (time_place(*time, times.0, times.1), place(*value, low, high)));
                chart.draw_series(LineSeries::new(placed(), style))?;
                for (at, (time, value)) in placed().zip(run) {
                    let (x, y) = chart.backend_coord(&at);
                    let title =
                        html! { title { (line.label) "\n" (Timestamp(*time)) "\n" (Cell::Float(*value).text()) } };
                    write!(
                        marks,
                        "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{}\">{}</circle>",
                        hex(colour(number)),
                        title.into_string()
                    )?;
                }
            }
        }
        root.present()?;
    }
    let inside = svg.split_once('>').and_then(|(_, inside)| inside.rsplit_once("</svg>"));
    let (inside, _) = inside.ok_or("the drawing is not an SVG")?;
    Ok(format!("{inside}{marks}"))
}

impl Chart {
    /// The first and the last time.
    pub(super) fn range(&self) -> (Timestamp, Timestamp) {
        self.range
    }

    /// The chart with its legend.
    pub(super) fn markup(&self) -> Markup {
        let (first, last) = self.range;
        html! {
            figure {
                div.scroll tabindex="0" role="region" aria-label="Chart" {
                    svg.chart xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
                        aria-label={ "Chart of " (self.legend.len()) " lines from " (first) " to " (last) } {
                        (PreEscaped(&self.drawing))
                    }
                }
                figcaption {
                    p { "From " (first) " to " (last) ", in UTC." @if self.is_cut { " There are more values than a chart shows." } }
                    ul.legend {
                        @for entry in &self.legend {
                            li {
                                svg width="14" height="14" aria-hidden="true" { rect width="14" height="14" rx="3" fill=(entry.colour) {} }
                                " " (entry.label)
                            }
                        }
                    }
                }
            }
        }
    }
}
