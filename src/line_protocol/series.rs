//! The first part of a line: measurement and tags.
//!
//! Names keep their escapes. A comma, space or equals sign belongs to a name exactly if the byte before it is a backslash;
//! a backslash can't be escaped.

use std::borrow::Cow;

use fluxstone_model::{SeriesKey, TagSet, Text};
use winnow::Parser;
use winnow::combinator::{preceded, repeat, separated_pair};
use winnow::stream::Stream;

use super::escape::{unescape_measurement, unescape_tag};
use super::fault::Fault;

/// The most bytes that measurement and tags as spelt may have together.
pub(super) const KEY_BYTES_MAX: usize = 65_535;

/// `measurement[,key=value]*`, up to the space before the fields.
pub(super) fn series<'a>(input: &mut &'a [u8], tag_keys: &mut TagKeys<'a>) -> Result<&'a [u8], Fault<'a>> {
    let line = *input;
    measurement.parse_next(input)?;
    tag_keys.begin_line();
    while input.first() == Some(&b',') {
        let (key, _value) = tag.parse_next(input)?;
        tag_keys.push(key);
    }
    if input.is_empty() {
        return Err(Fault::MissingFields);
    }
    tag_keys.check_distinct()?;
    let series = &line[..line.len() - input.len()];
    if series.len() > KEY_BYTES_MAX {
        return Err(Fault::KeyTooLong(series.len()));
    }
    Ok(series)
}

/// The key of the series that a line names: its tags sorted by their spelling, and all names unescaped.
///
/// `series` is a [`super::Point::series`]; of any other text, what can be read of it counts.
///
/// ```
/// use fluxstone_line_protocol::series_key;
/// let key = series_key(br"cpu\ load,host=a,dc=x\,y");
/// assert_eq!(key.raw, r"cpu\ load,dc=x\,y,host=a");
/// assert_eq!(key.measurement, "cpu load");
/// assert_eq!(*key.tags.get(b"dc").unwrap(), "x,y");
/// ```
pub fn series_key(series: &[u8]) -> SeriesKey {
    SpeltSeries::new(series).key()
}

/// A series as a line spells it, cut into its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeltSeries<'a> {
    /// The text that was cut.
    text: &'a [u8],
    /// The measurement, as spelt.
    pub measurement: &'a [u8],
    /// The tags, keys and values as spelt, sorted by their keys.
    pub tags: Vec<(&'a [u8], &'a [u8])>,
    /// Whether the parts stand like that in the text.
    is_in_order: bool,
}

impl<'a> SpeltSeries<'a> {
    /// Cuts a [`super::Point::series`]; of any other text, what can be read of it counts.
    pub fn new(text: &'a [u8]) -> Self {
        let mut input = text;
        let measurement = name(&mut input, |b| b == b',');
        let mut tags: Vec<_> = repeat(0.., tag).parse_next(&mut input).unwrap_or_default();
        let length = measurement.len() + tags.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>();
        let is_in_order = length == text.len() && tags.is_sorted_by_key(|(key, _)| *key);
        if !is_in_order {
            tags.sort_by_key(|(key, _)| *key);
        }
        SpeltSeries { text, measurement, tags, is_in_order }
    }

    /// The measurement and the sorted tags as one text.
    pub fn raw(&self) -> Cow<'a, [u8]> {
        if self.is_in_order {
            return Cow::Borrowed(self.text);
        }
        let mut raw = Vec::with_capacity(self.text.len());
        raw.extend_from_slice(self.measurement);
        for (key, value) in &self.tags {
            for part in [b",", *key, b"=", *value] {
                raw.extend_from_slice(part);
            }
        }
        Cow::Owned(raw)
    }

    /// All of it with names of its own, unescaped.
    pub fn key(&self) -> SeriesKey {
        let text = |name| Text::from(&*unescape_tag(name));
        SeriesKey {
            raw: Text::from(&*self.raw()),
            measurement: Text::from(&*unescape_measurement(self.measurement)),
            tags: TagSet::new(self.tags.iter().map(|(key, value)| (text(key), text(value))).collect()),
        }
    }
}

/// Any bytes but a comma at once, up to an unescaped comma or space.
fn measurement<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Fault<'a>> {
    match input.first() {
        None | Some(b',') => Err(Fault::MissingMeasurement),
        _ => Ok(name(input, |b| b == b',' || b == b' ')),
    }
}

/// `,key=value`
fn tag<'a>(input: &mut &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Fault<'a>> {
    preceded(b',', separated_pair(tag_key, b'=', tag_value)).parse_next(input)
}

fn tag_key<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Fault<'a>> {
    if matches!(input.first(), None | Some(b',' | b' ' | b'=')) {
        return Err(Fault::MissingTagKey);
    }
    let key = name(input, ends_tag_part);
    if input.first() == Some(&b'=') { Ok(key) } else { Err(Fault::MissingTagValue) }
}

/// An equals sign may be the first byte of a value, but can't stand unescaped behind it.
fn tag_value<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Fault<'a>> {
    if matches!(input.first(), None | Some(b',' | b' ')) {
        return Err(Fault::MissingTagValue);
    }
    let value = name(input, ends_tag_part);
    if input.first() == Some(&b'=') { Err(Fault::InvalidTagFormat) } else { Ok(value) }
}

fn ends_tag_part(byte: u8) -> bool {
    matches!(byte, b',' | b' ' | b'=')
}

/// The first byte of `input`, whatever it is, and all others before one that `ends` and has no backslash before it.
fn name<'a>(input: &mut &'a [u8], ends: impl Fn(u8) -> bool) -> &'a [u8] {
    let mut before = 0;
    let len = input.iter().enumerate().position(|(at, &byte)| {
        let found = at > 0 && before != b'\\' && ends(byte);
        before = byte;
        found
    });
    input.next_slice(len.unwrap_or(input.len()))
}

/// The tag keys of a line, to find one given twice.
///
/// Most lines have the same keys as the line before, so only what is new is checked.
#[derive(Debug, Default)]
pub(super) struct TagKeys<'a> {
    /// The keys of this line, then what is left of the line before.
    keys: Vec<&'a [u8]>,
    /// How many keys this line has so far.
    len: usize,
    /// How many of `keys` were found to be distinct.
    distinct: usize,
    /// Where keys are sorted; kept for its memory.
    sorted: Vec<&'a [u8]>,
}

impl<'a> TagKeys<'a> {
    fn begin_line(&mut self) {
        self.len = 0;
    }

    fn push(&mut self, key: &'a [u8]) {
        if self.keys.get(self.len) != Some(&key) {
            self.keys.truncate(self.len);
            self.keys.push(key);
            self.distinct = self.distinct.min(self.len);
        }
        self.len += 1;
    }

    fn check_distinct(&mut self) -> Result<(), Fault<'a>> {
        if self.len <= self.distinct {
            return Ok(());
        }
        self.keys.truncate(self.len);
        let ascending = |keys: &[&[u8]]| keys.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending(&self.keys) {
            self.sorted.clear();
            self.sorted.extend_from_slice(&self.keys);
            self.sorted.sort_unstable();
            if !ascending(&self.sorted) {
                return Err(Fault::DuplicateTags);
            }
        }
        self.distinct = self.len;
        Ok(())
    }
}
