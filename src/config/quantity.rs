//! Lengths of time and sizes as the configuration file spells them.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Nanos;

/// A length of time, in the file a string as Go spells durations: `"10s"`, `"1h30m"`, `"500ms"`. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Interval(pub Duration);

impl Interval {
    /// Reads a text such as `1h30m`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Interval, String> {
        let bad = || format!("{text:?} is no duration such as \"30s\" or \"1h30m\"");
        if text == "0" {
            return Ok(Interval::default());
        }
        let mut rest = text;
        let mut total_ns = 0_f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let unit_ns = match unit {
                "ns" => 1,
                "us" | "µs" => Nanos::MICROSECOND.0,
                "ms" => Nanos::MILLISECOND.0,
                "s" => Nanos::SECOND.0,
                "m" => Nanos::MINUTE.0,
                "h" => Nanos::HOUR.0,
                _ => return Err(bad()),
            };
            total_ns += number.parse::<f64>().map_err(|_| bad())? * unit_ns as f64;
            rest = after;
        }
        if text.is_empty() || total_ns > i64::MAX as f64 {
            return Err(bad());
        }
        Ok(Interval(Duration::from_nanos(total_ns as u64)))
    }

    /// The length in nanoseconds.
    pub fn as_nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&fluxstone_go::DurationText(self.as_nanos() as i64).to_string())
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Interval::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A number of bytes: in the file an integer, or a string with a suffix `k`, `m` or `g` (powers of 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Size(pub u64);

impl Size {
    /// Reads a text such as `25000000` or `64m`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Size, String> {
        let (number, unit) = match text.char_indices().next_back() {
            Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
            Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
            Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
            _ => (text, 1),
        };
        let number = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
        number.map(Size).ok_or_else(|| format!("{text:?} is no size such as 25000000 or \"64m\""))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes")
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes).map(Size).map_err(|_| E::custom(format!("{bytes} is less than zero")))
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_read_as_go_spells_them() {
        for (text, seconds) in
            [("0", 0.0), ("0s", 0.0), ("10s", 10.0), ("1h0m0s", 3600.0), ("30m", 1800.0), ("1.5s", 1.5)]
        {
            assert_eq!(Interval::parse(text), Ok(Interval(Duration::from_secs_f64(seconds))), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1 s", "1d", "1.2.3s", "999999999h"] {
            assert!(Interval::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_suffixes_of_powers_of_1024() {
        assert_eq!(Size::parse("25000000"), Ok(Size(25_000_000)));
        assert_eq!(Size::parse("64m"), Ok(Size(64 << 20)));
        assert_eq!(Size::parse("1G"), Ok(Size(1 << 30)));
        for text in ["", "m", "-1", "1.5g", "99999999999999999999", "18446744073709551615k"] {
            assert!(Size::parse(text).is_err(), "{text}");
        }
    }
}
