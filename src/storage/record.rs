//! Log records: one change of the database each, as a sequence of entries that are applied in order.
//!
//! Invariant: a record contains everything that applying it needs; nothing is looked up, chosen or computed anew at replay.
//! So the same bytes give the same state, whether applied when they were committed or after a crash.

use fluxstone_codec::CodecError;
use fluxstone_codec::varint::{Reader, put_bytes, put_signed, put_varint};
use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, FieldType, Scalar, ShardId, TimeRange, Timestamp};

/// The most bytes that a record may have.
pub const RECORD_BYTES_MAX: usize = 1 << 30;

/// The bytes of the number of points and of their length, which are filled in last.
const SIZES_BYTES: usize = 8;

const CATALOG: u8 = 1;
const SERIES: u8 = 2;
const SHARD: u8 = 3;
const FIELD: u8 = 4;
const POINTS: u8 = 5;
const DELETE: u8 = 6;
const REMOVE_SERIES: u8 = 7;
const DROP_MEASUREMENT: u8 = 8;
const DROP_SHARDS: u8 = 9;
const DROP_DATABASE: u8 = 10;

/// Identifies a field of one measurement in one shard. Never used again in that shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u32);

/// One step of a change.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the parts of each step")]
pub enum Entry<'a> {
    /// A change of the catalog. Storage does not know its meaning.
    Catalog(&'a [u8]),
    /// A new series; `key` is its raw key with sorted tags.
    Series { database: DatabaseId, id: SeriesId, key: &'a [u8] },
    /// A new shard.
    Shard { database: DatabaseId, shard: ShardId },
    /// A new field of a measurement in one shard, with its type.
    Field {
        database: DatabaseId,
        shard: ShardId,
        id: FieldId,
        field_type: FieldType,
        measurement: &'a [u8],
        name: &'a [u8],
    },
    /// Points of one shard.
    Points { database: DatabaseId, shard: ShardId, rows: Rows<'a> },
    /// Deletes the values of some series in a range of times.
    Delete { database: DatabaseId, shards: Vec<ShardId>, series: Vec<SeriesId>, range: TimeRange },
    /// Removes series from the index, together with any values they still have.
    RemoveSeries { database: DatabaseId, series: Vec<SeriesId> },
    /// Removes a measurement with its field types.
    DropMeasurement { database: DatabaseId, measurement: &'a [u8] },
    /// Removes shards with their values and field types.
    DropShards { database: DatabaseId, shards: Vec<ShardId> },
    /// Removes a database.
    DropDatabase { database: DatabaseId },
}

/// Builds a record.
#[derive(Debug, Default)]
pub struct RecordBuilder {
    bytes: Vec<u8>,
}

impl RecordBuilder {
    /// Builds a record in the memory of `bytes`, whose contents are discarded.
    pub fn reusing(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        RecordBuilder { bytes }
    }

    /// Whether the record has no entries.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The number of bytes of the record.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the record.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the entries so far.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries::new(&self.bytes)
    }

    /// Appends the entries of another record.
    pub fn append(&mut self, other: &RecordBuilder) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// Appends one entry. New points are appended with [`RecordBuilder::points`]; this copies those of another record.
    pub fn put(&mut self, entry: &Entry<'_>) {
        let out = &mut self.bytes;
        match entry {
            Entry::Catalog(change) => {
                out.push(CATALOG);
                put_bytes(out, change);
            }
            Entry::Series { database, id, key } => {
                out.push(SERIES);
                put_varint(out, database.0);
                put_varint(out, id.0);
                put_bytes(out, key);
            }
            Entry::Shard { database, shard } => {
                out.push(SHARD);
                put_varint(out, database.0);
                put_varint(out, shard.0);
            }
            Entry::Field { database, shard, id, field_type, measurement, name } => {
                out.push(FIELD);
                put_varint(out, database.0);
                put_varint(out, shard.0);
                put_varint(out, u64::from(id.0));
                out.push(*field_type as u8);
                put_bytes(out, measurement);
                put_bytes(out, name);
            }
            Entry::Points { database, shard, rows } => {
                put_points_head(out, *database, *shard);
                out.extend_from_slice(&rows.count.to_le_bytes());
                out.extend_from_slice(&(rows.reader.rest().len() as u32).to_le_bytes());
                out.extend_from_slice(rows.reader.rest());
            }
            Entry::Delete { database, shards, series, range } => {
                out.push(DELETE);
                put_varint(out, database.0);
                put_ids(out, shards.iter().map(|s| s.0));
                put_ids(out, series.iter().map(|s| s.0));
                put_signed(out, range.min.0);
                put_signed(out, range.max.0);
            }
            Entry::RemoveSeries { database, series } => {
                out.push(REMOVE_SERIES);
                put_varint(out, database.0);
                put_ids(out, series.iter().map(|s| s.0));
            }
            Entry::DropMeasurement { database, measurement } => {
                out.push(DROP_MEASUREMENT);
                put_varint(out, database.0);
                put_bytes(out, measurement);
            }
            Entry::DropShards { database, shards } => {
                out.push(DROP_SHARDS);
                put_varint(out, database.0);
                put_ids(out, shards.iter().map(|s| s.0));
            }
            Entry::DropDatabase { database } => {
                out.push(DROP_DATABASE);
                put_varint(out, database.0);
            }
        }
    }

    /// Begins points of one shard; [`PointsBuilder::finish`] ends them.
    pub fn points(self, database: DatabaseId, shard: ShardId) -> PointsBuilder {
        let mut bytes = self.bytes;
        let start = bytes.len();
        put_points_head(&mut bytes, database, shard);
        let sizes_at = bytes.len();
        bytes.extend_from_slice(&[0; SIZES_BYTES]);
        PointsBuilder { bytes, start, sizes_at, rows: 0, series: 0, time: 0 }
    }
}

/// Builds the points of one shard. Series and times are stored as differences from the previous point.
#[derive(Debug)]
pub struct PointsBuilder {
    bytes: Vec<u8>,
    start: usize,
    sizes_at: usize,
    rows: u32,
    series: u64,
    time: i64,
}

impl PointsBuilder {
    /// Begins a point, to be followed by as many values as `fields` says.
    #[inline]
    pub fn begin_row(&mut self, series: SeriesId, time: Timestamp, fields: u32) {
        put_signed(&mut self.bytes, series.0.wrapping_sub(self.series) as i64);
        put_signed(&mut self.bytes, time.0.wrapping_sub(self.time));
        put_varint(&mut self.bytes, u64::from(fields));
        (self.series, self.time) = (series.0, time.0);
        self.rows += 1;
    }

    /// Appends one value of the point.
    #[inline]
    pub fn put_value(&mut self, field: FieldId, value: Scalar<'_>) {
        let out = &mut self.bytes;
        put_varint(out, FieldTag::new(field, value.field_type()).0);
        match value {
            Scalar::Float(value) => out.extend_from_slice(&value.to_le_bytes()),
            Scalar::Integer(value) => put_signed(out, value),
            Scalar::String(value) => put_bytes(out, value),
            Scalar::Boolean(value) => out.push(u8::from(value)),
        }
    }

    /// Ends the points and returns the record, which has no entry for them if there are none or they are not kept. `None` if
    /// this was called before.
    pub fn finish(&mut self, keep: bool) -> Option<RecordBuilder> {
        let PointsBuilder { start, sizes_at, rows, .. } = *self;
        let mut bytes = std::mem::take(&mut self.bytes);
        let len = bytes.len().checked_sub(sizes_at + SIZES_BYTES)?;
        if rows == 0 || !keep {
            bytes.truncate(start);
        } else {
            let (count, length) = (rows.to_le_bytes(), (len as u32).to_le_bytes());
            bytes[sizes_at..sizes_at + SIZES_BYTES].copy_from_slice(&[count, length].concat());
        }
        Some(RecordBuilder { bytes })
    }
}

/// The entries of a record.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    reader: Reader<'a>,
}

impl<'a> Entries<'a> {
    /// Reads the entries of `record`.
    pub fn new(record: &'a [u8]) -> Self {
        Entries { reader: Reader::new(record) }
    }

    fn read(&mut self) -> Result<Entry<'a>, CodecError> {
        let reader = &mut self.reader;
        let tag = reader.u8()?;
        if tag == CATALOG {
            return Ok(Entry::Catalog(reader.bytes()?));
        }
        let database = DatabaseId(reader.varint()?);
        Ok(match tag {
            SERIES => Entry::Series { database, id: SeriesId(reader.varint()?), key: reader.bytes()? },
            SHARD => Entry::Shard { database, shard: ShardId(reader.varint()?) },
            FIELD => Entry::Field {
                database,
                shard: ShardId(reader.varint()?),
                id: field_id(reader.varint()?)?,
                field_type: field_type(reader.u8()?)?,
                measurement: reader.bytes()?,
                name: reader.bytes()?,
            },
            POINTS => {
                let shard = ShardId(reader.varint()?);
                let (count, len) = (reader.u32()?, reader.u32()?);
                let rows = Rows { reader: Reader::new(reader.take(len as usize)?), count, series: 0, time: 0 };
                Entry::Points { database, shard, rows }
            }
            DELETE => Entry::Delete {
                database,
                shards: take_ids(reader)?.into_iter().map(ShardId).collect(),
                series: take_ids(reader)?.into_iter().map(SeriesId).collect(),
                range: TimeRange { min: Timestamp(reader.signed()?), max: Timestamp(reader.signed()?) },
            },
            REMOVE_SERIES => {
                Entry::RemoveSeries { database, series: take_ids(reader)?.into_iter().map(SeriesId).collect() }
            }
            DROP_MEASUREMENT => Entry::DropMeasurement { database, measurement: reader.bytes()? },
            DROP_SHARDS => Entry::DropShards { database, shards: take_ids(reader)?.into_iter().map(ShardId).collect() },
            DROP_DATABASE => Entry::DropDatabase { database },
            _ => return Err(CodecError::Malformed("an unknown entry of a log record")),
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(entry)
    }
}

/// The points of one shard: call [`Rows::next_row`], then [`Rows::next_value`] once for each field of the row.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    reader: Reader<'a>,
    /// The number of points left.
    count: u32,
    series: u64,
    time: i64,
}

/// Two are equal if their bytes are.
impl PartialEq for Rows<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.reader.rest() == other.reader.rest()
    }
}

/// The part of a point before its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of a point")]
pub struct RowHead {
    pub series: SeriesId,
    pub time: Timestamp,
    pub fields: u32,
}

impl<'a> Rows<'a> {
    /// Returns the next point, or `None` after the last.
    #[inline]
    pub fn next_row(&mut self) -> Result<Option<RowHead>, CodecError> {
        if self.count == 0 {
            return if self.reader.is_empty() {
                Ok(None)
            } else {
                Err(CodecError::Malformed("bytes follow the last point"))
            };
        }
        self.count -= 1;
        self.series = self.series.wrapping_add(self.reader.signed()? as u64);
        self.time = self.time.wrapping_add(self.reader.signed()?);
        let fields = self.reader.count(u32::MAX as usize)? as u32;
        Ok(Some(RowHead { series: SeriesId(self.series), time: Timestamp(self.time), fields }))
    }

    /// Returns the next value of the point.
    #[inline]
    pub fn next_value(&mut self) -> Result<(FieldId, Scalar<'a>), CodecError> {
        let tag = self.next_tag()?;
        let value = match tag.field_type() {
            FieldType::String => Scalar::String(self.string()?),
            FieldType::Float => Scalar::Float(f64::from_bits(self.bits(tag)?)),
            FieldType::Integer => Scalar::Integer(self.bits(tag)? as i64),
            FieldType::Boolean => Scalar::Boolean(self.bits(tag)? != 0),
        };
        Ok((tag.field(), value))
    }

    /// Returns the field and type of the next value, which [`Rows::bits`] or [`Rows::string`] reads.
    #[inline]
    pub(crate) fn next_tag(&mut self) -> Result<FieldTag, CodecError> {
        let tag = self.reader.varint()?;
        field_id(tag >> 2)?;
        Ok(FieldTag(tag))
    }

    /// Returns the bits of a value that is not a string.
    #[inline]
    pub(crate) fn bits(&mut self, tag: FieldTag) -> Result<u64, CodecError> {
        match tag.field_type() {
            FieldType::Float => self.reader.u64(),
            FieldType::Integer => Ok(self.reader.signed()? as u64),
            FieldType::Boolean => match self.reader.u8()? {
                bit @ 0..=1 => Ok(u64::from(bit)),
                _ => Err(CodecError::Malformed("a boolean is neither 0 nor 1")),
            },
            FieldType::String => Err(CodecError::Malformed("a string where a number was expected")),
        }
    }

    /// Returns a value that is a string.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a [u8], CodecError> {
        self.reader.bytes()
    }
}

/// A field and the type of its values, as rows name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldTag(u64);

impl FieldTag {
    pub(crate) fn new(field: FieldId, field_type: FieldType) -> Self {
        FieldTag(u64::from(field.0) << 2 | field_type as u64)
    }

    pub(crate) fn field(self) -> FieldId {
        FieldId((self.0 >> 2) as u32)
    }

    #[inline]
    pub(crate) fn field_type(self) -> FieldType {
        match self.0 & 3 {
            0 => FieldType::Float,
            1 => FieldType::Integer,
            2 => FieldType::String,
            _ => FieldType::Boolean,
        }
    }
}

fn put_points_head(out: &mut Vec<u8>, database: DatabaseId, shard: ShardId) {
    out.push(POINTS);
    put_varint(out, database.0);
    put_varint(out, shard.0);
}

/// Appends ids: their number, then each as the difference from the previous one.
fn put_ids(out: &mut Vec<u8>, ids: impl ExactSizeIterator<Item = u64>) {
    put_varint(out, ids.len() as u64);
    let mut previous = 0_u64;
    for id in ids {
        put_signed(out, id.wrapping_sub(previous) as i64);
        previous = id;
    }
}

fn take_ids(reader: &mut Reader<'_>) -> Result<Vec<u64>, CodecError> {
    let count = reader.count(reader.rest().len())?; // each has at least one byte
    let mut previous = 0_u64;
    (0..count)
        .map(|_| {
            previous = previous.wrapping_add(reader.signed()? as u64);
            Ok(previous)
        })
        .collect()
}

fn field_id(id: u64) -> Result<FieldId, CodecError> {
    u32::try_from(id).map(FieldId).map_err(|_| CodecError::Malformed("a field id has more than 32 bits"))
}

fn field_type(tag: u8) -> Result<FieldType, CodecError> {
    FieldType::from_tag(tag).ok_or(CodecError::Malformed("an unknown field type"))
}
