//! Booleans: one bit each.

use super::varint::{Reader, put_varint};
use super::{CodecError, finish};

/// Appends `values`: count, then the bits, lowest bit first, filled up to a whole byte.
pub fn encode(values: &[bool], out: &mut Vec<u8>) {
    put_varint(out, values.len() as u64);
    for eight in values.chunks(8) {
        out.push(eight.iter().enumerate().fold(0, |byte, (bit, &value)| byte | u8::from(value) << bit));
    }
}

/// Reads at most `count_max` values.
pub fn decode(bytes: &[u8], count_max: usize) -> Result<Vec<bool>, CodecError> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(count_max)?;
    let bits = reader.take(count.div_ceil(8))?;
    let values = (0..count).map(|i| bits[i / 8] >> (i % 8) & 1 == 1).collect();
    finish(reader, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        // spec: storage.codec.5
        #[test]
        fn booleans_read_back(values: Vec<bool>) {
            let mut out = Vec::new();
            encode(&values, &mut out);
            proptest::prop_assert_eq!(decode(&out, values.len()), Ok(values));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            if let Ok(values) = decode(&bytes, 100) {
                proptest::prop_assert!(values.len() <= 100);
            }
        }
    }
}
