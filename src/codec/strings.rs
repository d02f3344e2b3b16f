//! Strings: their lengths, then their bytes; compressed with zstd where that is smaller.

use std::io::Read;

use super::varint::{Reader, put_varint};
use super::{CodecError, finish};
use crate::model::Text;

/// Lengths and bytes stand as they are.
const FORM_PLAIN: u8 = 0;
/// The length of the plain bytes, then a zstd frame of them.
const FORM_ZSTD: u8 = 1;
/// Below this many bytes compression is not tried.
const ZSTD_BYTES_MIN: usize = 64;
/// Above this many bytes compression is not used, so that a decoder knows the most that a frame may unpack to.
pub const ZSTD_BYTES_MAX: usize = 64 << 20;
/// The level: the fastest that still finds repeated words.
const ZSTD_LEVEL: i32 = 1;

/// Appends `values`: count, form, then the lengths as varints followed by all bytes.
pub fn encode(values: &[Text], out: &mut Vec<u8>) {
    put_varint(out, values.len() as u64);
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
        out.push(FORM_ZSTD);
        put_varint(out, plain.len() as u64);
        out.extend_from_slice(&packed);
    } else {
        out.push(FORM_PLAIN);
        out.extend_from_slice(&plain);
    }
}

/// Reads at most `count_max` values.
pub fn decode(bytes: &[u8], count_max: usize) -> Result<Vec<Text>, CodecError> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(count_max)?;
    match reader.u8()? {
        FORM_PLAIN => decode_plain(reader.rest(), count),
        FORM_ZSTD => {
            let len = reader.count(ZSTD_BYTES_MAX)?;
            decode_plain(&unpack(reader.rest(), len)?, count)
        }
        _ => Err(CodecError::Malformed("an unknown form of strings")),
    }
}

/// Unpacks a frame that must hold exactly `len` bytes; memory grows only with what really comes out of it.
fn unpack(frame: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
    const BAD: CodecError = CodecError::Malformed("a bad zstd frame");
    let decoder = zstd::stream::read::Decoder::with_buffer(frame).map_err(|_| BAD)?;
    let mut plain = Vec::new();
    decoder.take(len as u64 + 1).read_to_end(&mut plain).map_err(|_| BAD)?;
    if plain.len() == len { Ok(plain) } else { Err(BAD) }
}

fn decode_plain(plain: &[u8], count: usize) -> Result<Vec<Text>, CodecError> {
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
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            if let Ok(values) = decode(&bytes, 100) {
                proptest::prop_assert!(values.len() <= 100);
            }
        }
    }

    #[test]
    fn repeated_words_are_compressed() {
        let values = vec![Text::from("temperature too high"); 1000];
        let bytes = encoded(&values);
        assert!(bytes.len() < 200);
        assert_eq!(decode(&bytes, 1000), Ok(values));
    }

    #[test]
    fn a_frame_that_unpacks_to_another_length_is_refused() {
        let packed = zstd::bulk::compress(&vec![0; 1 << 20], 1).unwrap();
        let mut bytes = vec![1, FORM_ZSTD];
        put_varint(&mut bytes, 100);
        bytes.extend_from_slice(&packed);
        assert_eq!(decode(&bytes, 10), Err(CodecError::Malformed("a bad zstd frame")));
    }
}
