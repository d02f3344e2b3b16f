//! Log files and records: any bytes are read or refused, and records that are read and written again stay the same.
#![no_main]

use fluxstone_storage::frame::{Frame, LogHeader, find_frame, put_frame};
use fluxstone_storage::record::{Entries, Entry, RecordBuilder};
use libfuzzer_sys::fuzz_target;

// spec: storage.log.3, storage.record.1
fuzz_target!(|data: &[u8]| {
    let salt = LogHeader::decode(data).map_or(0, |header| header.salt);
    if let Ok(frame) = Frame::decode(salt, data) {
        assert!(frame.records().count() <= data.len());
    }
    find_frame(salt, data);
    read(data);

    let mut file = Vec::new();
    let records: Vec<&[u8]> = data.split(|byte| *byte == 0).collect();
    put_frame(salt, 7, &records, &mut file);
    let frame = Frame::decode(salt, &file).unwrap();
    assert_eq!(frame.len, file.len());
    assert!(frame.records().map(|record| record.unwrap().1).eq(records));
});

fn read(record: &[u8]) {
    let mut again = RecordBuilder::default();
    let mut entries = Vec::new();
    for entry in Entries::new(record) {
        let Ok(entry) = entry else { return };
        if let Entry::Points { rows, .. } = &entry {
            read_rows(rows.clone());
        }
        again.put(&entry);
        entries.push(entry);
    }
    let bytes = again.into_bytes();
    assert!(Entries::new(&bytes).map(Result::unwrap).eq(entries));
}

fn read_rows(mut rows: fluxstone_storage::record::Rows<'_>) {
    while let Ok(Some(row)) = rows.next_row() {
        for _ in 0..row.fields {
            if rows.next_value().is_err() {
                return;
            }
        }
    }
}
