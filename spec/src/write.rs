//! The effect of the body of a write on a shard.

use std::collections::BTreeMap;

use fluxstone_line_protocol::{ParsedBody, unescape_field_key, unescape_string};
use fluxstone_model::{FieldType, FieldValue, Scalar, SeriesKey, Text};

use crate::points::{Point, Points};

/// The number of points of a body that were stored and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Points that were stored.
    pub stored: u64,
    /// Points that were dropped; one with k conflicting fields counts k.
    pub dropped: u64,
}

/// The body gave a new field two types, and the shard is new: no point is stored, but the fields before the conflict keep
/// their types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeConflictInRequest;

/// Applies the points of a body, all of which belong to this shard. `is_new` says whether the shard was created for them.
///
/// Transcribes `write.shard.2`, `write.shard.3`, `write.shard.5`.
pub fn write(points: &mut Points, body: &ParsedBody<'_>, is_new: bool) -> Result<Outcome, TypeConflictInRequest> {
    let before = points.list.clone();
    let mut outcome = Outcome::default();
    let mut is_refused = false;
    for point in &body.points {
        let series = SeriesKey::parse(point.series);
        let named = body.fields_of(point).map(|field| {
            let name = Text::from(&*unescape_field_key(field.key));
            (name, field_value(field.value))
        });
        // `time` cannot be a field; it is left out if there are others.
        let fields: Vec<(Text, FieldValue)> = named.filter(|(name, _)| name != "time").collect();
        if fields.is_empty() || series.tags.get(b"time").is_some() {
            outcome.dropped += 1;
            continue;
        }
        // From here on the series exists, whether the point is stored or not.
        points.series.insert(series.clone());
        if is_refused {
            continue;
        }
        let conflicts = register(&mut points.types, &series, &fields);
        if conflicts > 0 {
            is_refused = is_new;
            outcome.dropped += conflicts;
            continue;
        }
        for (field, value) in fields {
            points.put(Point { series: series.clone(), field, time: point.time, value });
        }
        outcome.stored += 1;
    }
    if is_refused {
        points.list = before;
        return Err(TypeConflictInRequest);
    }
    Ok(outcome)
}

/// Gives each field without a type the type of its value, up to the first field that has another type. Returns how many fields
/// have another type.
fn register(types: &mut BTreeMap<(Text, Text), FieldType>, series: &SeriesKey, fields: &[(Text, FieldValue)]) -> u64 {
    let mut conflicts = 0;
    for (name, value) in fields {
        let id = (series.measurement.clone(), name.clone());
        let known = types.get(&id).copied();
        if known.is_some_and(|known| known != value.field_type()) {
            conflicts += 1;
        } else if conflicts == 0 {
            types.insert(id, value.field_type());
        }
    }
    conflicts
}

/// Returns the value of a field, unescaped if it is a string. Transcribes `lp.escape.1` for strings.
fn field_value(value: Scalar<'_>) -> FieldValue {
    match value {
        Scalar::String(raw) => FieldValue::String(Text::from(&*unescape_string(raw))),
        value => FieldValue::from(value),
    }
}
