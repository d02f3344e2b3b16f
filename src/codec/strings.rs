//! Strings: their lengths, then their bytes, compressed with zstd where that is smaller; or a dictionary if values repeat.

use std::io::Read;

use fluxstone_model::Text;
use hashbrown::HashMap;

use super::error::CodecError;
use super::packs;
use super::varint::{Reader, put_varint};

/// Uncompressed lengths and bytes.
pub(super) const TAG_PLAIN: u8 = 0x20;
/// The uncompressed length, then zstd-compressed lengths and bytes.
pub(super) const TAG_ZSTD: u8 = 0x21;
/// The number of distinct strings, the length of their encoding, that encoding, and the index of each value, in packs.
pub(super) const TAG_DICTIONARY: u8 = 0x22;
/// Compression is not tried below this many bytes.
const ZSTD_BYTES_MIN: usize = 64;
/// Compression is not used above this many bytes, which limits what a decoder has to accept.
pub const ZSTD_BYTES_MAX: usize = 64 << 20;
/// The fastest compression level that still finds repeated words.
const ZSTD_LEVEL: i32 = 1;
/// A dictionary is used if there are at least this many values per word.
const VALUES_PER_WORD_MIN: usize = 4;

/// Encodes `values`: appends a tag and the contents to `out`.
pub fn encode(values: &[Text], out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    if let Some((words, indexes)) = dictionary(values) {
        let mut encoded = Vec::new();
        put_texts(&words, &mut encoded);
        out.push(TAG_DICTIONARY);
        put_varint(out, words.len() as u64);
        put_varint(out, encoded.len() as u64);
        out.extend_from_slice(&encoded);
        packs::put(&indexes, out);
    } else {
        put_texts(&values.iter().collect::<Vec<_>>(), out);
    }
}

/// Decodes `count` values.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<Text>, CodecError> {
    if count == 0 {
        return Reader::new(bytes).finish(Vec::new());
    }
    let Some((&TAG_DICTIONARY, rest)) = bytes.split_first() else { return take_texts(bytes, count) };
    let mut reader = Reader::new(rest);
    let words = reader.count(count)?;
    let words = take_texts(reader.bytes()?, words)?;
    let mut values = Vec::with_capacity(count);
    packs::take(&mut reader, count, |indexes| {
        values.extend(indexes.iter().map_while(|&index| words.get(usize::try_from(index).ok()?).cloned()));
    })?;
    if values.len() < count {
        return Err(CodecError::Malformed("a string is not in the dictionary"));
    }
    reader.finish(values)
}

/// Returns the distinct strings in order of appearance, and the index of each value among them; `None` if there are too
/// many of them.
fn dictionary(values: &[Text]) -> Option<(Vec<&Text>, Vec<u64>)> {
    let mut words = Vec::new();
    let mut indexes_of_words = HashMap::new();
    let mut indexes = Vec::with_capacity(values.len());
    for value in values {
        let index = *indexes_of_words.entry(value.as_bytes()).or_insert_with(|| {
            words.push(value);
            words.len() as u64 - 1
        });
        if words.len() > values.len() / VALUES_PER_WORD_MIN {
            return None;
        }
        indexes.push(index);
    }
    Some((words, indexes))
}

/// Appends a tag, then the lengths as varints followed by all bytes, plain or compressed.
fn put_texts(values: &[&Text], out: &mut Vec<u8>) {
    let mut plain = Vec::new();
    for value in values {
        put_varint(&mut plain, value.len() as u64);
    }
    for value in values {
        plain.extend_from_slice(value);
    }
    if (ZSTD_BYTES_MIN..=ZSTD_BYTES_MAX).contains(&plain.len())
        && let Ok(compressed) = zstd::bulk::compress(&plain, ZSTD_LEVEL)
        && compressed.len() < plain.len()
    {
        out.push(TAG_ZSTD);
        put_varint(out, plain.len() as u64);
        out.extend_from_slice(&compressed);
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
            take_plain(&decompress(reader.rest(), len)?, count)
        }
        _ => Err(CodecError::Malformed("unknown string encoding")),
    }
}

/// Decompresses zstd-compressed bytes to exactly `len` bytes. Memory grows only with the actual output.
pub fn decompress(compressed: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
    const BAD: CodecError = CodecError::Malformed("bad zstd-compressed bytes");
    let decoder = zstd::stream::read::Decoder::with_buffer(compressed).map_err(|_| BAD)?;
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
    bytes.finish(values)
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
        fn strings_round_trip(values: Vec<Vec<u8>>) {
            let values: Vec<Text> = values.into_iter().map(Text::from).collect();
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
        }

        #[test]
        fn repeated_strings_round_trip(words: Vec<Vec<u8>>, indexes in proptest::collection::vec(0_usize..20, 0..600)) {
            let words: Vec<Text> = words.into_iter().map(Text::from).collect();
            let values: Vec<Text> = indexes.iter().filter_map(|at| words.get(at % words.len().max(1)).cloned()).collect();
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
    fn the_smallest_encoding_is_chosen() {
        let values = vec![Text::from("temperature too high"); 1000];
        assert_eq!(encoded(&values)[0], TAG_DICTIONARY);
        assert!(encoded(&values).len() < 40);
        let values: Vec<Text> = (0..1000).map(|i| Text::from(format!("request {i} took long"))).collect();
        assert_eq!(encoded(&values)[0], TAG_ZSTD);
        assert!(encoded(&values).len() < 6000);
        assert_eq!(encoded(&["a".into(), "b".into()])[0], TAG_PLAIN);
    }

    #[test]
    fn compressed_bytes_of_another_length_are_refused() {
        let compressed = zstd::bulk::compress(&vec![0; 1 << 20], 1).unwrap();
        let mut bytes = vec![TAG_ZSTD];
        put_varint(&mut bytes, 100);
        bytes.extend_from_slice(&compressed);
        assert_eq!(decode(&bytes, 10), Err(CodecError::Malformed("bad zstd-compressed bytes")));
    }
}
