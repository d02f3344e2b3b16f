//! The tree of databases, policies, measurements, tag keys and values, and field keys. One path of it is open at a time: its
//! branches are links, so that it needs no script.

use maud::{Markup, html};

use super::cell::Problem;
use super::frame::{Frame, Tab, page, problem};
use super::links::{address, quoted_name, quoted_string};

/// Names of one level of the tree, of which a page shows a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The names on this page; further parts say more about each, such as the type of a field.
    pub rows: Vec<Vec<String>>,
    /// The number of this part, from 0 on.
    pub part: usize,
    /// Whether more names follow.
    pub has_more: bool,
    /// Why there are none.
    pub problem: Option<Problem>,
}

impl Listing {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(|row| row.first().map(String::as_str))
    }

    /// How many names there are, as far as this part tells.
    fn count(&self, part_rows: usize) -> String {
        let count = self.part * part_rows + self.rows.len();
        if self.has_more { format!("more than {count}") } else { count.to_string() }
    }
}

/// What the index knows about a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseCounts {
    /// The name.
    pub database: String,
    /// Its measurements.
    pub measurements: String,
    /// Its series.
    pub series: String,
}

/// The part of the tree below a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenMeasurement {
    /// The measurement.
    pub name: String,
    /// Its tag keys.
    pub tag_keys: Listing,
    /// Its field keys with their types.
    pub field_keys: Listing,
    /// The tag key that is open, with its values.
    pub tag: Option<(String, Listing)>,
}

/// The tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreePage {
    /// All databases.
    pub databases: Listing,
    /// Counts of some of them.
    pub counts: Vec<DatabaseCounts>,
    /// The database that is open; empty if none is.
    pub database: String,
    /// Its policies: name, duration, shard duration, replicas, whether it is the default one.
    pub policies: Listing,
    /// Its measurements.
    pub measurements: Listing,
    /// The measurement that is open.
    pub open: Option<OpenMeasurement>,
    /// The most names of a part.
    pub part_rows: usize,
}

/// Returns the page with the tree.
pub fn tree_page(frame: &Frame, tree: &TreePage) -> String {
    let at = |parameters: &[(&str, &str)]| address("/explorer/", parameters);
    let main = html! {
        h2 { "Databases " (count(&tree.databases, tree.part_rows)) }
        @if tree.databases.rows.is_empty() && tree.databases.problem.is_none() {
            p { "There are no databases yet. " code { "CREATE DATABASE name" } " on the " a href="/explorer/query" { "query page" } " creates one." }
        }
        (failed(&tree.databases))
        ul.tree {
            @for name in tree.databases.names() {
                li {
                    a href=(at(&[("db", name)])) aria-current=[(name == tree.database).then_some("true")] { (name) }
                    @if let Some(counts) = tree.counts.iter().find(|counts| counts.database == name) {
                        " " span.count { (measurements(&counts.measurements)) ", " (counts.series) " series" }
                    }
                    @if name == tree.database { (database(tree)) }
                }
            }
        }
        (parts(&tree.databases, |part| at(&[("part", part)])))
        @if !tree.database.is_empty() && !tree.databases.names().any(|name| name == tree.database) {
            h2 { (tree.database) }
            (database(tree))
        }
    };
    page(frame, Tab::Data, "Data", &tree.database, &main)
}

fn database(tree: &TreePage) -> Markup {
    let database = tree.database.as_str();
    let at = |parameters: &[(&str, &str)]| address("/explorer/", &[&[("db", database)], parameters].concat());
    html! {
        div.branch {
            h3 { "Retention policies " (count(&tree.policies, tree.part_rows)) }
            (failed(&tree.policies))
            ul.tree {
                @for row in &tree.policies.rows {
                    li {
                        (row.first().map_or("", String::as_str))
                        @for note in row.iter().skip(1).filter(|note| !note.is_empty()) { " " span.count { (note) } }
                    }
                }
            }
            h3 { "Measurements " (count(&tree.measurements, tree.part_rows)) }
            (failed(&tree.measurements))
            ul.tree {
                @for name in tree.measurements.names() {
                    li {
                        a href=(at(&[("m", name)])) aria-current=[tree.open.as_ref().is_some_and(|open| open.name == name).then_some("true")] { (name) }
                        @if let Some(open) = tree.open.as_ref().filter(|open| open.name == name) { (measurement(tree, open)) }
                    }
                }
            }
            (parts(&tree.measurements, |part| at(&[("mpart", part)])))
            @if let Some(open) = tree.open.as_ref().filter(|open| !tree.measurements.names().any(|name| name == open.name)) {
                h3 { (open.name) }
                (measurement(tree, open))
            }
        }
    }
}

fn measurement(tree: &TreePage, open: &OpenMeasurement) -> Markup {
    let (database, name) = (tree.database.as_str(), open.name.as_str());
    let at =
        |parameters: &[(&str, &str)]| address("/explorer/", &[&[("db", database), ("m", name)], parameters].concat());
    let source = quoted_name(name);
    let run = |text: &str| address("/explorer/query", &[("db", database), ("q", text)]);
    html! {
        div.branch {
            p { a href=(run(&format!("SELECT * FROM {source} ORDER BY time DESC LIMIT 100"))) { "Show the latest points" } }
            h4 { "Tag keys " (count(&open.tag_keys, tree.part_rows)) }
            (failed(&open.tag_keys))
            ul.tree {
                @for key in open.tag_keys.names() {
                    li {
                        a href=(at(&[("key", key)])) { (key) }
                        @if let Some((_, values)) = open.tag.as_ref().filter(|(open, _)| open == key) {
                            " " (count(values, tree.part_rows))
                            (failed(values))
                            ul.tree {
                                @for value in values.names() {
                                    li {
                                        a href=(run(&format!("SELECT * FROM {source} WHERE {} = {} ORDER BY time DESC LIMIT 100", quoted_name(key), quoted_string(value)))) { (value) }
                                    }
                                }
                            }
                            (parts(values, |part| at(&[("key", key), ("part", part)])))
                        }
                    }
                }
            }
            h4 { "Field keys " (count(&open.field_keys, tree.part_rows)) }
            (failed(&open.field_keys))
            ul.tree {
                @for row in &open.field_keys.rows {
                    @if let [key, kind, ..] = &row[..] {
                        li {
                            a href=(run(&format!("SELECT {} FROM {source} ORDER BY time DESC LIMIT 100", quoted_name(key)))) { (key) }
                            " " span.count { (kind) }
                        }
                    }
                }
            }
        }
    }
}

fn count(listing: &Listing, part_rows: usize) -> Markup {
    html! { span.count { (listing.count(part_rows)) } }
}

fn measurements(count: &str) -> String {
    if count == "1" { "1 measurement".to_owned() } else { format!("{count} measurements") }
}

fn failed(listing: &Listing) -> Markup {
    html! { @if let Some(failed) = &listing.problem { (problem(failed)) } }
}

/// Links to the parts before and after this one.
fn parts(listing: &Listing, address: impl Fn(&str) -> String) -> Markup {
    html! {
        @if listing.part > 0 || listing.has_more {
            p.parts {
                @if listing.part > 0 { a href=(address(&(listing.part - 1).to_string())) rel="prev" { "Previous names" } " " }
                @if listing.has_more { a href=(address(&(listing.part + 1).to_string())) rel="next" { "Next names" } }
            }
        }
    }
}
