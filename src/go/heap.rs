//! The heap that merges series, and with it the order of rows that have the same time.
//!
//! InfluxDB leaves that order open and 1.2.4 gives the order of a binary heap; clients' expected results have come to depend
//! on it, and a fixed rule is better than none. So the heap is part of the specification (clause `select.order.ties.1`),
//! step by step: the standard library's heap sifts in another way and would give another order.

/// A binary min-heap of series, each under the key of its next row. Equal keys never swap.
#[derive(Debug)]
pub struct TieHeap<K, T> {
    items: Vec<(K, T)>,
}

impl<K: PartialOrd, T> TieHeap<K, T> {
    /// A heap of `items`, which come in the order of series (reversed where the query descends).
    pub fn new(items: Vec<(K, T)>) -> Self {
        let mut heap = TieHeap { items };
        for at in (0..heap.items.len() / 2).rev() {
            heap.sift_down(at, heap.items.len());
        }
        heap
    }

    /// Takes out the item that comes first.
    pub fn pop(&mut self) -> Option<(K, T)> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        self.sift_down(0, last);
        self.items.pop()
    }

    /// Puts an item back under its next key.
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
