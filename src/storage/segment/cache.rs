//! The segment cache: parts of segment files that queries read recently.
//!
//! It keeps decoded index pages and times, because the fields of a series share them, and the bytes around recent reads,
//! because queries go through files in order. All files of a store share one cache, whose size is an option of the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::index::BlockEntry;

/// The default size in bytes.
pub const SEGMENT_CACHE_BYTES: usize = 24 << 20;

/// The kinds of parts, which share the size equally.
const KINDS: usize = 3;
/// The estimated size of a part, from which the number of shards and the first allocation follow.
const PART_BYTES_ESTIMATE: usize = 16 << 10;

/// Recently used parts of segment files, bounded in bytes.
#[derive(Debug)]
pub struct SegmentCache {
    next_file: AtomicU64,
    pages: Parts<BlockEntry>,
    times: Parts<i64>,
    strips: Parts<u8>,
}

/// Parts of one kind.
type Parts<T> = Cache<PartKey, Arc<Vec<T>>, PartBytes>;

/// A file within the cache, and an offset in it.
type PartKey = (u64, u64);

/// Weighs parts by the memory that they take.
#[derive(Debug, Clone)]
struct PartBytes;

impl<T> Weighter<PartKey, Arc<Vec<T>>> for PartBytes {
    fn weight(&self, _: &PartKey, part: &Arc<Vec<T>>) -> u64 {
        (part.len() * size_of::<T>()) as u64
    }
}

/// The view that one segment file has of a [`SegmentCache`].
#[derive(Debug)]
pub(super) struct FileCache {
    cache: Arc<SegmentCache>,
    file: u64,
}

impl SegmentCache {
    /// Creates a cache of about `bytes` bytes. Zero caches nothing.
    pub fn new(bytes: usize) -> SegmentCache {
        let each = bytes / KINDS;
        let parts = each / PART_BYTES_ESTIMATE;
        SegmentCache {
            next_file: AtomicU64::new(0),
            pages: Cache::with_weighter(parts, each as u64, PartBytes),
            times: Cache::with_weighter(parts, each as u64, PartBytes),
            strips: Cache::with_weighter(parts, each as u64, PartBytes),
        }
    }
}

impl Default for SegmentCache {
    fn default() -> Self {
        SegmentCache::new(SEGMENT_CACHE_BYTES)
    }
}

impl FileCache {
    /// Registers one more file.
    pub(super) fn new(cache: Arc<SegmentCache>) -> FileCache {
        let file = cache.next_file.fetch_add(1, Ordering::Relaxed);
        FileCache { cache, file }
    }

    /// Returns the index page at `offset`, calling `read` if it is not cached.
    pub(super) fn page<E>(
        &self,
        offset: u64,
        read: impl FnOnce() -> Result<Vec<BlockEntry>, E>,
    ) -> Result<Arc<Vec<BlockEntry>>, E> {
        get_or_read(&self.cache.pages, (self.file, offset), read)
    }

    /// Returns the times at `offset`, calling `read` if they are not cached.
    pub(super) fn times<E>(&self, offset: u64, read: impl FnOnce() -> Result<Vec<i64>, E>) -> Result<Arc<Vec<i64>>, E> {
        get_or_read(&self.cache.times, (self.file, offset), read)
    }

    /// Returns the bytes at `offset`, calling `read` if they are not cached.
    pub(super) fn strip<E>(&self, offset: u64, read: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Arc<Vec<u8>>, E> {
        get_or_read(&self.cache.strips, (self.file, offset), read)
    }
}

/// Holds no lock while `read` reads from the disk, and caches no errors.
fn get_or_read<T, E>(
    parts: &Parts<T>,
    key: PartKey,
    read: impl FnOnce() -> Result<Vec<T>, E>,
) -> Result<Arc<Vec<T>>, E> {
    if let Some(found) = parts.get(&key) {
        return Ok(found);
    }
    let part = Arc::new(read()?);
    parts.insert(key, part.clone());
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: usize = 2048;

    fn read(times: usize) -> impl Fn() -> Result<Vec<i64>, ()> {
        move || Ok(vec![0; times])
    }

    #[test]
    fn memory_is_bounded_and_frequently_used_parts_stay() {
        let cache = Arc::new(SegmentCache::default());
        let file = FileCache::new(cache.clone());
        let mut reads = 0;
        for offset in 1..10_000 {
            file.times(offset, read(TIMES)).unwrap();
            file.times(0, || {
                reads += 1;
                read(TIMES)()
            })
            .unwrap();
        }
        assert!(reads <= 2, "{reads}");
        assert!(cache.times.weight() <= (SEGMENT_CACHE_BYTES / KINDS) as u64);
    }

    #[test]
    fn a_cache_of_size_zero_keeps_nothing() {
        let cache = Arc::new(SegmentCache::new(0));
        let file = FileCache::new(cache.clone());
        assert_eq!(file.times(0, read(TIMES)).unwrap().len(), TIMES);
        assert_eq!(cache.times.weight(), 0);
    }

    #[test]
    fn files_do_not_share_parts_and_errors_are_not_cached() {
        let cache = Arc::new(SegmentCache::default());
        let (a, b) = (FileCache::new(cache.clone()), FileCache::new(cache));
        assert_eq!(a.times(0, || Err("damaged")), Err("damaged"));
        assert_eq!(a.times(0, || Ok::<_, ()>(vec![1])), Ok(Arc::new(vec![1])));
        assert_eq!(b.times(0, || Ok::<_, ()>(vec![2])), Ok(Arc::new(vec![2])));
        assert_eq!(a.times(0, || Err("not read again")), Ok(Arc::new(vec![1])));
    }
}
