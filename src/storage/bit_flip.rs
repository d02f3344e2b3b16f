//! Finding the one bit that was flipped, from a checksum that is wrong.
//!
//! CRC-32C is linear: flipping one bit changes the checksum by a pattern that depends only on the bit's distance from the end, and
//! within the sizes used here no two distances have the same pattern. So a single flipped bit can be found and flipped back. Two
//! flipped bits are never taken for one. Anything worse is taken for one with a probability of at most one in 512, for the
//! largest part, which is why whoever uses this also checks that the restored part can be decoded.

/// The largest part in bytes in which a flipped bit is searched for.
const PART_BYTES_MAX: usize = 1 << 20;
/// The polynomial of CRC-32C, lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// A place where one bit was flipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlippedBit {
    /// In the bytes that the checksum covers.
    Content {
        /// The offset of the byte.
        offset: usize,
        /// A mask with the bit.
        mask: u8,
    },
    /// In the checksum itself.
    Checksum,
}

/// Returns the bit of a part of `len` bytes that was flipped, if flipping one bit makes the checksum right. `stored` is the
/// checksum that was read, `computed` that of the bytes that were read.
pub(crate) fn find_flipped_bit(len: usize, stored: u32, computed: u32) -> Option<FlippedBit> {
    let difference = stored ^ computed;
    if difference == 0 || len > PART_BYTES_MAX {
        return None;
    }
    if difference.is_power_of_two() {
        return Some(FlippedBit::Checksum);
    }
    let mut pattern = 1_u32;
    for distance in 0..len * 8 {
        pattern = (pattern >> 1) ^ if pattern & 1 == 1 { POLYNOMIAL } else { 0 };
        if pattern == difference {
            return Some(FlippedBit::Content { offset: len - 1 - distance / 8, mask: 0x80 >> (distance % 8) });
        }
    }
    None
}

/// Flips back the one bit that was flipped in a part that ends in its CRC-32C, or in that checksum. Returns the offset of the byte;
/// `None` if the checksum is right, or if flipping one bit does not make it right.
pub(crate) fn restore_part(part: &mut [u8]) -> Option<usize> {
    let (content, stored) = part.split_last_chunk_mut::<4>()?;
    let computed = crc32c::crc32c(content);
    match find_flipped_bit(content.len(), u32::from_le_bytes(*stored), computed)? {
        FlippedBit::Content { offset, mask } => {
            *content.get_mut(offset)? ^= mask;
            Some(offset)
        }
        FlippedBit::Checksum => {
            *stored = computed.to_le_bytes();
            Some(content.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: storage.repair.3
    #[test]
    fn every_flipped_bit_is_found() {
        for len in [0, 1, 31, 300] {
            let mut part: Vec<u8> = (0..len).map(|n| (n * 7 % 251) as u8).collect();
            part.extend_from_slice(&crc32c::crc32c(&part).to_le_bytes());
            assert_eq!(restore_part(&mut part.clone()), None, "it is sound");
            for bit in 0..part.len() * 8 {
                let mut flipped = part.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(restore_part(&mut flipped), Some((bit / 8).min(len)), "bit {bit} of {len}");
                assert_eq!(flipped, part);
            }
        }
    }

    // spec: storage.repair.3
    #[test]
    fn two_flipped_bits_are_not_taken_for_one() {
        let mut part: Vec<u8> = (0..40).collect();
        part.extend_from_slice(&crc32c::crc32c(&part).to_le_bytes());
        for one in 0..part.len() * 8 {
            for other in one + 1..part.len() * 8 {
                let mut flipped = part.clone();
                for bit in [one, other] {
                    flipped[bit / 8] ^= 1 << (bit % 8);
                }
                assert_eq!(restore_part(&mut flipped), None, "bits {one} and {other}");
            }
        }
    }
}
