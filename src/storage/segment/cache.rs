//! The segment cache: parts of segment files that queries read recently.
//!
//! It keeps index pages and decoded times, because the fields of a series share them, and the bytes around recent reads, because
//! queries go through files in order. All files of a store share one cache, whose size is an option of the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::page::IndexPage;

/// The default size in bytes.
pub const SEGMENT_CACHE_BYTES: usize = 24 << 20;

/// The estimated size of a part, from which the number of shards and the first allocation follow.
const PART_BYTES_ESTIMATE: usize = 8 << 10;

/// Recently used parts of segment files, bounded in bytes.
#[derive(Debug)]
pub struct SegmentCache {
    next_file: AtomicU64,
    parts: Cache<PartKey, Part, PartBytes>,
}

/// The kind of a part, a file within the cache, and an offset in it.
type PartKey = (Kind, u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Page,
    Times,
    Strip,
}

#[derive(Debug, Clone)]
enum Part {
    Page(Arc<IndexPage>),
    Times(Arc<Vec<i64>>),
    Strip(Arc<Vec<u8>>),
}

/// Weighs parts by the memory that they take.
#[derive(Debug, Clone)]
struct PartBytes;

impl Weighter<PartKey, Part> for PartBytes {
    fn weight(&self, _: &PartKey, part: &Part) -> u64 {
        (match part {
            Part::Page(page) => page.memory(),
            Part::Times(times) => size_of_val(&***times),
            Part::Strip(bytes) => bytes.len(),
        }) as u64
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
        let parts = Cache::with_weighter(bytes / PART_BYTES_ESTIMATE, bytes as u64, PartBytes);
        SegmentCache { next_file: AtomicU64::new(0), parts }
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
        read: impl FnOnce() -> Result<IndexPage, E>,
    ) -> Result<Arc<IndexPage>, E> {
        let known = |part| if let Part::Page(page) = part { Some(page) } else { None };
        self.get_or_read((Kind::Page, self.file, offset), known, Part::Page, read)
    }

    /// Returns the times at `offset`, calling `read` if they are not cached.
    pub(super) fn times<E>(&self, offset: u64, read: impl FnOnce() -> Result<Vec<i64>, E>) -> Result<Arc<Vec<i64>>, E> {
        let known = |part| if let Part::Times(times) = part { Some(times) } else { None };
        self.get_or_read((Kind::Times, self.file, offset), known, Part::Times, read)
    }

    /// Returns the bytes at `offset`, calling `read` if they are not cached.
    pub(super) fn strip<E>(&self, offset: u64, read: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Arc<Vec<u8>>, E> {
        let known = |part| if let Part::Strip(bytes) = part { Some(bytes) } else { None };
        self.get_or_read((Kind::Strip, self.file, offset), known, Part::Strip, read)
    }

    /// Holds no lock while `read` reads from the disk, and caches no errors.
    fn get_or_read<T, E>(
        &self,
        key: PartKey,
        known: impl FnOnce(Part) -> Option<Arc<T>>,
        part: impl FnOnce(Arc<T>) -> Part,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(found) = self.cache.parts.get(&key).and_then(known) {
            return Ok(found);
        }
        let new = Arc::new(read()?);
        self.cache.parts.insert(key, part(new.clone()));
        Ok(new)
    }
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
        assert!(cache.parts.weight() <= SEGMENT_CACHE_BYTES as u64);
    }

    #[test]
    fn a_cache_of_size_zero_keeps_nothing() {
        let cache = Arc::new(SegmentCache::new(0));
        let file = FileCache::new(cache.clone());
        assert_eq!(file.times(0, read(TIMES)).unwrap().len(), TIMES);
        assert_eq!(cache.parts.weight(), 0);
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
