//! The file that requests are logged to, which can be opened again. Its lines are left to `access_log`.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// The file that requests are logged to. Clones are the same.
#[derive(Debug, Clone)]
pub struct AccessLog {
    path: Arc<Path>,
    file: Arc<ArcSwap<File>>,
}

impl AccessLog {
    /// Opens the file at its end. A new file can be read by its owner only.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<AccessLog> {
        let file = Arc::new(ArcSwap::from_pointee(opened(path)?));
        Ok(AccessLog { path: path.into(), file })
    }

    /// Opens the file again by its name, so that the former one can be moved away.
    ///
    /// # Errors
    /// If the file cannot be opened; the former one is kept then.
    pub fn reopen(&self) -> io::Result<()> {
        self.file.store(Arc::new(opened(&self.path)?));
        Ok(())
    }

    /// Appends a line.
    pub(super) fn write(&self, line: &str) {
        let file = self.file.load();
        // There is nobody to tell if this fails.
        let _ = file.as_ref().write_all(format!("{line}\n").as_bytes());
    }
}

fn opened(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}
