//! What the files of the model hold, and the memory of the model: shards, and the changes of them.
//!
//! There are two shards. The change at position *p* of the log either writes three values, of which a deletion of the shard
//! removes one, or is such a deletion. So the contents of a shard are two sets of positions: those whose change is there, and
//! those whose deletable value is there.

/// The position of a record in the log; the first one is 1.
pub type Position = u8;

/// One of [`SHARDS`] shards.
pub type Shard = u8;

/// The number of shards.
pub const SHARDS: usize = 2;

/// A set of positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Positions(u32);

impl Positions {
    /// The positions before one.
    pub(super) fn before(position: Position) -> Positions {
        Positions((1 << position) - 1)
    }

    pub(super) fn from(self, position: Position) -> Positions {
        Positions(self.0 >> position << position)
    }

    /// Adds a position.
    pub fn insert(&mut self, position: Position) {
        self.0 |= 1 << position;
    }

    /// Whether a position is in the set.
    pub fn contains(self, position: Position) -> bool {
        self.0 & (1 << position) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn and(self, other: Positions) -> Positions {
        Positions(self.0 & other.0)
    }

    pub(super) fn or(self, other: Positions) -> Positions {
        Positions(self.0 | other.0)
    }

    fn len(self) -> u32 {
        self.0.count_ones()
    }
}

/// A change, which is one record of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Writes values to a shard: two that stay, and one that is deletable.
    Write(Shard),
    /// Deletes the deletable values of a shard.
    Delete(Shard),
}

/// A part of the log that is written at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Frame {
    /// All of it.
    Whole(Vec<Change>),
    /// Bytes that are not a frame.
    Torn,
}

/// Values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Values {
    /// The writes that are there.
    pub written: Positions,
    /// The writes whose deletable values are there.
    pub deletable: Positions,
}

impl Values {
    /// Their number.
    pub(super) fn len(self) -> u32 {
        2 * self.written.len() + self.deletable.len()
    }

    pub(super) fn is_empty(self) -> bool {
        self.written.is_empty()
    }

    pub(super) fn and_those(self, other: Values) -> Values {
        let Values { written, deletable } = other;
        Values { written: self.written.or(written), deletable: self.deletable.or(deletable) }
    }

    fn without_deletable_if(self, is_deleted: bool) -> Values {
        if is_deleted { Values { deletable: Positions::default(), ..self } } else { self }
    }
}

/// A segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    /// The number in its name.
    pub number: u8,
    /// The first record that it does not cover.
    pub position: Position,
    /// What it holds.
    pub values: Values,
}

/// A series file. Each write adds a series, so it holds those of the records from `first` up to `end`, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesFile {
    /// The number in its name.
    pub number: u8,
    /// The first record whose series it may hold; 0 for the first file.
    pub first: Position,
    /// The first record whose series it does not hold.
    pub end: Position,
    /// The ids between those of the two.
    pub span: u8,
}

/// A shard as a checkpoint lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ListedShard {
    /// Whether the shard exists.
    pub exists: bool,
    /// The numbers of its segment files, oldest first.
    pub segments: Vec<u8>,
    /// The positions of deletions that were not applied to all of these.
    pub tombstones: Positions,
}

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// The first record that is not covered.
    pub position: Position,
    /// The number of the next file.
    pub next_file: u8,
    /// The series files.
    pub series: Vec<SeriesFile>,
    /// The shards.
    pub shards: [ListedShard; SHARDS],
}

impl Checkpoint {
    /// The checkpoint of a new store.
    pub(super) fn empty() -> Checkpoint {
        Checkpoint { position: 1, next_file: 1, series: Vec::new(), shards: Default::default() }
    }
}

/// One shard in memory. Values are, from oldest to newest, in `segments`, `sealing` and `active`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ShardState {
    pub(super) exists: bool,
    pub(super) segments: Vec<Segment>,
    /// The closed memtable, and the first record that it does not cover.
    pub(super) sealing: Option<(Values, Position)>,
    pub(super) active: Values,
    pub(super) tombstones: Positions,
}

impl ShardState {
    /// Whether a segment file has the result of the record at a position.
    pub(super) fn is_sealed_past(&self, position: Position) -> bool {
        self.segments.last().is_some_and(|segment| segment.position > position)
    }

    /// Whether something was deleted by a record from a position on.
    pub(super) fn is_deleted_since(&self, position: Position) -> bool {
        self.tombstones.0 >> position != 0
    }

    fn delete(&mut self, position: Position) {
        self.active.deletable = Positions::default();
        if self.sealing.is_some() || !self.segments.is_empty() {
            self.tombstones.insert(position);
        }
    }

    fn values(&self) -> Values {
        let sealed = self.segments.iter().map(|segment| (segment.values, segment.position)).chain(self.sealing);
        sealed.fold(self.active, |all, (values, position)| {
            all.and_those(values.without_deletable_if(self.is_deleted_since(position)))
        })
    }

    /// The values of the files from `merged_from` on and of the closed memtable, without those that were deleted.
    pub(super) fn merged(&self, merged_from: usize) -> Values {
        let new = self.sealing.map_or(Values::default(), |(values, _)| values);
        self.segments[merged_from..].iter().fold(new, |all, segment| {
            all.and_those(segment.values.without_deletable_if(self.is_deleted_since(segment.position)))
        })
    }
}

/// What queries see, and what is needed to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The position of the next record.
    pub position: Position,
    /// The records whose series are known.
    pub(super) known: Positions,
    pub(super) shards: [ShardState; SHARDS],
    /// Whether memtables hold something that is not being sealed.
    pub(super) is_filled: bool,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory { position: 1, ..Memory::default() }
    }

    /// Applies the record at the current position. `applies_covered` breaks the rule that writes which segment files cover are left
    /// out.
    pub(super) fn apply(&mut self, change: Change, applies_covered: bool) {
        let position = self.position;
        self.position += 1;
        match change {
            Change::Write(shard) => {
                self.known.insert(position);
                let shard = &mut self.shards[shard as usize];
                shard.exists = true;
                if applies_covered || !shard.is_sealed_past(position) {
                    shard.active.written.insert(position);
                    shard.active.deletable.insert(position);
                    self.is_filled = true;
                }
            }
            Change::Delete(shard) => {
                let shard = &mut self.shards[shard as usize];
                if !shard.is_sealed_past(position) {
                    shard.delete(position);
                }
            }
        }
    }

    /// Adds the series of the records from `first` up to `end`, exclusive.
    pub(super) fn knows(&mut self, first: Position, end: Position) {
        self.known = self.known.or(Positions::before(end).from(first));
    }

    /// What queries find in each shard: values whose series are known.
    pub fn values(&self) -> [Values; SHARDS] {
        [0, 1].map(|shard| {
            let Values { written, deletable } = self.shards[shard].values();
            Values { written: written.and(self.known), deletable: deletable.and(self.known) }
        })
    }
}

/// What queries must find after these changes: the plainest semantics.
pub fn expected(changes: &[Change]) -> [Values; SHARDS] {
    let mut shards = [Values::default(); SHARDS];
    for (position, change) in (1..).zip(changes) {
        match change {
            Change::Write(shard) => {
                let values = &mut shards[*shard as usize];
                values.written.insert(position);
                values.deletable.insert(position);
            }
            Change::Delete(shard) => shards[*shard as usize].deletable = Positions::default(),
        }
    }
    shards
}

/// The id of the first series after those of these changes: each write has a series of its own, and the first one of a shard also
/// one for the shard.
pub(super) fn series_bound(changes: &[Change]) -> u8 {
    let of_shard = |shard| changes.contains(&Change::Write(shard));
    let shards = [0, 1].into_iter().filter(|shard| of_shard(*shard)).count();
    let writes = changes.iter().filter(|change| matches!(change, Change::Write(_))).count();
    (1 + shards + writes) as u8
}
