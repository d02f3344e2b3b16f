//! The fixed parts of a segment file: header and footer.

use fluxstone_codec::CodecError;
use fluxstone_codec::varint::Reader;
use fluxstone_model::{DatabaseId, ShardId, TimeRange, Timestamp};

use crate::bit_flip::restore_part;

const HEADER_MAGIC: [u8; 4] = *b"FXSG";
const FOOTER_MAGIC: [u8; 4] = *b"FXSE";
const VERSION: u32 = 1;
pub(crate) const UNKNOWN_SEGMENT_VERSION: &str = "unknown segment file version";
pub(super) const HEADER_LEN: usize = 36;
pub(super) const FOOTER_LEN: usize = 48;

/// The header: whose values the file holds, and up to which position of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The database.
    pub database: DatabaseId,
    /// The shard.
    pub shard: ShardId,
    /// The position of the first log record that the file does not cover. Deletes from that position on apply to the file.
    pub position: u64,
}

/// The footer: the place of the directory, and a summary of all blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) directory_offset: u64,
    pub(super) directory_len: u64,
    pub(super) values: u64,
    pub(super) range: TimeRange,
}

impl SegmentHeader {
    /// Encodes magic, version, database, shard, position, CRC-32C of all these.
    pub(super) fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&HEADER_MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.database.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.shard.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.position.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<SegmentHeader, CodecError> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != HEADER_MAGIC {
            return Err(CodecError::Malformed("not a segment file"));
        }
        let version = reader.u32()?;
        let header = SegmentHeader {
            database: DatabaseId(reader.u64()?),
            shard: ShardId(reader.u64()?),
            position: reader.u64()?,
        };
        if reader.u32()? != crc32c::crc32c(&bytes[..32]) {
            return Err(CodecError::Malformed("the checksum of the header is wrong"));
        }
        if version != VERSION {
            return Err(CodecError::Malformed(UNKNOWN_SEGMENT_VERSION));
        }
        Ok(header)
    }
}

impl Footer {
    /// Encodes offset and length of the directory, number of values, first and last time, CRC-32C of all these, magic.
    pub(super) fn encode(self) -> [u8; FOOTER_LEN] {
        let mut bytes = [0; FOOTER_LEN];
        bytes[..8].copy_from_slice(&self.directory_offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.directory_len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.values.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.range.min.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.range.max.0.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        bytes[44..].copy_from_slice(&FOOTER_MAGIC);
        bytes
    }

    /// Decodes a footer after flipping back the one bit that was flipped in it; `None` if that does not help.
    pub(super) fn restore(bytes: &mut [u8; FOOTER_LEN]) -> Option<Footer> {
        let (checked, magic) = bytes.split_last_chunk_mut::<4>()?;
        if *magic == FOOTER_MAGIC {
            restore_part(checked)?;
        } else {
            *magic = FOOTER_MAGIC;
        }
        Footer::decode(bytes).ok()
    }

    pub(super) fn decode(bytes: &[u8; FOOTER_LEN]) -> Result<Footer, CodecError> {
        let mut reader = Reader::new(bytes);
        let footer = Footer {
            directory_offset: reader.u64()?,
            directory_len: reader.u64()?,
            values: reader.u64()?,
            range: TimeRange {
                min: Timestamp(i64::from_le_bytes(reader.array()?)),
                max: Timestamp(i64::from_le_bytes(reader.array()?)),
            },
        };
        if reader.u32()? != crc32c::crc32c(&bytes[..40]) || reader.array()? != FOOTER_MAGIC {
            return Err(CodecError::Malformed("the checksum or the magic bytes of the footer are wrong"));
        }
        Ok(footer)
    }
}
