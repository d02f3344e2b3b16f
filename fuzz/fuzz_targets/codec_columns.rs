//! Times, integers, booleans and strings: all values round-trip, and any bytes decode or fail within the allowed memory.
//!
//! The first byte selects the codec.
#![no_main]

use std::fmt::Debug;

use fluxstone_codec::{CodecError, booleans, integers, strings, times};
use fluxstone_model::Text;
use libfuzzer_sys::fuzz_target;

// spec: storage.codec.1, storage.codec.2, storage.codec.4, storage.codec.5, storage.codec.6, storage.frame.1
fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let Some((count, bytes)) = data.split_first_chunk::<2>() else { return };
    let count = usize::from(u16::from_le_bytes(*count)) % 2048;
    match choice % 4 {
        0 => check(bytes, count, &numbers(bytes), times::encode, times::decode),
        1 => check(bytes, count, &numbers(bytes), integers::encode, integers::decode),
        2 => {
            let values: Vec<bool> = bytes.iter().map(|byte| byte & 1 == 1).collect();
            check(bytes, count, &values, booleans::encode, booleans::decode);
        }
        _ => {
            let values: Vec<Text> = bytes.split(|byte| *byte == 0).map(Text::from).collect();
            check(bytes, count, &values, strings::encode, strings::decode);
        }
    }
});

/// Returns numbers whose width is given by the first byte.
fn numbers(bytes: &[u8]) -> Vec<i64> {
    let Some((width, bytes)) = bytes.split_first() else { return Vec::new() };
    let width = usize::from(width % 8) + 1;
    let number = |part: &[u8]| part.iter().fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
    bytes.chunks(width).map(number).collect()
}

fn check<T: PartialEq + Debug>(
    bytes: &[u8],
    count: usize,
    values: &[T],
    encode: fn(&[T], &mut Vec<u8>),
    decode: fn(&[u8], usize) -> Result<Vec<T>, CodecError>,
) {
    if let Ok(decoded) = decode(bytes, count) {
        assert_eq!(decoded.len(), count);
        round_trip(&decoded, encode, decode);
    }
    round_trip(values, encode, decode);
}

fn round_trip<T: PartialEq + Debug>(
    values: &[T],
    encode: fn(&[T], &mut Vec<u8>),
    decode: fn(&[u8], usize) -> Result<Vec<T>, CodecError>,
) {
    let mut bytes = Vec::new();
    encode(values, &mut bytes);
    assert_eq!(decode(&bytes, values.len()).as_deref(), Ok(values));
}
