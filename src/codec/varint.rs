//! Variable-length integers (LEB128), the zigzag mapping, and a cursor that reads them from untrusted bytes.
//!
//! The block codecs and all formats of storage use these. Reading never panics, and never trusts a length before checking
//! that there are as many bytes.

use super::error::CodecError;

/// The maximum length of a varint: 64 bits in groups of seven.
pub const VARINT_LEN_MAX: usize = 10;

/// Appends `value` in groups of seven bits, lowest first. The top bit of a byte is set if more bytes follow.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer, zigzag-mapped.
#[inline]
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// Appends the length of `bytes`, then the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Maps 0, -1, 1, -2 ... to 0, 1, 2, 3 ..., so that small magnitudes have few bits.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads from the front of a byte slice.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a cursor at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The bytes that have not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all bytes have been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads one byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.rest.split_first().ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// Reads `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Reads four bytes, lowest first.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Reads eight bytes, lowest first.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads a varint. Refuses more than 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, CodecError> {
        // Most have one byte.
        match self.rest.split_first() {
            Some((&first, rest)) if first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(first))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0_u64;
        for shift in (0..7 * VARINT_LEN_MAX as u32).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Malformed("a varint has more than 64 bits"))
    }

    /// Reads a zigzag-mapped signed varint.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, CodecError> {
        Ok(unzigzag(self.varint()?))
    }

    /// Reads a count or length that must not exceed `max`.
    pub fn count(&mut self, max: usize) -> Result<usize, CodecError> {
        let count = self.varint()?;
        match usize::try_from(count) {
            Ok(n) if n <= max => Ok(n),
            _ => Err(CodecError::TooMany { count, max }),
        }
    }

    /// Reads a length, then as many bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.varint()?;
        self.take(usize::try_from(len).map_err(|_| CodecError::Truncated)?)
    }

    /// Ends decoding: returns `values` if all bytes have been read.
    pub fn finish<T>(self, values: T) -> Result<T, CodecError> {
        if self.is_empty() { Ok(values) } else { Err(CodecError::Malformed("bytes follow the last value")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn varints_round_trip(value: u64, signed: i64, bytes: Vec<u8>) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_signed(&mut out, signed);
            put_bytes(&mut out, &bytes);
            let mut reader = Reader::new(&out);
            proptest::prop_assert_eq!(reader.varint(), Ok(value));
            proptest::prop_assert_eq!(reader.signed(), Ok(signed));
            proptest::prop_assert_eq!(reader.bytes(), Ok(&bytes[..]));
            proptest::prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_refused() {
        assert_eq!(Reader::new(&[0xff; 9]).varint(), Err(CodecError::Truncated));
        let mut bytes = [0xff; 10];
        assert!(matches!(Reader::new(&bytes).varint(), Err(CodecError::Malformed(_))));
        bytes[9] = 1;
        assert_eq!(Reader::new(&bytes).varint(), Ok(u64::MAX));
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        assert_eq!(Reader::new(&[200, 1, 0]).bytes(), Err(CodecError::Truncated));
        assert_eq!(Reader::new(&[9]).count(8), Err(CodecError::TooMany { count: 9, max: 8 }));
    }
}
