//! Random decisions for generators, read from a list of bytes. Once the list is used up, every byte is zero.

/// A source of decisions.
#[derive(Debug)]
pub struct Choices<'b> {
    bytes: &'b [u8],
    /// Whether all windows lie between two times.
    bounds_windows: bool,
}

impl<'b> Choices<'b> {
    /// Decisions that these bytes make.
    pub fn new(bytes: &'b [u8]) -> Choices<'b> {
        Choices { bytes, bounds_windows: false }
    }

    /// Decisions for servers that would compute all windows up to the present.
    pub fn with_bounded_windows(bytes: &'b [u8]) -> Choices<'b> {
        Choices { bytes, bounds_windows: true }
    }

    /// Whether all windows must lie between two times.
    pub fn bounds_windows(&self) -> bool {
        self.bounds_windows
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// Returns a number below `end`, which is at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    /// Returns a number from `from` to `to`, inclusive.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let wide = u16::from_le_bytes([self.byte(), self.byte()]);
        from + i64::from(wide) % (to - from + 1)
    }

    /// Returns true once in `times` calls on average.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    /// Returns an element of a list.
    pub fn one_of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// Returns a name of a list.
    pub fn name(&mut self, list: &[String]) -> String {
        list[self.below(list.len())].clone()
    }
}
