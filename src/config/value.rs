//! Readers of values that are restricted further than their types. Each refuses with a message for the owner of the settings.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Reads a switch that must be on.
pub(super) fn only_true<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let on = bool::deserialize(deserializer)?;
    if on { Ok(on) } else { Err(D::Error::custom("cannot be disabled")) }
}

/// Reads `host:port`, where the host may be empty.
pub(super) fn bind_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => Ok(text),
        _ => Err(D::Error::custom(format!("{text:?} is not an address such as \"127.0.0.1:8086\" or \":8086\""))),
    }
}

/// `true`, `false`, or `"auto"`, which is `None`. The words may be texts, as in variables.
pub(super) mod switch {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged, expecting = "expected true, false or \"auto\"")]
    enum Switch {
        Flag(bool),
        Word(Word),
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Auto,
        True,
        False,
    }

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(in super::super) fn serialize<S: Serializer>(switch: &Option<bool>, serializer: S) -> Result<S::Ok, S::Error> {
        switch.map_or(Switch::Word(Word::Auto), Switch::Flag).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
        Ok(match Switch::deserialize(deserializer)? {
            Switch::Flag(flag) => Some(flag),
            Switch::Word(Word::True) => Some(true),
            Switch::Word(Word::False) => Some(false),
            Switch::Word(Word::Auto) => None,
        })
    }
}

/// Reads a text that is valid in a header.
pub(super) fn header_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.chars().any(char::is_control) {
        return Err(D::Error::custom("control characters are not allowed in a header"));
    }
    Ok(text)
}

/// Reads the name of a unit of times, or nothing for nanoseconds.
pub(super) fn precision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "" | "n" | "ns" | "u" | "ms" | "s" | "m" | "h" => Ok(text),
        _ => Err(D::Error::custom(format!("{text:?} is none of n, u, ms, s, m and h"))),
    }
}
