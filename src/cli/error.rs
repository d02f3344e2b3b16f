//! Why a command failed, as its user reads it.

use std::path::PathBuf;

use crate::StartError;
use crate::config::ConfigError;

/// Why a command failed. Displays as the user sees it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("can't read {}: {error}", path.display())]
    ConfigFile { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("can't write {}: {error}", path.display())]
    PidFile { path: PathBuf, error: std::io::Error },
    #[error("can't read the faults in {}: {message}", path.display())]
    Faults { path: PathBuf, message: String },
    #[error("stored files are damaged")]
    Damaged,
    #[error("can't wait for signals: {0}")]
    Signals(std::io::Error),
    #[error("can't remove the temporary directory: {0}")]
    Removal(std::io::Error),
    #[error("can't print the settings: {0}")]
    Print(#[from] toml::ser::Error),
}
