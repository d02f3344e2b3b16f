//! Frames: the unit in which the log is written and made durable.
//!
//! One frame holds the records of one group commit, and the next frame is written only after this one is on disk. So a good
//! frame after a bad one proves that the bad one had been acknowledged: that is damage. A bad frame with nothing good after it
//! is a write that a crash interrupted. Checksums start with a random salt of the file, so that bytes that a client sent, or
//! that an older file left on the disk, cannot pass for a frame.

use fluxstone_codec::CodecError;
use fluxstone_codec::varint::{Reader, put_varint};

use crate::store_id::StoreId;

/// The first bytes of every log file.
const FILE_MAGIC: [u8; 4] = *b"FXLG";
/// The first bytes of every frame.
const FRAME_MAGIC: [u8; 4] = *b"FXFR";
/// The version of files without the id of the store, which are read but no longer written.
const VERSION_WITHOUT_ID: u32 = 1;
/// The current version of the format.
const VERSION: u32 = 2;
/// The maximum encoded length of a [`LogHeader`].
pub(super) const LOG_HEADER_BYTES_MAX: usize = 28 + StoreId::LEN;
/// The length of the part of a frame before its records.
pub const FRAME_HEADER_LEN: usize = 28;

/// The header of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeader {
    /// The position of the first record.
    pub first: u64,
    /// The salt with which the checksums of all frames start.
    pub salt: u64,
    /// The store that the log belongs to; `None` in version 1.
    pub store: Option<StoreId>,
}

impl LogHeader {
    /// Returns the encoded length.
    #[allow(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(self) -> usize {
        if self.store.is_some() { LOG_HEADER_BYTES_MAX } else { LOG_HEADER_BYTES_MAX - StoreId::LEN }
    }

    /// Encodes the header: magic, version, first position, salt, id of the store, CRC-32C of all these.
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = FILE_MAGIC.to_vec();
        let version = if self.store.is_some() { VERSION } else { VERSION_WITHOUT_ID };
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        if let Some(StoreId(id)) = self.store {
            bytes.extend_from_slice(&id);
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Decodes the header of a file.
    pub fn decode(bytes: &[u8]) -> Result<LogHeader, CodecError> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != FILE_MAGIC {
            return Err(CodecError::Malformed("not a log file"));
        }
        let version = reader.u32()?;
        let (first, salt) = (reader.u64()?, reader.u64()?);
        let store = match version {
            VERSION_WITHOUT_ID => None,
            VERSION => Some(StoreId(reader.array()?)),
            _ => return Err(CodecError::Malformed("unknown log version, or the header is damaged")),
        };
        let header = LogHeader { first, salt, store };
        let covered = Reader::new(bytes).take(header.len() - 4)?;
        if reader.u32()? != crc32c::crc32c(covered) {
            return Err(CodecError::Malformed("the checksum of the log header is wrong"));
        }
        Ok(header)
    }
}

/// A frame whose checksums have been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The position of its first record.
    pub first: u64,
    /// The number of records.
    pub count: u32,
    /// Its length in the file.
    pub len: usize,
    body: &'a [u8],
}

/// Appends a frame to `out`: magic, body length, first position, record count, CRC-32C of salt and these; the same of the
/// body; the body, in which each record follows its length.
pub fn put_frame<R: AsRef<[u8]>>(salt: u64, first: u64, records: &[R], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + FRAME_HEADER_LEN, 0);
    for record in records {
        let record = record.as_ref();
        put_varint(out, record.len() as u64);
        out.extend_from_slice(record);
    }
    let (header, body) = out[start..].split_at_mut(FRAME_HEADER_LEN);
    header[..4].copy_from_slice(&FRAME_MAGIC);
    header[4..8].copy_from_slice(&(body.len() as u32).to_le_bytes());
    header[8..16].copy_from_slice(&first.to_le_bytes());
    header[16..20].copy_from_slice(&(records.len() as u32).to_le_bytes());
    let header_crc = salted_crc(salt, &header[..20]);
    header[20..24].copy_from_slice(&header_crc.to_le_bytes());
    let body_crc = salted_crc(salt, body);
    header[24..28].copy_from_slice(&body_crc.to_le_bytes());
}

impl<'a> Frame<'a> {
    /// Decodes the frame at the beginning of `bytes`.
    pub fn decode(salt: u64, bytes: &'a [u8]) -> Result<Frame<'a>, CodecError> {
        let mut reader = Reader::new(bytes);
        let covered = Reader::new(bytes).take(20)?;
        if reader.array()? != FRAME_MAGIC {
            return Err(CodecError::Malformed("not a frame"));
        }
        let len = reader.u32()? as usize;
        let (first, count) = (reader.u64()?, reader.u32()?);
        if reader.u32()? != salted_crc(salt, covered) {
            return Err(CodecError::Malformed("the checksum of the frame header is wrong"));
        }
        let crc = reader.u32()?;
        let body = reader.take(len)?;
        if crc != salted_crc(salt, body) {
            return Err(CodecError::Malformed("the checksum of the frame is wrong"));
        }
        Ok(Frame { first, count, len: FRAME_HEADER_LEN + len, body })
    }

    /// Returns the records in order, with their positions.
    pub fn records(&self) -> impl Iterator<Item = Result<(u64, &'a [u8]), CodecError>> + use<'a> {
        let mut reader = Reader::new(self.body);
        let (first, count) = (self.first, self.count);
        (0..u64::from(count)).map(move |i| Ok((first.wrapping_add(i), reader.bytes()?)))
    }
}

/// Searches all of `bytes` for a good frame and returns its offset.
pub fn find_frame(salt: u64, bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(bytes, &FRAME_MAGIC).find(|&at| Frame::decode(salt, &bytes[at..]).is_ok())
}

pub(super) fn salted_crc(salt: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip() {
        let mut bytes = Vec::new();
        put_frame(7, 42, &[&b"one"[..], b"", b"three"], &mut bytes);
        let frame = Frame::decode(7, &bytes).unwrap();
        assert_eq!((frame.first, frame.count, frame.len), (42, 3, bytes.len()));
        let records: Vec<_> = frame.records().map(Result::unwrap).collect();
        assert_eq!(records, [(42, &b"one"[..]), (43, b""), (44, b"three")]);
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let mut bytes = Vec::new();
        put_frame(7, 1, &[b"a record"], &mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::decode(7, &bad).is_err(), "bit {bit}");
        }
        for store in [None, Some(StoreId([3; 16]))] {
            let header = LogHeader { first: 9, salt: 5, store };
            let encoded = header.encode();
            assert_eq!((LogHeader::decode(&encoded), encoded.len()), (Ok(header), header.len()));
            for bit in 0..encoded.len() * 8 {
                let mut bad = encoded.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(LogHeader::decode(&bad).is_err(), "bit {bit}");
            }
        }
    }

    // spec: storage.log.5
    #[test]
    fn a_frame_of_another_file_is_not_a_frame() {
        let mut bytes = b"junk".to_vec();
        put_frame(7, 1, &[b"a record"], &mut bytes);
        assert_eq!(find_frame(7, &bytes), Some(4));
        assert_eq!(find_frame(8, &bytes), None);
    }
}
