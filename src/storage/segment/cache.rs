//! What segment files were read for lately: index pages and times, decoded, since the fields of a series share them, and the bytes
//! around the last readings, since queries go through files in order. Bounded, and shared by all files of a store.
//!
//! Parts are kept in two generations. What is found in the older one moves to the younger; when the younger has half of the bytes
//! that there may be, it becomes the older, and what was not asked for meanwhile goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::index::BlockEntry;

/// Bytes of one kind of parts in memory, about.
const BYTES_MAX: usize = 8 << 20;

/// Parts of segment files.
#[derive(Debug, Default)]
pub struct ReadCache {
    next_file: AtomicU64,
    pages: Mutex<Generations<Vec<BlockEntry>>>,
    times: Mutex<Generations<Vec<i64>>>,
    bytes: Mutex<Generations<Vec<u8>>>,
}

/// One segment file within a [`ReadCache`].
#[derive(Debug)]
pub(super) struct FileCache {
    cache: Arc<ReadCache>,
    file: u64,
}

/// Parts by file and offset.
#[derive(Debug)]
struct Generations<T> {
    young: HashMap<(u64, u64), Arc<T>>,
    old: HashMap<(u64, u64), Arc<T>>,
    young_bytes: usize,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Generations { young: HashMap::new(), old: HashMap::new(), young_bytes: 0 }
    }
}

impl<T> Generations<Vec<T>> {
    fn get(&mut self, key: (u64, u64)) -> Option<Arc<Vec<T>>> {
        if let Some(found) = self.young.get(&key) {
            return Some(found.clone());
        }
        let found = self.old.remove(&key)?;
        self.put(key, found.clone());
        Some(found)
    }

    fn put(&mut self, key: (u64, u64), part: Arc<Vec<T>>) {
        let bytes = part.len() * size_of::<T>();
        if self.young_bytes + bytes > BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, part);
    }
}

impl FileCache {
    /// Begins to keep parts of one more file.
    pub(super) fn new(cache: Arc<ReadCache>) -> FileCache {
        let file = cache.next_file.fetch_add(1, Ordering::Relaxed);
        FileCache { cache, file }
    }

    /// The page at `offset`, which is read if it is not there.
    pub(super) fn page<E>(
        &self,
        offset: u64,
        read: impl FnOnce() -> Result<Vec<BlockEntry>, E>,
    ) -> Result<Arc<Vec<BlockEntry>>, E> {
        get_or_read(&self.cache.pages, (self.file, offset), read)
    }

    /// The times at `offset`, which are read if they are not there.
    pub(super) fn times<E>(&self, offset: u64, read: impl FnOnce() -> Result<Vec<i64>, E>) -> Result<Arc<Vec<i64>>, E> {
        get_or_read(&self.cache.times, (self.file, offset), read)
    }

    /// The bytes at `offset`, which are read if they are not there.
    pub(super) fn bytes<E>(&self, offset: u64, read: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Arc<Vec<u8>>, E> {
        get_or_read(&self.cache.bytes, (self.file, offset), read)
    }
}

/// The lock is not held while a disk is read.
fn get_or_read<T, E>(
    parts: &Mutex<Generations<Vec<T>>>,
    key: (u64, u64),
    read: impl FnOnce() -> Result<Vec<T>, E>,
) -> Result<Arc<Vec<T>>, E> {
    if let Some(found) = parts.lock().get(key) {
        return Ok(found);
    }
    let part = Arc::new(read()?);
    parts.lock().put(key, part.clone());
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_often_stays() {
        let cache = Arc::new(ReadCache::default());
        let file = FileCache::new(cache.clone());
        let read = |times: usize| move || Ok::<_, ()>(vec![0; times]);
        let mut reads = 0;
        for offset in 1..10_000 {
            file.times(offset, read(2048)).unwrap();
            file.times(0, || {
                reads += 1;
                read(2048)()
            })
            .unwrap();
        }
        assert_eq!(reads, 1);
        let times = cache.times.lock();
        assert!((times.young.len() + times.old.len()) * 2048 * 8 <= BYTES_MAX);
    }

    #[test]
    fn files_do_not_see_each_others_parts_and_errors_are_not_kept() {
        let cache = Arc::new(ReadCache::default());
        let (a, b) = (FileCache::new(cache.clone()), FileCache::new(cache));
        assert_eq!(a.times(0, || Err("damaged")), Err("damaged"));
        assert_eq!(a.times(0, || Ok::<_, ()>(vec![1])), Ok(Arc::new(vec![1])));
        assert_eq!(b.times(0, || Ok::<_, ()>(vec![2])), Ok(Arc::new(vec![2])));
        assert_eq!(a.times(0, || Err("not read again")), Ok(Arc::new(vec![1])));
    }
}
