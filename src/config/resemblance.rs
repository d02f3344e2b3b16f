//! Finds the setting that a misspelt name was probably meant to be, by the number of edits between the two.

/// Returns the name of a variable: `INFLUXDB_HTTP_AUTH_ENABLED` for `[http] auth-enabled`.
pub(super) fn variable(section: &str, key: &str) -> String {
    let separator = if section.is_empty() { "" } else { "_" };
    format!("INFLUXDB_{section}{separator}{key}").to_uppercase().replace('-', "_")
}

/// Returns the section that `name` resembles.
pub(super) fn resembling_section<'a>(name: &str, known: &'a toml::Table) -> Option<&'a str> {
    nearest(known.keys().map(|section| (edits(name, section), section.as_str())), name.len())
}

/// Returns section and key of the setting that a key in `section` resembles.
pub(super) fn resembling_key<'a>(section: &str, key: &str, known: &'a toml::Table) -> Option<(&'a str, &'a str)> {
    let near = pairs(known).map(|pair| {
        let elsewhere = usize::from(pair.0 != section);
        (edits(key, pair.1) + elsewhere, pair)
    });
    nearest(near, key.len())
}

/// Returns the variable that `name` resembles, also if only the section is missing in it.
pub(super) fn resembling_variable(name: &str, known: &toml::Table) -> Option<String> {
    let key_length = name.len().saturating_sub("INFLUXDB_".len());
    let near = pairs(known).map(|(section, key)| {
        let whole = variable(section, key);
        let without_section = edits(name, &variable("", key)) + 1;
        (edits(name, &whole).min(without_section), whole)
    });
    nearest(near, key_length)
}

fn pairs(known: &toml::Table) -> impl Iterator<Item = (&str, &str)> {
    known.iter().flat_map(|(section, keys)| {
        keys.as_table().into_iter().flatten().map(|(key, _)| (section.as_str(), key.as_str()))
    })
}

/// The number of edits, of which case and the choice of the separator are none.
fn edits(one: &str, other: &str) -> usize {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    strsim::osa_distance(&plain(one), &plain(other))
}

/// The candidate with the fewest edits, if they are few for a name of this length.
fn nearest<Name>(candidates: impl Iterator<Item = (usize, Name)>, length: usize) -> Option<Name> {
    let (edits, name) = candidates.min_by_key(|(edits, _)| *edits)?;
    (edits * 4 <= length).then_some(name)
}
