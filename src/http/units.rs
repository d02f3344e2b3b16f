//! The parameters that name a unit of time: `precision` of a write, and `epoch` of a query. They share their names; `epoch`
//! also takes blanks around them and, as documented, `µ`.

use fluxstone_compat::AnswerSemantics;
use fluxstone_model::TimeUnit;

/// The unit of a write's timestamps. Anything that is not the name of a unit is nanoseconds.
pub fn precision(parameter: &[u8]) -> TimeUnit {
    match parameter {
        b"u" => TimeUnit::Microsecond,
        b"ms" => TimeUnit::Millisecond,
        b"s" => TimeUnit::Second,
        b"m" => TimeUnit::Minute,
        b"h" => TimeUnit::Hour,
        _ => TimeUnit::Nanosecond,
    }
}

/// The unit of an answer's times, if the query asks for one. Anything that is not the name of a unit is nanoseconds.
pub(super) fn epoch(parameter: &str, semantics: AnswerSemantics) -> Option<TimeUnit> {
    match parameter.trim() {
        "" => None,
        "µ" if !semantics.epoch_micro_sign => Some(TimeUnit::Microsecond),
        name => Some(precision(name.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: write.precision.1, write.precision.2
    #[test]
    fn precision_names_a_unit_and_anything_else_is_nanoseconds() {
        let nanos = |name: &str| precision(name.as_bytes()).nanos();
        assert_eq!([nanos("u"), nanos("ms"), nanos("s")], [1_000, 1_000_000, 1_000_000_000]);
        assert_eq!([nanos("m"), nanos("h")], [60_000_000_000, 3_600_000_000_000]);
        for name in ["n", "ns", "", "us", "µ", "S", "d", "second"] {
            assert_eq!(nanos(name), 1, "{name}");
        }
    }

    // spec: http.epoch.1, http.epoch.2, compat.query.epoch-micro.1
    #[test]
    fn epoch_names_a_unit_and_anything_else_is_nanoseconds() {
        let documented = |name: &str| epoch(name, AnswerSemantics::DOCUMENTED);
        let observed = |name: &str| epoch(name, AnswerSemantics::OBSERVED);
        for (name, unit) in [
            ("ns", TimeUnit::Nanosecond),
            ("n", TimeUnit::Nanosecond),
            ("S", TimeUnit::Nanosecond),
            ("u", TimeUnit::Microsecond),
            ("ms", TimeUnit::Millisecond),
            (" s ", TimeUnit::Second),
            ("m", TimeUnit::Minute),
            ("h", TimeUnit::Hour),
        ] {
            assert_eq!([documented(name), observed(name)], [Some(unit); 2], "{name}");
        }
        assert_eq!([documented("µ"), observed("µ")], [Some(TimeUnit::Microsecond), Some(TimeUnit::Nanosecond)]);
        assert_eq!([documented(""), documented(" ")], [None; 2]);
    }
}
