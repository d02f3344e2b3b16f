//! Loads settings: the defaults, overridden by the file, overridden by the environment. Pure: the caller reads the file and the
//! variables.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::resemblance::{resembling_key, resembling_section, resembling_variable, variable};
use super::settings::Settings;
use super::without_effect::{GROUPS, OTHER_INPUTS, OTHER_VERSIONS, group_of, is_of_another_version};

/// What to do about keys that no InfluxDB 1.x has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKeys {
    /// Refuse the settings: a misspelt key must not leave a server open to everyone.
    Refuse,
    /// Warn of them.
    Warn,
}

/// Settings, with notes for their owner.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The effective settings.
    pub settings: Settings,
    /// Keys and inputs that have no effect although their owner may rely on them, one line each.
    pub warnings: Vec<String>,
    /// Known keys that were set but have no effect here, one line each.
    pub without_effect: Vec<String>,
}

/// Why settings are refused. Displays with the position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML.
    #[error("{file}:{line}:{column}: {message}")]
    Syntax {
        /// The name of the file, as it was given.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The message of the parser.
        message: String,
    },
    /// The value of a key is invalid.
    #[error("{file}:{line}:{column}: {key}: {message}")]
    Value {
        /// The name of the file, as it was given.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// `[section] key`.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// The value of an environment variable is invalid.
    #[error("environment variable {variable}: {message}")]
    Variable {
        /// Its name.
        variable: String,
        /// What is wrong.
        message: String,
    },
    /// There are keys that no InfluxDB 1.x has.
    #[error("{}\n(--lenient-config turns this into warnings)", notes.join("\n"))]
    Unknown {
        /// A line for each.
        notes: Vec<String>,
    },
}

/// Settings on the way, with the keys that are unknown.
#[derive(Debug, Default)]
struct Loading {
    loaded: Loaded,
    /// One line each.
    unknown: Vec<String>,
}

/// Loads settings from `file`, its name and its text, if there is one, and from `environment`.
///
/// # Errors
/// The first invalid value, or all unknown keys.
pub fn load(
    file: Option<(&str, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
    unknown_keys: UnknownKeys,
) -> Result<Loaded, ConfigError> {
    let mut loading = Loading::default();
    if let Some((name, text)) = file {
        read_file(name, text, &mut loading)?;
    }
    override_by(environment, &mut loading)?;
    let Loading { mut loaded, unknown } = loading;
    match unknown_keys {
        UnknownKeys::Refuse if !unknown.is_empty() => return Err(ConfigError::Unknown { notes: unknown }),
        UnknownKeys::Refuse | UnknownKeys::Warn => loaded.warnings.extend(unknown),
    }
    Ok(loaded)
}

fn read_file(file: &str, text: &str, loading: &mut Loading) -> Result<(), ConfigError> {
    let table = DeTable::parse(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        ConfigError::Syntax { file: file.to_owned(), line, column, message: error.message().to_owned() }
    })?;
    let known = known_keys();
    for (key, value) in table.get_ref() {
        let at = |key: &Spanned<_>| format!("{file}:{}", place(text, key.span().start).0);
        let name: &str = key.get_ref();
        match value.get_ref() {
            DeValue::Table(section) if is_section(name, &known) => {
                for (key, _) in section {
                    note(name, key.get_ref(), &known, &at(key), loading);
                }
            }
            DeValue::Array(entries) if known.get(name).is_some_and(toml::Value::is_array) => {
                let keys = entries.iter().filter_map(|entry| entry.get_ref().as_table()).flatten();
                for (key, _) in keys {
                    note(name, key.get_ref(), &known, &at(key), loading);
                }
            }
            DeValue::Table(_) | DeValue::Array(_) if OTHER_INPUTS.contains(&name) => {
                if is_enabled(value.get_ref()) {
                    let note = format!("{}: input [[{name}]] is not provided by this server", at(key));
                    loading.loaded.warnings.push(note);
                }
            }
            DeValue::Table(_) => {
                let hint = hint(resembling_section(name, &known).map(|name| format!("[{name}]")));
                loading.unknown.push(format!("{}: unknown section [{name}]{hint}", at(key)));
            }
            _ => note("", name, &known, &at(key), loading),
        }
    }
    loading.loaded.settings = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let (line, column) = place(text, start);
        let key = key_at(table.get_ref(), start).unwrap_or_default();
        ConfigError::Value { file: file.to_owned(), line, column, key, message: error.message().to_owned() }
    })?;
    Ok(())
}

/// The keys of a section, or of each entry of a list of sections.
fn keys_of<'a>(section: &str, known: &'a toml::Table) -> Option<&'a toml::Table> {
    match known.get(section)? {
        toml::Value::Array(entries) => entries.first()?.as_table(),
        section => section.as_table(),
    }
}

/// Whether this server or an InfluxDB 1.x has a section.
fn is_section(name: &str, known: &toml::Table) -> bool {
    known.contains_key(name)
        || GROUPS.iter().any(|group| group.section == name)
        || OTHER_VERSIONS.iter().any(|(section, _)| *section == name)
}

/// Adds a note about a key that is unknown or has no effect.
fn note(section: &str, key: &str, known: &toml::Table, at: &str, loading: &mut Loading) {
    if keys_of(section, known).is_some_and(|keys| keys.contains_key(key)) {
        return;
    }
    let name = key_name(section, key);
    if let Some(group) = group_of(section, key) {
        loading.loaded.without_effect.push(format!("{at}: {name} has no effect: {}", group.reason));
    } else if is_of_another_version(section, key) {
        loading.loaded.warnings.push(format!("{at}: {name} has no effect: only other versions of InfluxDB have it"));
    } else {
        let hint = hint(resembling_key(section, key, known).map(|(section, key)| key_name(section, key)));
        loading.unknown.push(format!("{at}: unknown setting {name}{hint}"));
    }
}

/// Returns what is added to a note about an unknown name.
fn hint(meant: Option<String>) -> String {
    meant.map(|meant| format!(", did you mean {meant}?")).unwrap_or_default()
}

fn override_by(
    environment: impl IntoIterator<Item = (String, String)>,
    loading: &mut Loading,
) -> Result<(), ConfigError> {
    let known = known_keys();
    let mut sorted: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with("INFLUXDB_") && name != "INFLUXDB_CONFIG_PATH")
        .collect();
    sorted.sort();
    for (name, value) in sorted {
        let key = known.iter().find_map(|(section, keys)| {
            keys.as_table()?.iter().find(|(key, _)| variable(section, key) == name).map(|(k, v)| (section, k, v))
        });
        let Some((section, key, default)) = key else {
            note_variable(&name, &known, loading);
            continue;
        };
        loading.loaded.settings = overridden(&loading.loaded.settings, section, key, default, &value)
            .map_err(|message| ConfigError::Variable { variable: name, message })?;
    }
    Ok(())
}

/// Adds a note about a variable that names no setting with an effect. Others than this server use the prefix as well, so only
/// one that resembles a setting is refused.
fn note_variable(name: &str, known: &toml::Table, loading: &mut Loading) {
    let is_key = |section: &str, keys: &[&str]| keys.iter().any(|key| variable(section, key) == name);
    if let Some(group) = GROUPS.iter().find(|group| is_key(group.section, group.keys)) {
        loading.loaded.without_effect.push(format!("{name} has no effect: {}", group.reason));
    } else if OTHER_VERSIONS.iter().any(|(section, keys)| is_key(section, keys)) {
        loading.loaded.warnings.push(format!("{name} has no effect: only other versions of InfluxDB have it"));
    } else {
        let note = format!("environment variable {name} does not name a setting");
        match resembling_variable(name, known) {
            Some(meant) => loading.unknown.push(format!("{note}, did you mean {meant}?")),
            None => loading.loaded.warnings.push(note),
        }
    }
}

/// Returns the settings with one key set from text, which is read as the type of the key's default.
fn overridden(
    settings: &Settings,
    section: &str,
    key: &str,
    default: &toml::Value,
    text: &str,
) -> Result<Settings, String> {
    let value = match default {
        toml::Value::Boolean(_) => match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => toml::Value::Boolean(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => toml::Value::Boolean(false),
            _ => return Err(format!("{text:?} is neither true nor false")),
        },
        toml::Value::Integer(_) => text.parse().map_or_else(|_| text.into(), toml::Value::Integer),
        _ => text.into(),
    };
    let mut table = toml::Table::try_from(settings).map_err(|error| error.to_string())?;
    if let Some(section) = table.get_mut(section).and_then(|s| s.as_table_mut()) {
        section.insert(key.to_owned(), value);
    }
    table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// Returns the keys that have an effect, by section, with their defaults.
fn known_keys() -> toml::Table {
    toml::Table::try_from(Settings::default()).unwrap_or_default()
}

fn key_name(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("[{section}] {key}") }
}

/// Returns line and column of a byte, both from 1.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Returns the key whose value covers a byte.
fn key_at(table: &DeTable<'_>, byte: usize) -> Option<String> {
    for (section, value) in table {
        if let DeValue::Table(keys) = value.get_ref() {
            let found = keys.iter().find(|(_, value)| value.span().contains(&byte));
            if let Some((key, _)) = found {
                return Some(key_name(section.get_ref(), key.get_ref()));
            }
        } else if value.span().contains(&byte) {
            return Some(section.get_ref().to_string());
        }
    }
    None
}

/// Whether a section of another input has `enabled = true`.
fn is_enabled(section: &DeValue<'_>) -> bool {
    match section {
        DeValue::Table(keys) => {
            keys.iter().any(|(key, value)| key.get_ref() == "enabled" && value.get_ref().as_bool() == Some(true))
        }
        DeValue::Array(sections) => sections.iter().any(|section| is_enabled(section.get_ref())),
        _ => false,
    }
}
