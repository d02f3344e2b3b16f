//! Series keys in their raw form: `measurement[,key=value]*` with escapes, as clients write them.
//!
//! A comma, space or equals sign belongs to a name exactly if the byte before it is a backslash; a backslash cannot be
//! escaped. Whether a line may contain such a key is for `line_protocol` to check; here, invalid text is cut as far as it
//! can be read.

use std::borrow::Cow;

use super::escape::{unescape_measurement, unescape_tag};
use super::series::{SeriesKey, TagSet};
use super::text::Text;

/// A raw series key, split into its parts without copying them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSeriesKey<'a> {
    text: &'a [u8],
    /// The measurement, with its escapes.
    pub measurement: &'a [u8],
    /// The tags, keys and values with their escapes, sorted by their raw keys.
    pub tags: Vec<(&'a [u8], &'a [u8])>,
    /// Whether `text` is the measurement and the tags in this order, and nothing else.
    is_sorted: bool,
}

impl<'a> RawSeriesKey<'a> {
    /// Splits a raw series key. Text after the last well-formed tag is ignored.
    pub fn new(text: &'a [u8]) -> Self {
        let (measurement, mut rest) = text.split_at(raw_name_len(text, |byte| byte == b','));
        let mut tags = Vec::new();
        while let Some((tag, after)) = split_tag(rest) {
            tags.push(tag);
            rest = after;
        }
        let is_sorted = rest.is_empty() && tags.is_sorted_by_key(|(key, _)| *key);
        if !is_sorted {
            tags.sort_by_key(|(key, _)| *key);
        }
        RawSeriesKey { text, measurement, tags, is_sorted }
    }

    /// The text that was split, as written.
    pub fn as_written(&self) -> &'a [u8] {
        self.text
    }

    /// Returns the measurement and the sorted tags as one text, the identity of the series.
    pub fn sorted(&self) -> Cow<'a, [u8]> {
        if self.is_sorted {
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

    /// Returns the owned key, with its names unescaped.
    pub fn to_key(&self) -> SeriesKey {
        let text = |name| Text::from(&*unescape_tag(name));
        SeriesKey {
            raw: Text::from(&*self.sorted()),
            measurement: Text::from(&*unescape_measurement(self.measurement)),
            tags: TagSet::new(self.tags.iter().map(|(key, value)| (text(key), text(value))).collect()),
        }
    }
}

impl SeriesKey {
    /// Reads a raw series key, whose tags may be in any order. Text after the last well-formed tag is ignored.
    ///
    /// ```
    /// use fluxstone_model::SeriesKey;
    /// let key = SeriesKey::parse(br"cpu\ load,host=a,dc=x\,y");
    /// assert_eq!(key.raw, r"cpu\ load,dc=x\,y,host=a");
    /// assert_eq!(key.measurement, "cpu load");
    /// assert_eq!(*key.tags.get(b"dc").unwrap(), "x,y");
    /// ```
    pub fn parse(raw: &[u8]) -> SeriesKey {
        RawSeriesKey::new(raw).to_key()
    }
}

/// Key and value of a tag, with their escapes.
type RawTag<'a> = (&'a [u8], &'a [u8]);

/// Splits `,key=value` from the front of `text`; `None` if `text` begins with anything else.
fn split_tag(text: &[u8]) -> Option<(RawTag<'_>, &[u8])> {
    let text = text.strip_prefix(b",")?;
    if text.first().is_none_or(|byte| ends_tag_part(*byte)) {
        return None;
    }
    let (key, rest) = text.split_at(raw_name_len(text, ends_tag_part));
    let rest = rest.strip_prefix(b"=")?;
    if matches!(rest.first(), None | Some(b',' | b' ')) {
        return None;
    }
    let (value, rest) = rest.split_at(raw_name_len(rest, ends_tag_part));
    (rest.first() != Some(&b'=')).then_some(((key, value), rest))
}

fn ends_tag_part(byte: u8) -> bool {
    matches!(byte, b',' | b' ' | b'=')
}

/// Returns the length of the name that `text` begins with: its first byte, whatever that is, and all bytes up to one for
/// which `ends` holds and that has no backslash before it.
#[inline]
pub fn raw_name_len(text: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    let mut previous = 0;
    let end = text.iter().enumerate().position(|(at, &byte)| {
        let found = at > 0 && previous != b'\\' && ends(byte);
        previous = byte;
        found
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: lp.series.1
    #[test]
    fn a_series_key_has_its_tags_sorted_by_their_raw_keys() {
        let key = SeriesKey::parse(br"m\ 1,b=x\,y,a\==1,a\ =2,B==");
        assert_eq!(key.raw, r"m\ 1,B==,a\ =2,a\==1,b=x\,y");
        assert_eq!(key.measurement, "m 1");
        let tags: Vec<String> = key.tags.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        assert_eq!(tags, ["B:=", "a :2", "a=:1", "b:x,y"]);
        assert_eq!(SeriesKey::parse(b"m").raw, "m");
        // Two raw forms of a name make two series.
        assert_ne!(SeriesKey::parse(br"a\=b"), SeriesKey::parse(b"a=b"));
        assert_eq!(SeriesKey::parse(br"a\=b").measurement, SeriesKey::parse(b"a=b").measurement);
    }

    #[test]
    fn text_after_the_last_well_formed_tag_is_ignored() {
        for text in ["m,a=1,b", "m,a=1,b=", "m,a=1,=2", "m,a=1 x", "m,a=1,b=2=3"] {
            assert_eq!(RawSeriesKey::new(text.as_bytes()).sorted(), &b"m,a=1"[..], "{text}");
        }
    }

    #[test]
    fn a_sorted_key_is_not_copied() {
        assert!(matches!(RawSeriesKey::new(b"m,a=1,b=2").sorted(), Cow::Borrowed(_)));
        assert!(matches!(RawSeriesKey::new(b"m,b=1,a=2").sorted(), Cow::Owned(_)));
    }
}
