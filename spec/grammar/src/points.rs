//! Random points in line protocol.
//!
//! There are two measurements with the fields `f` (float), `i` (integer), `s` (string), `b` (boolean) and `v`, whose type varies, and the
//! tags `host` and `dc`; in `n`, `dc` may be a field. There are few different values and times, so that ties, overwritten points and absent
//! fields are common.

use super::choices::Choices;

/// The earliest time of a point.
const FIRST: i64 = -4_000;
/// The latest time of a point.
const LAST: i64 = 30_000;

/// Returns a time in nanoseconds.
pub fn time(choices: &mut Choices<'_>) -> i64 {
    choices.between(FIRST / 500, LAST / 500) * 500
}

/// Returns a point in line protocol, unless it would have no field. `types` decides the types of `v` and, in `n`, of `dc`.
pub fn line(choices: &mut Choices<'_>, types: usize, time: i64) -> Option<String> {
    let is_second = choices.once_in(4);
    let mut series = String::from(if is_second { "n" } else { "m" });
    let tag_dc = !(is_second && types & 1 == 1);
    for (key, values) in [("host", ["", "a", "b", "c"]), ("dc", ["", "x", "y", "x"])] {
        let value = choices.one_of(&values);
        if !value.is_empty() && (key == "host" || tag_dc) {
            series = format!("{series},{key}={value}");
        }
    }
    let present = choices.below(64);
    let mut fields = Vec::new();
    if present & 1 > 0 {
        fields.push(format!("f={}", float(choices)));
    }
    if present & 2 > 0 {
        fields.push(format!("i={}i", integer(choices)));
    }
    if present & 4 > 0 {
        fields.push(format!("s=\"{}\"", choices.one_of(&["", "u", "uv"])));
    }
    if present & 8 > 0 {
        fields.push(format!("b={}", choices.below(2) == 1));
    }
    if present & 16 > 0 {
        let of_measurement = if is_second { types >> 1 } else { types };
        fields.push(match of_measurement % 4 {
            0 => format!("v={}", float(choices)),
            1 => format!("v={}i", integer(choices)),
            2 => format!("v=\"{}\"", choices.one_of(&["", "u", "uv"])),
            _ => format!("v={}", choices.below(2) == 1),
        });
    }
    if is_second && !tag_dc && present & 32 > 0 {
        fields.push(format!("dc=\"{}\"", choices.one_of(&["x", "y"])));
    }
    (!fields.is_empty()).then(|| format!("{series} {} {time}", fields.join(",")))
}

fn float(choices: &mut Choices<'_>) -> f64 {
    match choices.below(12) {
        0 => 0.1,
        1 => -1e17,
        // Equal values of several series are common.
        2..=4 => 1.0,
        _ => choices.between(-8, 8) as f64 / 4.0,
    }
}

fn integer(choices: &mut Choices<'_>) -> i64 {
    match choices.below(16) {
        0 => i64::MAX,
        1 => i64::MIN + 1,
        2 => (1 << 53) + 1,
        _ => choices.between(-3, 4),
    }
}
