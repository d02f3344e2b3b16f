//! The reasons why a line cannot be read, in the words that clients see.

use bstr::BStr;
use fluxstone_model::Clause;

/// The most bytes that measurement and tags, as written, may have together.
pub(super) const KEY_BYTES_MAX: usize = 65_535;

/// The reason in `unable to parse 'LINE': REASON`. Quoted texts consist of digits and signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault<'a> {
    #[error("missing measurement")]
    MissingMeasurement,
    #[error("missing fields")]
    MissingFields,
    #[error("missing tag key")]
    MissingTagKey,
    #[error("missing tag value")]
    MissingTagValue,
    #[error("invalid tag format")]
    InvalidTagFormat,
    #[error("duplicate tags")]
    DuplicateTags,
    #[error("max key length exceeded: {0} > {max}", max = KEY_BYTES_MAX)]
    KeyTooLong(usize),
    #[error("missing field key")]
    MissingFieldKey,
    #[error("missing field value")]
    MissingFieldValue,
    #[error("invalid field format")]
    InvalidFieldFormat,
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    #[error("invalid number")]
    InvalidNumber,
    #[error("invalid float")]
    InvalidFloat,
    #[error("unable to parse integer {0}: strconv.ParseInt: parsing \"{0}\": value out of range")]
    IntegerOutOfRange(&'a BStr),
    #[error("invalid boolean")]
    InvalidBoolean,
    #[error("bad timestamp")]
    BadTimestamp,
    #[error("strconv.ParseInt: parsing \"-\": invalid syntax")]
    TimestampWithoutDigits,
    #[error("strconv.ParseInt: parsing \"{0}\": value out of range")]
    TimestampOutOfInteger(&'a BStr),
    #[error("time outside range -9223372036854775806 - 9223372036854775806")]
    TimeOutsideRange,
    #[error("point is invalid")]
    PointIsInvalid,
}

impl Fault<'_> {
    /// The clause that the line does not keep.
    pub(super) fn clause(&self) -> Clause {
        match self {
            Fault::MissingMeasurement => Clause::new("lp.measurement.1"),
            Fault::MissingFields => Clause::new("lp.point.2"),
            Fault::MissingTagKey | Fault::MissingTagValue | Fault::InvalidTagFormat => Clause::new("lp.tag.2"),
            Fault::DuplicateTags => Clause::new("lp.tag.3"),
            Fault::KeyTooLong(_) => Clause::new("lp.series.2"),
            Fault::MissingFieldKey
            | Fault::MissingFieldValue
            | Fault::InvalidFieldFormat
            | Fault::UnbalancedQuotes
            | Fault::InvalidBoolean => Clause::new("lp.field.2"),
            Fault::InvalidNumber | Fault::InvalidFloat | Fault::IntegerOutOfRange(_) => Clause::new("lp.number.2"),
            Fault::BadTimestamp
            | Fault::TimestampWithoutDigits
            | Fault::TimestampOutOfInteger(_)
            | Fault::TimeOutsideRange
            | Fault::PointIsInvalid => Clause::new("lp.time.2"),
        }
    }

    /// Returns the message about `line`, cut after `bytes_max` bytes.
    pub(super) fn message(&self, line: &[u8], bytes_max: usize) -> Vec<u8> {
        let line = &line[..line.len().min(bytes_max)];
        let mut text = Vec::with_capacity(line.len() + 64);
        text.extend_from_slice(b"unable to parse '");
        text.extend_from_slice(line);
        text.extend_from_slice(format!("': {self}").as_bytes());
        text.truncate(bytes_max);
        text
    }
}
