//! Whose turn it is: a lock file per target in the folder for temporary files, shared by cases that run side by side and held alone by
//! exclusive ones. It keeps two runs on one machine apart; the system releases it when the process ends, however that happens.

use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

use crate::client::Target;

/// A turn, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<File>);

impl Turn {
    /// Waits for a turn. Where the file cannot be made or locked, nothing is waited for.
    pub(crate) async fn take(target: &Target, alone: bool) -> Turn {
        let name: String =
            target.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = std::env::temp_dir().join(format!("fluxstone-conformance-{name}.lock"));
        let Ok(file) = OpenOptions::new().read(true).append(true).create(true).open(path) else { return Turn(None) };
        loop {
            let locked = if alone { file.try_lock() } else { file.try_lock_shared() };
            match locked {
                Ok(()) => return Turn(Some(file)),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(TryLockError::Error(_)) => return Turn(None),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            let _ = file.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_alone_waits_for_shared_ones() {
        // The name is that of no other test's target.
        let target: Target = format!("http://turn.invalid:{}", std::process::id() % 60_000 + 1).parse().unwrap();
        let first = Turn::take(&target, false).await;
        let second = Turn::take(&target, false).await;
        let alone = Turn::take(&target, true);
        tokio::pin!(alone);
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut alone).await.is_err());
        drop((first, second));
        drop(alone.await);
    }
}
