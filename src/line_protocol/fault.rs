//! Why a line is no point, in the words that clients see.

use bstr::BStr;
use winnow::error::ParserError;
use winnow::stream::Stream;

/// The reason in `unable to parse 'LINE': REASON`. Texts in it are digits and signs.
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
    #[error("max key length exceeded: {0} > {max}", max = super::series::KEY_BYTES_MAX)]
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
    /// The message about `line`, cut after `bytes_max` bytes.
    pub(super) fn message(&self, line: &[u8], bytes_max: usize) -> Vec<u8> {
        let line_shown = &line[..line.len().min(bytes_max)];
        let mut text = Vec::with_capacity(line_shown.len() + 64);
        text.extend_from_slice(b"unable to parse '");
        text.extend_from_slice(line_shown);
        text.extend_from_slice(format!("': {self}").as_bytes());
        text.truncate(bytes_max);
        text
    }
}

impl<I: Stream> ParserError<I> for Fault<'_> {
    type Inner = Self;

    /// What winnow's own parsers answer; each of ours says what was expected instead.
    fn from_input(_: &I) -> Self {
        Fault::PointIsInvalid
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}
