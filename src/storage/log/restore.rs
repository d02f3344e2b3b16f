//! Flipping back single bits of a damaged log file, for repair.

use std::path::Path;

use super::frame::{FRAME_HEADER_LEN, Frame, LogHeader, salted_crc};
use crate::bit_flip::{FlippedBit, find_flipped_bit, restore_part};
use crate::disk::{Disk, read_all};
use crate::error::StorageError;

/// The length of the part of a frame's header that its first checksum covers.
const COVERED_LEN: usize = FRAME_HEADER_LEN - 8;

/// Returns the bytes of a log file with flipped bits flipped back, and how many there were; `None` if that does not make the first
/// damaged part readable.
pub(crate) fn restore(disk: &dyn Disk, path: &Path) -> Result<Option<(Vec<u8>, usize)>, StorageError> {
    let mut bytes = read_all(disk, path).map_err(StorageError::io("read", path))?;
    let mut flips = 0;
    let header = match LogHeader::decode(&bytes) {
        Ok(header) => header,
        Err(_) => match restore_header(&mut bytes) {
            Some(header) => {
                flips += 1;
                header
            }
            None => return Ok(None),
        },
    };
    let mut at = header.len();
    while at < bytes.len() {
        while Frame::decode(header.salt, &bytes[at..]).is_err() {
            if !restore_frame(header.salt, &mut bytes[at..]) {
                return Ok((flips > 0).then_some((bytes, flips)));
            }
            flips += 1;
        }
        let Ok(frame) = Frame::decode(header.salt, &bytes[at..]) else { break };
        at += frame.len;
    }
    Ok((flips > 0).then_some((bytes, flips)))
}

/// The version, in which the bit may be, decides the length.
fn restore_header(bytes: &mut [u8]) -> Option<LogHeader> {
    for store in [Some(crate::store_id::StoreId([0; 16])), None] {
        let len = LogHeader { first: 0, salt: 0, store }.len();
        let mut restored = bytes.get(..len)?.to_vec();
        if restore_part(&mut restored).is_some()
            && let Ok(header) = LogHeader::decode(&restored)
            && header.len() == len
        {
            bytes.get_mut(..len)?.copy_from_slice(&restored);
            return Some(header);
        }
    }
    None
}

/// Flips back one bit of the frame at the beginning of `bytes`. Returns whether that made one of its two checksums right.
fn restore_frame(salt: u64, bytes: &mut [u8]) -> bool {
    restore_checked(salt, bytes, 0..COVERED_LEN, COVERED_LEN).unwrap_or_else(|| {
        let len = bytes.get(4..8).and_then(|len| Some(u32::from_le_bytes(len.try_into().ok()?)));
        let end = len.and_then(|len| FRAME_HEADER_LEN.checked_add(len as usize)).unwrap_or(usize::MAX);
        restore_checked(salt, bytes, FRAME_HEADER_LEN..end, COVERED_LEN + 4).unwrap_or(false)
    })
}

/// Restores the bytes in `covered`, whose checksum is at `crc_at`, or that checksum. Returns `None` if they match, and otherwise
/// whether that was possible.
fn restore_checked(salt: u64, bytes: &mut [u8], covered: std::ops::Range<usize>, crc_at: usize) -> Option<bool> {
    let Some(content) = bytes.get(covered.clone()) else { return Some(false) };
    let computed = salted_crc(salt, content);
    let stored = bytes.get(crc_at..crc_at + 4).and_then(|crc| Some(u32::from_le_bytes(crc.try_into().ok()?)));
    let Some(stored) = stored else { return Some(false) };
    if stored == computed {
        return None;
    }
    match find_flipped_bit(covered.len(), stored, computed) {
        Some(FlippedBit::Content { offset, mask }) => bytes[covered.start + offset] ^= mask,
        Some(FlippedBit::Checksum) => bytes[crc_at..crc_at + 4].copy_from_slice(&computed.to_le_bytes()),
        None => return Some(false),
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::frame::put_frame;
    use super::*;
    use crate::memory_disk::MemoryDisk;
    use crate::store_id::StoreId;

    // spec: storage.repair.3
    #[test]
    fn every_flipped_bit_of_a_file_is_found() {
        for store in [None, Some(StoreId([3; 16]))] {
            let header = LogHeader { first: 9, salt: 5, store };
            let mut file = header.encode();
            put_frame(header.salt, 9, &[b"a record", b"another0"], &mut file);
            put_frame(header.salt, 11, &[b"the last"], &mut file);
            for bit in 0..file.len() * 8 {
                let disk = MemoryDisk::default();
                let path = PathBuf::from("/log");
                disk.create(&path).unwrap().append(&file).unwrap();
                assert_eq!(restore(&disk, &path).unwrap(), None, "it is sound");
                disk.damage(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
                assert_eq!(restore(&disk, &path).unwrap(), Some((file.clone(), 1)), "bit {bit}");
            }
        }
    }
}
