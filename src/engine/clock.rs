//! The source of the current time: the operating system, or a clock that tests set. What becomes due when it is moved is left to
//! `clock_moves`.

use std::fmt;
use std::str::FromStr;
use std::time::{Instant, SystemTime};

use fluxstone_influxql::parse_duration;
use fluxstone_model::{Nanos, Timestamp};
use parking_lot::Mutex;

/// A source of the current time. Tests use one that they set.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The time of a clock that is never set, for timeouts.
    fn instant(&self) -> Instant {
        Instant::now()
    }

    /// The same clock, if it can be set.
    fn settable(&self) -> Option<&SettableClock> {
        None
    }
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Before 1970 or after 2262 the clock is wrong anyway, so the nearest representable time is good enough.
        let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Timestamp(nanos).clamp(Timestamp::MIN, Timestamp::MAX)
    }
}

/// How a clock starts, as `--clock` says it.
///
/// ```
/// use fluxstone_engine::ClockSetting;
/// use fluxstone_model::{Nanos, Timestamp};
/// assert_eq!("fixed:2017-03-01T00:16:18Z".parse(), Ok(ClockSetting::Fixed(Timestamp(1_488_327_378_000_000_000))));
/// assert_eq!("offset:-48h".parse(), Ok(ClockSetting::Offset(Nanos(-172_800_000_000_000))));
/// assert_eq!("offset:1970-01-01T00:00:00Z".parse(), Ok(ClockSetting::From(Timestamp(0))));
/// assert!("tomorrow".parse::<ClockSetting>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockSetting {
    /// `system`: the clock of the operating system.
    #[default]
    System,
    /// `fixed:TIME`: stands still at this time.
    Fixed(Timestamp),
    /// `offset:DURATION`: runs, ahead of the system's clock or behind it.
    Offset(Nanos),
    /// `offset:TIME`: runs, and begins at this time.
    From(Timestamp),
}

/// A text does not say how a clock starts, or where it is moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// Not a setting.
    #[error("not a clock: {0:?}; expected fixed:TIME, offset:DURATION, offset:TIME or system")]
    NotAClock(String),
    /// Not a time that a point can have.
    #[error("not a time in RFC 3339 between 1677 and 2262: {0:?}")]
    NotATime(String),
    /// Not a duration.
    #[error("not a duration such as 90m, -48h or 7d: {0:?}")]
    NotADuration(String),
}

/// Parses a time in RFC 3339.
fn time(text: &str) -> Result<Timestamp, ClockError> {
    let parsed = text.parse::<jiff::Timestamp>().ok().and_then(|time| i64::try_from(time.as_nanosecond()).ok());
    let in_range = parsed.map(Timestamp).filter(|time| (Timestamp::MIN..=Timestamp::MAX).contains(time));
    in_range.ok_or_else(|| ClockError::NotATime(text.to_owned()))
}

impl FromStr for ClockSetting {
    type Err = ClockError;

    fn from_str(text: &str) -> Result<ClockSetting, ClockError> {
        match text.split_once(':') {
            None if text == "system" => Ok(ClockSetting::System),
            Some(("fixed", at)) => time(at).map(ClockSetting::Fixed),
            Some(("offset", from)) if from.contains('T') => time(from).map(ClockSetting::From),
            Some(("offset", by)) => duration(by).map(ClockSetting::Offset),
            _ => Err(ClockError::NotAClock(text.to_owned())),
        }
    }
}

impl fmt::Display for ClockSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClockSetting::System => f.write_str("system"),
            ClockSetting::Fixed(at) => write!(f, "fixed:{at}"),
            // A literal has no smaller unit.
            ClockSetting::Offset(by) => write!(f, "offset:{}u", by.0 / 1000),
            ClockSetting::From(at) => write!(f, "offset:{at}"),
        }
    }
}

/// Parses a duration as InfluxQL writes it, with an optional sign.
fn duration(text: &str) -> Result<Nanos, ClockError> {
    parse_duration(text.strip_prefix('+').unwrap_or(text)).ok_or_else(|| ClockError::NotADuration(text.to_owned()))
}

/// Where a clock is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockMove {
    /// To this time. A clock that stands goes on standing, one that runs goes on running.
    To(Timestamp),
    /// By so much, also back.
    By(Nanos),
    /// As if it started with this setting.
    Restart(ClockSetting),
}

impl ClockMove {
    /// Reads a time, or how a clock starts.
    pub fn set(text: &str) -> Result<ClockMove, ClockError> {
        match text.parse() {
            Ok(setting) => Ok(ClockMove::Restart(setting)),
            Err(ClockError::NotAClock(_)) => time(text).map(ClockMove::To),
            Err(error) => Err(error),
        }
    }

    /// Reads a duration.
    pub fn advance(text: &str) -> Result<ClockMove, ClockError> {
        duration(text).map(ClockMove::By)
    }
}

/// What a clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hands {
    /// Always this time.
    Still(Timestamp),
    /// The system's time and so many nanoseconds.
    Running(i128),
}

impl Hands {
    fn of(setting: ClockSetting) -> Hands {
        match setting {
            ClockSetting::System => Hands::Running(0),
            ClockSetting::Fixed(at) => Hands::Still(at),
            ClockSetting::Offset(by) => Hands::Running(by.0.into()),
            ClockSetting::From(at) => Hands::Running(i128::from(at.0) - i128::from(SystemClock.now().0)),
        }
    }

    fn now(self) -> Timestamp {
        match self {
            Hands::Still(at) => at,
            Hands::Running(ahead) => nearest(i128::from(SystemClock.now().0) + ahead),
        }
    }

    /// The hands after a move.
    fn moved(self, to: ClockMove) -> Hands {
        match (to, self) {
            (ClockMove::Restart(setting), _) => Hands::of(setting),
            (ClockMove::To(at), Hands::Still(_)) => Hands::Still(at),
            (ClockMove::To(at), Hands::Running(_)) => Hands::of(ClockSetting::From(at)),
            (ClockMove::By(by), Hands::Still(at)) => Hands::Still(nearest(i128::from(at.0) + i128::from(by.0))),
            // From where it shows, which may be the end of what can be represented.
            (ClockMove::By(by), Hands::Running(_)) => {
                Hands::of(ClockSetting::From(nearest(i128::from(self.now().0) + i128::from(by.0))))
            }
        }
    }
}

/// The nearest time that a point can have.
fn nearest(time: i128) -> Timestamp {
    Timestamp(time.clamp(i128::from(Timestamp::MIN.0), i128::from(Timestamp::MAX.0)) as i64)
}

/// A clock that can be set.
#[derive(Debug)]
pub struct SettableClock {
    start: ClockSetting,
    hands: Mutex<Hands>,
}

impl SettableClock {
    /// A clock that starts as `start` says.
    pub fn new(start: ClockSetting) -> SettableClock {
        SettableClock { start, hands: Mutex::new(Hands::of(start)) }
    }

    /// Whether it shows the same time until it is moved.
    pub fn stands_still(&self) -> bool {
        matches!(*self.hands.lock(), Hands::Still(_))
    }

    /// Whether it shows the system's time.
    pub fn is_exact(&self) -> bool {
        *self.hands.lock() == Hands::Running(0)
    }

    /// The hands after a move.
    pub(super) fn after(&self, to: ClockMove) -> (Hands, Timestamp) {
        let hands = self.hands.lock().moved(to);
        (hands, hands.now())
    }

    /// Moves it.
    pub(super) fn put(&self, hands: Hands) {
        *self.hands.lock() = hands;
    }

    /// Starts it again.
    pub(super) fn restart(&self) {
        self.put(Hands::of(self.start));
    }
}

impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        let hands = *self.hands.lock();
        hands.now()
    }

    fn settable(&self) -> Option<&SettableClock> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // spec: control.clock.1
    #[test]
    fn settings_say_whether_the_clock_stands_or_runs() {
        let day = 86_400_000_000_000;
        for (text, expected) in [
            ("system", ClockSetting::System),
            ("fixed:1970-01-02T00:00:00Z", ClockSetting::Fixed(Timestamp(day))),
            ("fixed:1970-01-02T01:00:00+01:00", ClockSetting::Fixed(Timestamp(day))),
            ("offset:-1d", ClockSetting::Offset(Nanos(-day))),
            ("offset:+1d", ClockSetting::Offset(Nanos(day))),
            ("offset:12h720m", ClockSetting::Offset(Nanos(day))),
            ("offset:1970-01-02T00:00:00Z", ClockSetting::From(Timestamp(day))),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}");
        }
        for text in ["", "fixed", "fixed:", "fixed:1h", "offset:", "offset:5", "fixed:2300-01-01T00:00:00Z", "x:1h"] {
            assert!(text.parse::<ClockSetting>().is_err(), "{text}");
        }
    }

    // spec: control.clock.3
    #[test]
    fn a_clock_that_stands_goes_on_standing_and_one_that_runs_goes_on_running() {
        let still = SettableClock::new(ClockSetting::Fixed(Timestamp(5)));
        still.put(still.after(ClockMove::By(Nanos(-7))).0);
        assert!(still.stands_still());
        assert_eq!(still.now(), Timestamp(-2));
        still.put(still.after(ClockMove::By(Nanos(i64::MIN))).0);
        assert_eq!(still.now(), Timestamp::MIN);
        still.restart();
        assert_eq!(still.now(), Timestamp(5));

        let running = SettableClock::new(ClockSetting::System);
        assert!(running.is_exact());
        let noon = Timestamp(1_488_369_600_000_000_000);
        running.put(running.after(ClockMove::To(noon)).0);
        assert!(!running.stands_still() && !running.is_exact());
        assert!(running.now() >= noon && running.now().0 < noon.0 + 3_600_000_000_000);
        running.put(running.after(ClockMove::By(Nanos(i64::MAX))).0);
        assert_eq!(running.now(), Timestamp::MAX);
        running.put(running.after(ClockMove::By(Nanos(-3_600_000_000_000))).0);
        assert!(running.now() < Timestamp::MAX, "it runs on from the last time that it showed");
    }

    proptest! {
        #[test]
        fn any_text_is_a_move_or_an_error(text in "(fixed:|offset:|)[-+0-9a-zµ:.TZ]{0,30}|\\PC{0,20}") {
            for parsed in [ClockMove::set(&text), ClockMove::advance(&text)].into_iter().flatten() {
                for start in [ClockSetting::System, ClockSetting::Fixed(Timestamp::MAX)] {
                    let (_, shown) = SettableClock::new(start).after(parsed);
                    prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&shown));
                }
            }
        }
    }
}
