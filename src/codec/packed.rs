//! Bit-packing in miniblocks: the primitive below times and integers.
//!
//! Up to 64 numbers form a miniblock: one byte with the width of its greatest number in bits (0 to 64), then the numbers
//! in that width one behind the other, lowest bit first, filled up to a whole byte. An outlier widens only its miniblock.

use super::CodecError;
use super::varint::Reader;

/// Numbers in a miniblock; the last one may have fewer.
pub(super) const MINIBLOCK: usize = 64;

/// Appends `values` in miniblocks.
pub(super) fn put(values: &[u64], out: &mut Vec<u8>) {
    for block in values.chunks(MINIBLOCK) {
        let width = 64 - block.iter().fold(0, |all, v| all | v).leading_zeros();
        out.push(width as u8);
        let mut pending = 0_u128;
        let mut bits = 0;
        for &value in block {
            pending |= u128::from(value) << bits;
            bits += width;
            if bits >= 64 {
                out.extend_from_slice(&(pending as u64).to_le_bytes());
                pending >>= 64;
                bits -= 64;
            }
        }
        let tail = (pending as u64).to_le_bytes();
        out.extend_from_slice(&tail[..bits.div_ceil(8) as usize]);
    }
}

/// Reads `count` numbers and hands each to `each`.
pub(super) fn take(reader: &mut Reader<'_>, count: usize, mut each: impl FnMut(u64)) -> Result<(), CodecError> {
    let mut left = count;
    while left > 0 {
        let here = left.min(MINIBLOCK);
        let width = u32::from(reader.u8()?);
        if width > 64 {
            return Err(CodecError::Malformed("a miniblock is wider than 64 bits"));
        }
        let bytes = reader.take((here * width as usize).div_ceil(8))?;
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        let mut words = bytes.chunks(8);
        let mut pending = 0_u128;
        let mut bits = 0;
        for _ in 0..here {
            if bits < width {
                let mut word = [0; 8];
                // The length was computed from the width, so a word is there whenever bits are missing.
                let chunk = words.next().unwrap_or_default();
                word[..chunk.len()].copy_from_slice(chunk);
                pending |= u128::from(u64::from_le_bytes(word)) << bits;
                bits += 64;
            }
            each(pending as u64 & mask);
            pending >>= width;
            bits -= width;
        }
        left -= here;
    }
    Ok(())
}
