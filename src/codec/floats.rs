//! Floats: the XOR code of Gorilla (Pelkonen et al., "Gorilla: A Fast, Scalable, In-Memory Time Series Database", 2015,
//! section 4.1.2), and two forms that are smaller where they apply: one value throughout, and whole numbers.
//!
//! Bits are kept exactly, those of NaN and of negative zero too.

use super::varint::{Reader, put_varint};
use super::{CodecError, finish, integers};

/// All values have the same bits, which follow.
const FORM_CONSTANT: u8 = 0;
/// The XOR code follows.
const FORM_XOR: u8 = 1;
/// All values are whole; the code of integers follows.
const FORM_INTEGERS: u8 = 2;
/// Leading zeros have five bits.
const LEADING_MAX: u32 = 31;

/// Appends `values`: count, form, values.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    put_varint(out, values.len() as u64);
    let Some(first) = values.first() else { return };
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        out.push(FORM_CONSTANT);
        out.extend_from_slice(&first.to_le_bytes());
        return;
    }
    let form_at = out.len();
    out.push(FORM_XOR);
    put_xor(values, out);
    if let Some(whole) = as_integers(values) {
        let mut packed = Vec::new();
        integers::encode(&whole, &mut packed);
        if packed.len() < out.len() - form_at - 1 {
            out.truncate(form_at);
            out.push(FORM_INTEGERS);
            out.extend_from_slice(&packed);
        }
    }
}

/// Reads at most `count_max` values.
pub fn decode(bytes: &[u8], count_max: usize) -> Result<Vec<f64>, CodecError> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(count_max)?;
    if count == 0 {
        return finish(reader, Vec::new());
    }
    match reader.u8()? {
        FORM_CONSTANT => {
            let value = f64::from_bits(reader.u64()?);
            finish(reader, vec![value; count])
        }
        FORM_XOR => take_xor(reader.rest(), count),
        FORM_INTEGERS => {
            let whole = integers::decode(reader.rest(), count)?;
            if whole.len() != count {
                return Err(CodecError::Malformed("the counts of floats and integers differ"));
            }
            Ok(whole.into_iter().map(|v| v as f64).collect())
        }
        _ => Err(CodecError::Malformed("an unknown form of floats")),
    }
}

/// The values as integers, if every one of them turns back into the same bits.
fn as_integers(values: &[f64]) -> Option<Vec<i64>> {
    values
        .iter()
        .map(|&v| {
            let whole = v as i64;
            ((whole as f64).to_bits() == v.to_bits()).then_some(whole)
        })
        .collect()
}

/// The first value as it is; then for each value its XOR with the one before: `0` if it is zero; `1` `0` and the
/// meaningful bits if they fit into the window of the last XOR; else `1` `1`, the count of leading zeros (5 bits), the
/// number of meaningful bits less one (6 bits), and these. Highest bit first.
fn put_xor(values: &[f64], out: &mut Vec<u8>) {
    let mut bits = BitWriter { out, pending: 0, free: 64 };
    let mut before = values[0].to_bits();
    bits.put(before, 64);
    let (mut window_leading, mut window_trailing) = (u32::MAX, 0);
    for value in &values[1..] {
        let xor = value.to_bits() ^ before;
        before = value.to_bits();
        if xor == 0 {
            bits.put(0, 1);
            continue;
        }
        let (leading, trailing) = (xor.leading_zeros().min(LEADING_MAX), xor.trailing_zeros());
        if window_leading != u32::MAX && leading >= window_leading && trailing >= window_trailing {
            bits.put(0b10, 2);
            bits.put(xor >> window_trailing, 64 - window_leading - window_trailing);
        } else {
            let meaningful = 64 - leading - trailing;
            bits.put(0b11, 2);
            bits.put(u64::from(leading), 5);
            bits.put(u64::from(meaningful - 1), 6);
            bits.put(xor >> trailing, meaningful);
            (window_leading, window_trailing) = (leading, trailing);
        }
    }
    bits.finish();
}

fn take_xor(bytes: &[u8], count: usize) -> Result<Vec<f64>, CodecError> {
    // Every value but the first has at least one bit.
    if bytes.len() < 8 || (bytes.len() - 8).saturating_mul(8) < count - 1 {
        return Err(CodecError::Truncated);
    }
    let mut bits = BitReader { bytes, pending: 0, held: 0 };
    let mut value = bits.take(64)?;
    let mut values = Vec::with_capacity(count);
    values.push(f64::from_bits(value));
    let mut window: Option<(u32, u32)> = None; // trailing zeros, meaningful bits
    for _ in 1..count {
        if bits.take(1)? == 1 {
            if bits.take(1)? == 1 {
                let leading = bits.take(5)? as u32;
                let meaningful = bits.take(6)? as u32 + 1;
                let trailing = 64_u32
                    .checked_sub(leading + meaningful)
                    .ok_or(CodecError::Malformed("a float has more than 64 bits"))?;
                window = Some((trailing, meaningful));
            }
            let (trailing, meaningful) = window.ok_or(CodecError::Malformed("a float refers to no window"))?;
            value ^= bits.take(meaningful)? << trailing;
        }
        values.push(f64::from_bits(value));
    }
    if bits.bytes.is_empty() && bits.held < 8 {
        Ok(values)
    } else {
        Err(CodecError::Malformed("bytes follow the last value"))
    }
}

/// Writes bits, highest first, a word at a time.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    free: u32,
}

impl BitWriter<'_> {
    /// Appends the low `width` bits of `value`; 1 to 64, and higher bits are zero.
    #[inline]
    fn put(&mut self, value: u64, width: u32) {
        if width < self.free {
            self.free -= width;
            self.pending |= value << self.free;
            return;
        }
        let over = width - self.free; // 0 to 63, since at least one bit is free
        self.out.extend_from_slice(&(self.pending | value >> over).to_be_bytes());
        self.free = 64 - over;
        self.pending = if over == 0 { 0 } else { value << self.free };
    }

    fn finish(self) {
        let used = (64 - self.free).div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_be_bytes()[..used]);
    }
}

/// Reads bits, highest first.
struct BitReader<'a> {
    bytes: &'a [u8],
    /// The bits read ahead, from the top.
    pending: u128,
    held: u32,
}

impl BitReader<'_> {
    /// The next `width` bits, 1 to 64.
    #[inline]
    fn take(&mut self, width: u32) -> Result<u64, CodecError> {
        if self.held < width {
            self.fill();
            if self.held < width {
                return Err(CodecError::Truncated);
            }
        }
        let value = (self.pending >> (128 - width)) as u64;
        self.pending <<= width;
        self.held -= width;
        Ok(value)
    }

    /// Reads a word ahead, or what is left.
    fn fill(&mut self) {
        if let Some((word, rest)) = self.bytes.split_first_chunk::<8>() {
            self.pending |= u128::from(u64::from_be_bytes(*word)) << (64 - self.held);
            self.held += 64;
            self.bytes = rest;
        } else {
            for &byte in self.bytes {
                self.pending |= u128::from(byte) << (120 - self.held);
                self.held += 8;
            }
            self.bytes = &[];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64]) -> usize {
        let mut out = Vec::new();
        encode(values, &mut out);
        let back = decode(&out, values.len()).unwrap();
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        out.len()
    }

    proptest::proptest! {
        // spec: storage.codec.3
        #[test]
        fn all_bit_patterns_read_back(bits: Vec<u64>) {
            check(&bits.into_iter().map(f64::from_bits).collect::<Vec<_>>());
        }

        #[test]
        fn measurements_read_back(values in proptest::collection::vec(-1000_i32..1000, 0..300)) {
            check(&values.iter().map(|v| f64::from(*v) / 8.0).collect::<Vec<_>>());
            check(&values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            if let Ok(values) = decode(&bytes, 100) {
                proptest::prop_assert!(values.len() <= 100);
            }
        }
    }

    #[test]
    fn the_smallest_form_is_taken() {
        assert_eq!(check(&[1.5; 2000]), 2 + 1 + 8);
        let whole: Vec<f64> = (0..2000).map(f64::from).collect();
        assert!(check(&whole) < 12);
        assert!(check(&[0.0, -0.0, f64::NAN, f64::INFINITY]) < 40);
    }
}
