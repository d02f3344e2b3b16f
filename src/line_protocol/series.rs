//! The first part of a line: measurement and tags.
//!
//! Names keep their escapes. They end as in every raw series key (see [`raw_name_len`]); what is added here is that all
//! parts must be there, and that no tag key occurs twice.

use fluxstone_model::raw_name_len;

use super::cursor::take;
use super::fault::{Fault, KEY_BYTES_MAX};

/// Reads `measurement[,key=value]*`, up to the space before the fields.
pub(super) fn series<'a>(input: &mut &'a [u8], tag_keys: &mut TagKeys<'a>) -> Result<&'a [u8], Fault<'a>> {
    let line = *input;
    measurement(input)?;
    tag_keys.begin_line();
    while input.first() == Some(&b',') {
        take(input, 1);
        tag_keys.push(tag(input)?);
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

/// Reads up to an unescaped comma or space. The first byte may be anything but a comma.
fn measurement<'a>(input: &mut &'a [u8]) -> Result<(), Fault<'a>> {
    match input.first() {
        None | Some(b',') => Err(Fault::MissingMeasurement),
        _ => {
            name(input, |b| b == b',' || b == b' ');
            Ok(())
        }
    }
}

/// Reads `key=value`, and returns the key.
fn tag<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Fault<'a>> {
    if matches!(input.first(), None | Some(b',' | b' ' | b'=')) {
        return Err(Fault::MissingTagKey);
    }
    let key = name(input, ends_tag_part);
    if input.first() != Some(&b'=') {
        return Err(Fault::MissingTagValue);
    }
    take(input, 1);
    tag_value(input)?;
    Ok(key)
}

/// Reads a tag value. An equals sign may be its first byte, but must be escaped elsewhere.
fn tag_value<'a>(input: &mut &'a [u8]) -> Result<(), Fault<'a>> {
    if matches!(input.first(), None | Some(b',' | b' ')) {
        return Err(Fault::MissingTagValue);
    }
    name(input, ends_tag_part);
    if input.first() == Some(&b'=') { Err(Fault::InvalidTagFormat) } else { Ok(()) }
}

fn ends_tag_part(byte: u8) -> bool {
    matches!(byte, b',' | b' ' | b'=')
}

fn name<'a>(input: &mut &'a [u8], ends: impl Fn(u8) -> bool) -> &'a [u8] {
    let len = raw_name_len(input, ends);
    take(input, len)
}

/// The tag keys of a line, to find one that is given twice.
///
/// Most lines have the same keys as the line before, so only new keys are checked.
#[derive(Debug, Default)]
pub(super) struct TagKeys<'a> {
    /// The keys of this line, then any left over from the line before.
    keys: Vec<&'a [u8]>,
    /// The number of keys that this line has so far.
    len: usize,
    /// How many of `keys` are known to be distinct.
    distinct: usize,
    /// Scratch space for sorting keys; kept for its memory.
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
