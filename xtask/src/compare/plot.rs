//! Charts: a line for each server over logarithmic axes, as SVG.

use std::path::Path;

use anyhow::Context as _;
use plotters::prelude::*;

/// The size of a chart, in pixels.
const SIZE: (u32, u32) = (640, 400);
/// The colours of the servers: readable on light and dark pages, and for people who see few colours.
const COLOURS: [RGBColor; 2] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0)];
const FONT: &str = "sans-serif";

/// A chart of both servers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// The name of its file, without the extension.
    name: String,
    title: String,
    x: String,
    y: String,
    /// Fluxstone's line and the peer's.
    pub(super) lines: [Line; 2],
}

/// The points of one server, all of them positive, in the order of `x`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line(pub(super) Vec<(f64, f64)>);

impl Chart {
    pub(super) fn new(name: &str, title: &str, x: &str, y: &str) -> Chart {
        Chart { name: name.into(), title: title.into(), x: x.into(), y: y.into(), lines: Default::default() }
    }
}

/// Draws a chart into a file in `directory`.
pub(super) fn draw(chart: &Chart, servers: &[String; 2], directory: &Path) -> anyhow::Result<()> {
    let path = directory.join(format!("{}.svg", chart.name));
    let image = svg(chart, servers).with_context(|| chart.name.clone())?;
    std::fs::write(&path, image).with_context(|| path.display().to_string())?;
    println!("{}", path.display());
    Ok(())
}

fn svg(chart: &Chart, servers: &[String; 2]) -> anyhow::Result<String> {
    let points = || chart.lines.iter().flat_map(|Line(points)| points);
    let (x, y) = (bounds(points().map(|(x, _)| *x))?, bounds(points().map(|(_, y)| *y))?);
    let mut image = String::new();
    {
        let area = SVGBackend::with_string(&mut image, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut axes = ChartBuilder::on(&area)
            .caption(&chart.title, (FONT, 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())?;
        axes.configure_mesh()
            .x_desc(&chart.x)
            .y_desc(&chart.y)
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .light_line_style(WHITE)
            .draw()?;
        for ((Line(points), colour), server) in chart.lines.iter().zip(COLOURS).zip(servers) {
            axes.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
                .label(server)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        axes.configure_series_labels().background_style(WHITE).border_style(BLACK).label_font((FONT, 12)).draw()?;
        area.present()?;
    }
    Ok(image)
}

/// Returns the powers of ten around all values, which are positive.
fn bounds(values: impl Iterator<Item = f64> + Clone) -> anyhow::Result<(f64, f64)> {
    let (min, max) = values.fold((f64::INFINITY, 0.0_f64), |(min, max), value| (min.min(value), max.max(value)));
    anyhow::ensure!(min > 0.0 && max.is_finite() && min <= max, "values from {min} to {max} cannot be drawn");
    Ok((10_f64.powf(min.log10().floor()), 10_f64.powf(max.log10().floor() + 1.0)))
}

/// Returns a short text of a number on an axis.
fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e4 => format!("{}k", value / 1e3),
        value => format!("{}", (value * 1e6).round() / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_both_lines_and_the_texts() {
        let mut chart = Chart::new("c", "CPU", "series", "ms");
        chart.lines = [Line(vec![(10.0, 0.5), (1e6, 3.0)]), Line(vec![(10.0, 7.0), (1e6, 40.0)])];
        let image = svg(&chart, &["ours 1".to_owned(), "theirs <2>".to_owned()]).unwrap();
        for text in ["<svg", "CPU", "series", "ms", "ours 1", "theirs &lt;2&gt;", "1M"] {
            assert!(image.contains(text), "{text}: {image}");
        }
        assert!(image.matches("<polyline").count() >= 2);
    }

    #[test]
    fn axes_begin_and_end_at_powers_of_ten() {
        assert_eq!(bounds([3.0, 70.0].into_iter()).unwrap(), (1.0, 100.0));
        assert_eq!(bounds([10.0].into_iter()).unwrap(), (10.0, 100.0));
        assert!(bounds([0.0, 1.0].into_iter()).is_err());
        assert!(bounds(std::iter::empty()).is_err());
    }
}
