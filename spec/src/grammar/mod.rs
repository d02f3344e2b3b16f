//! Executable grammars: the ABNF files of the specification as generators and recognisers of sentences.
//!
//! [`Grammar::read`] parses a file of RFC 5234 and RFC 7405 into rules; [`Grammar::sentence`] draws a random sentence of a rule;
//! [`Grammar::mutate`] edits one, which may break it; [`Grammar::derives`] decides whether a rule derives a text. A parser is
//! tested against its grammar: it must accept every sentence that is drawn, and agree with the grammar about every edited one.
//!
//! Terminals are numbers: bytes for line protocol, code points for InfluxQL. A file defines every rule that it uses, including
//! those of RFC 5234's appendix. Prose values express what ABNF cannot; two forms are supported:
//!
//! - `<not before RULE>` matches the empty text if no text that RULE derives begins here. This makes a word as long as possible.
//! - `<other than RULE>` matches the empty text if RULE does not derive what the enclosing rule has matched so far. This excludes
//!   reserved words from identifiers.
//!
//! The rules that they name must not use prose themselves.

mod abnf;
mod generate;
mod mutate;
mod network;
mod recognise;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use abnf::AbnfError;
pub use generate::Size;

use network::Network;

/// A rule of a grammar, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule(usize);

/// The definition of a rule, or part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// One of several nodes.
    Choice(Vec<Node>),
    /// Several nodes one after another; without nodes, the empty text.
    Sequence(Vec<Node>),
    /// A node, repeated.
    Repeat { of: Box<Node>, least: usize, most: Option<usize> },
    /// The texts of another rule.
    Rule(Rule),
    /// One terminal in this range, both ends included.
    Range(u32, u32),
    /// The empty text, unless a text of the rule begins here.
    NotBefore(Rule),
    /// The empty text, unless the rule derives what the enclosing rule has matched so far.
    OtherThan(Rule),
}

/// The rules of a file.
#[derive(Debug)]
pub struct Grammar {
    /// The rules by their names in lower case, since names are case-insensitive.
    names: BTreeMap<String, Rule>,
    /// The definitions of the rules.
    bodies: Vec<Node>,
    /// The definitions in the form that the recogniser uses.
    network: Network,
    /// For the generator: the height of the lowest derivation tree of each rule.
    heights: Vec<usize>,
    /// For the mutator: the first and last terminals of all ranges, and their neighbours.
    borders: Vec<u32>,
}

impl Grammar {
    /// Reads an ABNF file.
    ///
    /// ```
    /// use fluxstone_spec::grammar::{Grammar, characters};
    /// let grammar = Grammar::read("greeting = \"hello\" 1*( \" \" name )\nname = %x41-5A *%x61-7A\n").unwrap();
    /// let greeting = grammar.rule("greeting").unwrap();
    /// assert!(grammar.derives(greeting, &characters("Hello Ada Grace")));
    /// assert!(!grammar.derives(greeting, &characters("hello ada")));
    /// ```
    pub fn read(text: &str) -> Result<Grammar, AbnfError> {
        let abnf::Rules { names, bodies } = abnf::read(text)?;
        let network = Network::of(&bodies);
        let heights = generate::heights(&bodies);
        let borders = mutate::borders(&bodies);
        Ok(Grammar { names, bodies, network, heights, borders })
    }

    /// Returns the rule with this name, which is case-insensitive.
    pub fn rule(&self, name: &str) -> Option<Rule> {
        self.names.get(&name.to_ascii_lowercase()).copied()
    }

    /// Returns all rules with their names, in lower case and sorted.
    pub fn rules(&self) -> impl Iterator<Item = (&str, Rule)> {
        self.names.iter().map(|(name, rule)| (name.as_str(), *rule))
    }
}

/// `spec/grammar/line-protocol.abnf`; its terminals are bytes, its start is `body`.
pub static LINE_PROTOCOL: LazyLock<Grammar> =
    LazyLock::new(|| of_file("line-protocol.abnf", include_str!("../../grammar/line-protocol.abnf")));

/// `spec/grammar/influxql.abnf`; its terminals are code points, its start is `text`.
pub static INFLUXQL: LazyLock<Grammar> =
    LazyLock::new(|| of_file("influxql.abnf", include_str!("../../grammar/influxql.abnf")));

/// Reads a file of this crate. A test shows that it is well-formed.
fn of_file(name: &str, text: &str) -> Grammar {
    Grammar::read(text).unwrap_or_else(|error| panic!("spec/grammar/{name}: {error}"))
}

/// Returns bytes as terminals.
pub fn bytes(text: &[u8]) -> Vec<u32> {
    text.iter().copied().map(u32::from).collect()
}

/// Returns code points as terminals.
pub fn characters(text: &str) -> Vec<u32> {
    text.chars().map(u32::from).collect()
}
