//! Floats: all values round-trip bit for bit, and any bytes decode or fail within the allowed memory.
#![no_main]

use fluxstone_codec::floats::{decode, encode};
use libfuzzer_sys::fuzz_target;

const COUNT_MAX: usize = 2048;

// spec: storage.codec.1, storage.codec.3
fuzz_target!(|data: &[u8]| {
    if let Some((count, bytes)) = data.split_first_chunk::<2>() {
        let count = usize::from(u16::from_le_bytes(*count)) % COUNT_MAX;
        if let Ok(values) = decode(bytes, count) {
            assert_eq!(values.len(), count);
            round_trip(&values);
        }
    }
    let values: Vec<f64> = data.chunks_exact(8).map(|bits| f64::from_le_bytes(bits.try_into().unwrap())).collect();
    round_trip(&values);
    // Small differences between neighbours reach other paths than random bits do.
    let values: Vec<f64> = data.iter().map(|byte| f64::from(*byte) / 8.0).collect();
    round_trip(&values);
});

fn round_trip(values: &[f64]) {
    let mut bytes = Vec::new();
    encode(values, &mut bytes);
    let back = decode(&bytes, values.len()).unwrap();
    assert!(back.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits())));
}
