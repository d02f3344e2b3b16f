//! The order of rows of several series that are merged: by time, and at equal times in an order that looks random but is fixed.

/// Merges lists of rows, each in time order, into one. `earlier(a, b)` says whether `a` comes strictly before `b`.
///
/// Lists come in the order of their series keys, or in reverse order for descending time. Empty lists are ignored.
/// Transcribes `select.order.ties.1`.
pub fn merge<R>(lists: Vec<Vec<R>>, earlier: impl Fn(&R, &R) -> bool) -> Vec<R> {
    // Each list is reversed, so that its next row is its last element.
    let reversed = lists.into_iter().map(|mut list| {
        list.reverse();
        list
    });
    let mut heap: Vec<Vec<R>> = reversed.filter(|list| !list.is_empty()).collect();
    let before = |heap: &[Vec<R>], a: usize, b: usize| match (heap[a].last(), heap[b].last()) {
        (Some(a), Some(b)) => earlier(a, b),
        _ => false,
    };
    for at in (0..heap.len() / 2).rev() {
        let len = heap.len();
        sift_down(&mut heap, at, len, &before);
    }
    let mut merged = Vec::new();
    while !heap.is_empty() {
        let last = heap.len() - 1;
        heap.swap(0, last);
        sift_down(&mut heap, 0, last, &before);
        let mut list = heap.pop().unwrap_or_default();
        merged.extend(list.pop());
        if !list.is_empty() {
            heap.push(list);
            sift_up(&mut heap, &before);
        }
    }
    merged
}

/// Moves the element `at` down among the first `len`: swaps it with its left child, or with its right child if that one comes
/// strictly before the left one, as long as the child comes strictly before it.
fn sift_down<R>(heap: &mut [R], mut at: usize, len: usize, before: &impl Fn(&[R], usize, usize) -> bool) {
    loop {
        let left = 2 * at + 1;
        if left >= len {
            return;
        }
        let right = left + 1;
        let child = if right < len && before(heap, right, left) { right } else { left };
        if !before(heap, child, at) {
            return;
        }
        heap.swap(at, child);
        at = child;
    }
}

/// Moves the last element up as long as it comes strictly before its parent.
fn sift_up<R>(heap: &mut [R], before: &impl Fn(&[R], usize, usize) -> bool) {
    let mut at = heap.len() - 1;
    while at > 0 {
        let parent = (at - 1) / 2;
        if !before(heap, at, parent) {
            return;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Series `a`, `b`, ... with rows at the times `rows`, merged; shown as the letters in order.
    fn order(series: &[&[i64]]) -> String {
        let lists = ('a'..).zip(series).map(|(name, times)| times.iter().map(|time| (*time, name)).collect()).collect();
        merge::<(i64, char)>(lists, |a, b| a.0 < b.0).into_iter().map(|(_, name)| name).collect()
    }

    // spec: select.order.ties.1
    #[test]
    fn equal_times_come_in_the_order_of_the_heap() {
        assert_eq!(order(&[&[1, 2], &[1, 2]]), "abab");
        assert_eq!(order(&[&[1, 2, 3], &[1, 2, 3], &[1, 2, 3]]), "acbcbabac");
        assert_eq!(order(&[&[1], &[1], &[1], &[1], &[1], &[1], &[1]]), "agfedcb");
        assert_eq!(order(&[&[3], &[], &[1, 2]]), "cca");
    }
}
