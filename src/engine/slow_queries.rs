//! The log of slow queries: those that take longer than `[coordinator] log-queries-after`, while they run and in InfluxDB's words.

use std::fmt::Write as _;

use fluxstone_go::DurationText;

use super::Core;
use super::queries::Running;

/// The most characters of a query that are logged.
const TEXT_CHARS_MAX: usize = 10_000;

impl Core {
    /// Logs the running queries that have become slow.
    pub(super) fn log_slow_queries(&self) {
        if self.options.log_queries_after.is_zero() {
            return;
        }
        for running in self.queries.list() {
            self.log_if_slow(&running);
        }
    }

    /// Logs a query if it is slow and was not logged yet.
    pub(super) fn log_if_slow(&self, running: &Running) {
        let threshold = self.options.log_queries_after;
        if threshold.is_zero() || running.started.elapsed() < threshold || !running.set_logged() {
            return;
        }
        tracing::warn!("{}", line(running, i64::try_from(threshold.as_nanos()).unwrap_or(i64::MAX)));
    }
}

/// The text of the message. Passwords do not occur in the normal form of a query.
fn line(running: &Running, threshold_ns: i64) -> String {
    format!(
        "Detected slow query: {} (qid: {}, database: {}, threshold: {})",
        in_one_line(&running.text),
        running.id,
        in_one_line(&running.database),
        DurationText(threshold_ns)
    )
}

/// The text with control characters escaped, so that it cannot pretend to be another line, and cut if it is long.
fn in_one_line(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(TEXT_CHARS_MAX) {
        if c.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::Principal;
    use super::super::queries::Registry;
    use super::*;

    // spec: watch.slow.1, watch.slow.2
    #[test]
    fn a_slow_query_is_one_line_in_the_words_of_influxdb() {
        let registry = Registry::new(0);
        let text = format!("SELECT \"a\x1b\" FROM m;\nSELECT {}", "x".repeat(20_000));
        let registration = registry.register(text, "d\n".into(), Principal::Anyone, true).unwrap();
        let line = line(&registration.running, 1_500_000_000);
        assert!(line.starts_with("Detected slow query: SELECT \"a\\u{1b}\" FROM m;\\nSELECT xxx"), "{line}");
        assert!(line.ends_with("x... (qid: 1, database: d\\n, threshold: 1.5s)"), "{line}");
        assert!(line.len() < TEXT_CHARS_MAX + 200 && !line.contains(char::is_control));
    }
}
