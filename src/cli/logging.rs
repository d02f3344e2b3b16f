//! The log of the process: what is logged, and whether as lines for people or as JSON. It goes to standard error.

use std::fmt;
use std::io::IsTerminal as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, fmt};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{LogFormat, LogLevel, Logging};

/// What requests are logged under.
const ACCESS: &str = "fluxstone::access";

/// Begins to log. `FLUXSTONE_LOG` takes precedence over the level, in the syntax of `EnvFilter`.
pub(super) fn begin(logging: &Logging) {
    let filter = EnvFilter::builder()
        .with_default_directive(level(logging.level).into())
        .with_env_var("FLUXSTONE_LOG")
        .from_env_lossy();
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match logging.format {
        LogFormat::Auto | LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            log.with_ansi(colours).event_format(Lines::default()).init();
        }
        LogFormat::Json => log.json().init(),
    }
}

fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    }
}

/// Lines for people, in which requests have the form that InfluxDB gives them, so that its tools can read them.
#[derive(Debug, Default)]
struct Lines(Format<Full>);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if event.metadata().target() != ACCESS {
            return self.0.format_event(context, writer, event);
        }
        let mut message = Message::default();
        event.record(&mut message);
        writeln!(writer, "[httpd] {}", message.0)
    }
}

/// The message of an event, without its other fields.
#[derive(Debug, Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
