//! How long one side of a transfer waits for the other: a while, and then as long as the bytes that move are not too few.

use std::time::Duration;

/// Time to wait for the other side. Waiting uses it up, and what is transferred gives it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    left: Duration,
    max: Duration,
    /// Bytes per second that keep the transfer going; zero is any number.
    rate_min: u64,
}

impl Patience {
    /// Waits `max` at a time, and longer on the whole for transfers of at least `rate_min` bytes per second.
    pub(super) fn new(max: Duration, rate_min: u64) -> Patience {
        Patience { left: max, max, rate_min }
    }

    /// How long the next wait may be.
    pub(super) fn left(&self) -> Duration {
        self.left
    }

    /// Counts time that was spent waiting.
    pub(super) fn waited(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }

    /// Counts bytes that were transferred.
    pub(super) fn received(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let earned = match self.rate_min {
            0 => self.max,
            rate => Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / rate),
        };
        self.left = self.left.saturating_add(earned).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.rate.1
    #[test]
    fn a_transfer_must_keep_its_rate_after_the_first_while() {
        let second = Duration::from_secs(1);
        let lasts = |bytes: usize, every: u64| {
            let mut patience = Patience::new(30 * second, 1024);
            (0..1000).find(|_| {
                let wait = second * every as u32;
                let over = wait > patience.left();
                patience.waited(wait);
                patience.received(bytes);
                over
            })
        };
        assert_eq!(lasts(1, 5), Some(6), "a byte each 5 s ends after 30 s");
        assert_eq!(lasts(512, 1), Some(59));
        assert_eq!(lasts(1024, 1), None);
        assert_eq!(lasts(1 << 20, 29), None);
        assert_eq!(lasts(1 << 20, 31), Some(0));
        let mut any = Patience::new(30 * second, 0);
        any.waited(29 * second);
        any.received(1);
        assert_eq!(any.left(), 30 * second);
    }
}
