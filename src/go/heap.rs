//! The heap of Go's `container/heap`, which determines the order of items with equal keys: rows of several series that have the
//! same time, and field keys of several shards.
//!
//! InfluxDB does not define that order, and 1.2.4 has the order of a binary heap. Clients' expected results have come to depend on
//! it, and a fixed rule is better than none. So the heap is part of the specification (clause `select.order.ties.1`), step by
//! step: the heap of the standard library sifts differently and would give another order.

/// A binary min-heap of items under their keys. Equal keys never swap.
#[derive(Debug)]
pub struct TieHeap<K, T> {
    items: Vec<(K, T)>,
}

impl<K: PartialOrd, T> TieHeap<K, T> {
    /// A heap of `items`, whose order matters for equal keys.
    pub fn new(items: Vec<(K, T)>) -> Self {
        let mut heap = TieHeap { items };
        for at in (0..heap.items.len() / 2).rev() {
            heap.sift_down(at, heap.items.len());
        }
        heap
    }

    /// Removes and returns the first item.
    pub fn pop(&mut self) -> Option<(K, T)> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        self.sift_down(0, last);
        self.items.pop()
    }

    /// Adds an item under its key.
    pub fn push(&mut self, key: K, item: T) {
        self.items.push((key, item));
        let mut at = self.items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.less(at, parent) {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    fn sift_down(&mut self, mut at: usize, len: usize) {
        loop {
            let mut child = 2 * at + 1;
            if child >= len {
                return;
            }
            if child + 1 < len && self.less(child + 1, child) {
                child += 1;
            }
            if !self.less(child, at) {
                return;
            }
            self.items.swap(at, child);
            at = child;
        }
    }

    fn less(&self, a: usize, b: usize) -> bool {
        self.items[a].0 < self.items[b].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which series with these many rows at times 0, 1, 2 ... come out, by letter.
    fn order(rows: &[u32]) -> String {
        let cursors = rows.iter().enumerate().map(|(series, rows)| (0, (series, *rows))).collect();
        let mut heap = TieHeap::new(cursors);
        let mut out = String::new();
        while let Some((time, (series, rows))) = heap.pop() {
            out.push(char::from(b'a' + series as u8));
            if time + 1 < rows {
                heap.push(time + 1, (series, rows));
            }
        }
        out
    }

    // spec: select.order.ties.1
    #[test]
    fn rows_with_equal_times_come_in_heap_order() {
        assert_eq!(order(&[2, 2]), "abab");
        assert_eq!(order(&[3, 3, 3]), "acbcbabac");
        assert_eq!(order(&[1, 1, 1, 1]), "adcb");
        assert_eq!(order(&[1; 7]), "agfedcb");
        assert_eq!(order(&[2; 5]), "aebdcdcabe");
    }
}
