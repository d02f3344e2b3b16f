//! Reads the settings that a command uses, and prints them for `fluxstone config`.

use super::arguments::ConfigArguments;
use super::error::CommandError;
use crate::config::{Loaded, UnknownKeys, load};

/// Reads the configuration file, if there is one, and the environment.
pub(super) fn load_settings(arguments: &ConfigArguments) -> Result<Loaded, CommandError> {
    // All names and values that matter are UTF-8.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let unknown_keys = if arguments.lenient_config { UnknownKeys::Warn } else { UnknownKeys::Refuse };
    let Some(path) = &arguments.config else { return Ok(load(None, environment, unknown_keys)?) };
    let text = std::fs::read_to_string(path).map_err(|error| CommandError::ConfigFile { path: path.clone(), error })?;
    Ok(load(Some((&path.display().to_string(), &text)), environment, unknown_keys)?)
}

/// Prints the effective settings as a configuration file, and after it, as comments, what should be known of them.
pub(super) fn print_settings(arguments: &ConfigArguments) -> Result<(), CommandError> {
    let mut loaded = load_settings(arguments)?;
    loaded.settings.data.wal_dir = loaded.settings.data.log_dir();
    print!("{}", toml::to_string(&loaded.settings)?);
    for warning in &loaded.warnings {
        eprintln!("fluxstone: {warning}");
    }
    for note in loaded.warnings.iter().chain(&loaded.without_effect) {
        println!("# {note}");
    }
    Ok(())
}
