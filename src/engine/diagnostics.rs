//! SHOW STATS and SHOW DIAGNOSTICS. They list only values that the server really has. A module is a series with one row. What is
//! counted is left to `statistics`.

use std::sync::Arc;

use fluxstone_go::DurationText;
use fluxstone_model::{Nanos, Text};
use fluxstone_query::{SeriesRows, Value};
use fluxstone_storage::DamagedSegment;

use super::Core;
use super::authorize::refusal_of_continuous_query;
use super::counted::Statistics;

impl Core {
    /// SHOW STATS [FOR 'module'].
    pub(super) fn stats(&self, module: Option<&str>) -> Vec<SeriesRows> {
        let statistics = self.statistics().into_iter().filter(|s| module.is_none_or(|m| m == s.name));
        let series = |s: Statistics| {
            let tags: Vec<_> = s.tags.iter().map(|(key, value)| (*key, value.as_str())).collect();
            one_row(s.name, &tags, &s.values)
        };
        statistics.map(series).collect()
    }

    /// SHOW DIAGNOSTICS [FOR 'module'].
    pub(super) fn diagnostics(&self, module: Option<&str>) -> Vec<SeriesRows> {
        let text = |text: &str| Value::String(Text::from(text));
        let health = self.store.health();
        let now = self.clock.now();
        let uptime = Nanos(now.0.saturating_sub(self.started.0));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut series = vec![
            one_row(
                "build",
                &[],
                &[
                    ("Branch", text("unknown")),
                    ("Build Time", text("unknown")),
                    ("Commit", text("unknown")),
                    ("Version", text(env!("CARGO_PKG_VERSION"))),
                ],
            ),
            one_row("network", &[], &[("hostname", text(hostname.trim_end()))]),
            one_row(
                "runtime",
                &[],
                &[
                    ("GOARCH", text(std::env::consts::ARCH)),
                    ("GOMAXPROCS", Value::Integer(cores as i64)),
                    ("GOOS", text(std::env::consts::OS)),
                    // Of Go; there is none here.
                    ("version", text("none")),
                ],
            ),
            one_row(
                "storage",
                &[],
                &[
                    ("mode", text(health.mode.name())),
                    ("panics", Value::Integer(health.panics as i64)),
                    ("reason", text(health.reason.as_deref().unwrap_or_default())),
                    ("sealingError", text(health.sealing_error.as_deref().unwrap_or_default())),
                ],
            ),
            one_row(
                "system",
                &[],
                &[
                    ("PID", Value::Integer(i64::from(std::process::id()))),
                    ("currentTime", text(&now.to_string())),
                    ("started", text(&self.started.to_string())),
                    ("uptime", text(&DurationText(uptime.0).to_string())),
                ],
            ),
        ];
        self.refused_continuous_queries(&mut series);
        self.damaged_segments(&health.damaged_segments, &mut series);
        series.into_iter().filter(|s| module.is_none_or(|m| s.name == *m)).collect()
    }
}

impl Core {
    /// A series for each segment file that is known to be damaged.
    fn damaged_segments(&self, damaged: &[DamagedSegment], series: &mut Vec<SeriesRows>) {
        let catalog = self.catalog.visible();
        for DamagedSegment { path, database, shard, problem } in damaged {
            let database = catalog.databases().find(|known| known.id == *database);
            let shard = shard.0.to_string();
            let tags = [("database", database.map_or("", |known| known.name.as_str())), ("shard", &shard)];
            let text = |text: &str| Value::String(Text::from(text));
            let problem = problem.as_deref().unwrap_or("a part of it cannot be read");
            let columns = [("path", text(&path.display().to_string())), ("problem", text(problem))];
            series.push(one_row("damagedSegment", &tags, &columns));
        }
    }

    /// A series for each continuous query that is not allowed to run now.
    fn refused_continuous_queries(&self, series: &mut Vec<SeriesRows>) {
        let catalog = self.catalog.visible();
        for database in catalog.databases() {
            for query in &database.continuous_queries {
                let Some(reason) = refusal_of_continuous_query(&catalog, query) else { continue };
                let tags = [("database", database.name.as_str()), ("name", query.name.as_str())];
                let skipped = Value::String(Text::from(reason.as_str()));
                series.push(one_row("continuousQuery", &tags, &[("skipped", skipped)]));
            }
        }
    }
}

fn one_row(name: &str, tags: &[(&str, &str)], cells: &[(&str, Value)]) -> SeriesRows {
    SeriesRows {
        name: Text::from(name),
        tags: tags.iter().map(|(k, v)| (Text::from(*k), Text::from(*v))).collect(),
        columns: cells.iter().map(|(column, _)| Text::from(*column)).collect::<Arc<[Text]>>(),
        cells: cells.iter().map(|(_, cell)| cell.clone()).collect(),
        plain: None,
        more_rows: false,
    }
}
