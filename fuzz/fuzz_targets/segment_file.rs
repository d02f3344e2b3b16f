//! Segment files: any bytes are opened and read to the end, or refused.
//!
//! Checksums would stop the fuzzer, so the first byte selects the part of a valid file that the rest replaces, and all checksums are
//! computed again.
#![no_main]

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use fluxstone_model::FieldType;
use fluxstone_storage::disk::ReadFile;
use fluxstone_storage::segment::{BLOCK_VALUES_MAX, Segment, decode_times, decode_values};
use libfuzzer_sys::fuzz_target;

/// The length of the header of a file.
const HEADER: usize = 36;

#[derive(Debug)]
struct Bytes(Vec<u8>);

impl ReadFile for Bytes {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.0.get(from..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

// spec: storage.segment.2, storage.codec.1
fuzz_target!(|data: &[u8]| {
    read(data.to_vec());
    let Some((choice, part)) = data.split_first() else { return };
    match choice % 3 {
        0 => {
            let part = with_crc(part);
            let _ = decode_times(&part, BLOCK_VALUES_MAX);
            for field_type in FieldType::ALL {
                let _ = decode_values(&part, field_type, BLOCK_VALUES_MAX);
            }
        }
        1 => read(file_of(&with_crc(part), part.len() / 2)),
        _ => {
            // Blocks, followed by a page and a directory with that page.
            let (block, page) = part.split_at(part.len() / 2);
            let mut file = with_crc(block);
            let page_at = file.len();
            let page = with_crc(page);
            file.extend_from_slice(&page);
            // The offset of the page includes the header; offset and length are two bytes each.
            let varint = |n: usize| [n as u8 | 0x80, (n >> 7) as u8 & 0x7f];
            let directory = [&varint(HEADER + page_at)[..], &[1, 0, 0], &varint(page.len())].concat();
            let directory_at = file.len();
            file.extend_from_slice(&with_crc(&directory));
            read(file_of(&file, directory_at));
        }
    }
});

fn with_crc(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc32c::crc32c(bytes).to_le_bytes()].concat()
}

/// Returns a file with a valid header and footer around `content`, in which the directory begins at `directory`.
fn file_of(content: &[u8], directory: usize) -> Vec<u8> {
    let mut header = b"FXSG\x01\0\0\0".to_vec();
    header.extend_from_slice(&[1; 24]);
    let mut file = with_crc(&header);
    let directory_at = file.len() + directory;
    file.extend_from_slice(content);
    let mut footer = (directory_at as u64).to_le_bytes().to_vec();
    footer.extend_from_slice(&((file.len() - directory_at) as u64).to_le_bytes());
    footer.extend_from_slice(&[0; 24]);
    file.extend_from_slice(&with_crc(&footer));
    file.extend_from_slice(b"FXSE");
    file
}

fn read(bytes: Vec<u8>) {
    let Ok(segment) = Segment::read(Arc::new(Bytes(bytes)), PathBuf::from("fuzz"), Arc::default()) else { return };
    let segment = Arc::new(segment);
    for entry in segment.entries() {
        let Ok(entry) = entry else { continue };
        let _ = segment.fields_of(entry.series);
        let Ok(columns) = segment.columns_of(entry.series, entry.field) else { continue };
        for column in columns {
            let _ = column.decode();
            for block in column.parts().unwrap_or_default() {
                if let Ok(batch) = block.decode() {
                    assert_eq!(batch.times.len(), batch.values.len());
                    assert_eq!(batch.times.len(), block.summary().count as usize);
                }
            }
        }
    }
}
