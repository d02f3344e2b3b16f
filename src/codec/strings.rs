//! Strings: their lengths, then their bytes; these compressed with zstd, or a dictionary, where that is smaller.

use std::io::Read;

use fluxstone_model::Text;
use hashbrown::HashMap;

use super::varint::{Reader, put_varint};
use super::{CodecError, finish, frames};

/// Lengths and bytes stand as they are.
pub(super) const TAG_PLAIN: u8 = 0x20;
/// The length of the plain bytes, then a zstd frame of them.
pub(super) const TAG_ZSTD: u8 = 0x21;
/// How many different strings there are, the length of their encoding, that, and which each value is, in frames.
pub(super) const TAG_DICTIONARY: u8 = 0x22;
/// Below this many bytes compression is not tried.
const ZSTD_BYTES_MIN: usize = 64;
/// Above this many bytes compression is not used, so that a decoder knows the most that a frame may unpack to.
pub const ZSTD_BYTES_MAX: usize = 64 << 20;
/// The level: the fastest that still finds repeated words.
const ZSTD_LEVEL: i32 = 1;
/// A dictionary has at most one word for this many values.
const VALUES_PER_WORD_MIN: usize = 4;

/// Appends `values`: tag and contents.
pub fn encode(values: &[Text], out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    if let Some((words, places)) = dictionary(values) {
        let mut encoded = Vec::new();
        put_texts(&words, &mut encoded);
        out.push(TAG_DICTIONARY);
        put_varint(out, words.len() as u64);
        put_varint(out, encoded.len() as u64);
        out.extend_from_slice(&encoded);
        frames::put(&places, out);
    } else {
        put_texts(&values.iter().collect::<Vec<_>>(), out);
    }
}

/// Reads `count` values.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<Text>, CodecError> {
    if count == 0 {
        return finish(Reader::new(bytes), Vec::new());
    }
    let Some((&TAG_DICTIONARY, rest)) = bytes.split_first() else { return take_texts(bytes, count) };
    let mut reader = Reader::new(rest);
    let words = reader.count(count)?;
    let words = take_texts(reader.bytes()?, words)?;
    let mut values = Vec::with_capacity(count);
    frames::take(&mut reader, count, |places| {
        values.extend(places.iter().map_while(|&place| words.get(usize::try_from(place).ok()?).cloned()));
    })?;
    if values.len() < count {
        return Err(CodecError::Malformed("a string is not in the dictionary"));
    }
    finish(reader, values)
}

/// The different strings in the order in which they come, and which each value is; `None` if there are many.
fn dictionary(values: &[Text]) -> Option<(Vec<&Text>, Vec<u64>)> {
    let mut words = Vec::new();
    let mut numbers = HashMap::new();
    let mut places = Vec::with_capacity(values.len());
    for value in values {
        let number = *numbers.entry(value.as_bytes()).or_insert_with(|| {
            words.push(value);
            words.len() as u64 - 1
        });
        if words.len() > values.len() / VALUES_PER_WORD_MIN {
            return None;
        }
        places.push(number);
    }
    Some((words, places))
}

/// Tag, then the lengths as varints followed by all bytes, plain or compressed.
fn put_texts(values: &[&Text], out: &mut Vec<u8>) {
    let mut plain = Vec::new();
    for value in values {
        put_varint(&mut plain, value.len() as u64);
    }
    for value in values {
        plain.extend_from_slice(value);
    }
    if (ZSTD_BYTES_MIN..=ZSTD_BYTES_MAX).contains(&plain.len())
        && let Ok(packed) = zstd::bulk::compress(&plain, ZSTD_LEVEL)
        && packed.len() < plain.len()
    {
        out.push(TAG_ZSTD);
        put_varint(out, plain.len() as u64);
        out.extend_from_slice(&packed);
    } else {
        out.push(TAG_PLAIN);
        out.extend_from_slice(&plain);
    }
}

fn take_texts(bytes: &[u8], count: usize) -> Result<Vec<Text>, CodecError> {
    let mut reader = Reader::new(bytes);
    match reader.u8()? {
        TAG_PLAIN => take_plain(reader.rest(), count),
        TAG_ZSTD => {
            let len = reader.count(ZSTD_BYTES_MAX)?;
            take_plain(&unpack(reader.rest(), len)?, count)
        }
        _ => Err(CodecError::Malformed("an unknown codec of strings")),
    }
}

/// Unpacks a frame that must hold exactly `len` bytes; memory grows only with what really comes out of it.
pub fn unpack(frame: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
    const BAD: CodecError = CodecError::Malformed("a bad zstd frame");
    let decoder = zstd::stream::read::Decoder::with_buffer(frame).map_err(|_| BAD)?;
    let mut plain = Vec::new();
    decoder.take(len as u64 + 1).read_to_end(&mut plain).map_err(|_| BAD)?;
    if plain.len() == len { Ok(plain) } else { Err(BAD) }
}

fn take_plain(plain: &[u8], count: usize) -> Result<Vec<Text>, CodecError> {
    let mut lengths = Reader::new(plain);
    for _ in 0..count {
        lengths.varint()?;
    }
    let mut bytes = Reader::new(lengths.rest());
    let mut lengths = Reader::new(plain);
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let len = usize::try_from(lengths.varint()?).map_err(|_| CodecError::Truncated)?;
        values.push(Text::from(bytes.take(len)?));
    }
    finish(bytes, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[Text]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, &mut out);
        out
    }

    proptest::proptest! {
        // spec: storage.codec.6
        #[test]
        fn strings_read_back(values: Vec<Vec<u8>>) {
            let values: Vec<Text> = values.into_iter().map(Text::from).collect();
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
        }

        #[test]
        fn repeated_strings_read_back(words: Vec<Vec<u8>>, places in proptest::collection::vec(0_usize..20, 0..600)) {
            let words: Vec<Text> = words.into_iter().map(Text::from).collect();
            let values: Vec<Text> = places.iter().filter_map(|at| words.get(at % words.len().max(1)).cloned()).collect();
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
        }

        // spec: storage.codec.1
        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, tag in TAG_PLAIN..=TAG_DICTIONARY, count in 0_usize..100) {
            if let Ok(values) = decode(&[&[tag], &bytes[..]].concat(), count) {
                proptest::prop_assert_eq!(values.len(), count);
            }
        }
    }

    #[test]
    fn the_smaller_codec_is_taken() {
        let values = vec![Text::from("temperature too high"); 1000];
        assert_eq!(encoded(&values)[0], TAG_DICTIONARY);
        assert!(encoded(&values).len() < 40);
        let values: Vec<Text> = (0..1000).map(|i| Text::from(format!("request {i} took long"))).collect();
        assert_eq!(encoded(&values)[0], TAG_ZSTD);
        assert!(encoded(&values).len() < 6000);
        assert_eq!(encoded(&["a".into(), "b".into()])[0], TAG_PLAIN);
    }

    #[test]
    fn a_frame_that_unpacks_to_another_length_is_refused() {
        let packed = zstd::bulk::compress(&vec![0; 1 << 20], 1).unwrap();
        let mut bytes = vec![TAG_ZSTD];
        put_varint(&mut bytes, 100);
        bytes.extend_from_slice(&packed);
        assert_eq!(decode(&bytes, 10), Err(CodecError::Malformed("a bad zstd frame")));
    }
}
