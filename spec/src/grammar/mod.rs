//! Grammars that run: the ABNF files of the specification as generators and judges of sentences.
//!
//! [`Grammar::read`] turns a file of RFC 5234 and RFC 7405 into rules; [`Grammar::sentence`] draws a random sentence of a rule;
//! [`Grammar::mutate`] breaks one, perhaps; [`Grammar::derives`] says of any text whether a rule derives it. So a parser and
//! its grammar are held against each other: what is drawn must be accepted, and of what is broken both must think alike.
//!
//! Terminals are numbers: bytes for line protocol, code points for InfluxQL. A file defines every rule that it uses, those of
//! RFC 5234's appendix too. What ABNF has no notation for stands in prose values, of which two forms are known:
//!
//! - `<not before RULE>` matches nothing, where no text that RULE derives begins. This says that a word is as long as it can be.
//! - `<other than RULE>` matches nothing, where RULE does not derive what the rule in which it stands has matched so far. This
//!   says that an identifier is no reserved word.
//!
//! The rules that they name must do without them.

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

/// A rule of a grammar, by its place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule(usize);

/// What a rule consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// One of these.
    Choice(Vec<Node>),
    /// All of these, one behind the other; none is the empty text.
    Sequence(Vec<Node>),
    /// This, so many times.
    Repeat { of: Box<Node>, least: usize, most: Option<usize> },
    /// What another rule derives.
    Rule(Rule),
    /// One terminal, from the first to the last.
    Range(u32, u32),
    /// Nothing, unless a text of the rule begins here.
    NotBefore(Rule),
    /// Nothing, unless the rule derives what the rule around has matched so far.
    OtherThan(Rule),
}

/// The rules of a file.
#[derive(Debug)]
pub struct Grammar {
    /// The numbers of the rules by their names in lower case, for names have no case.
    names: BTreeMap<String, Rule>,
    /// What the rules consist of.
    bodies: Vec<Node>,
    /// The same for the recogniser.
    network: Network,
    /// For the generator: how high the lowest tree of each rule is.
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

    /// The rule with this name, in any case.
    pub fn rule(&self, name: &str) -> Option<Rule> {
        self.names.get(&name.to_ascii_lowercase()).copied()
    }

    /// The names of all rules, in lower case and sorted.
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

/// The grammar of a file of this crate, which is well-formed, as a test shows.
fn of_file(name: &str, text: &str) -> Grammar {
    Grammar::read(text).unwrap_or_else(|error| panic!("spec/grammar/{name}: {error}"))
}

/// Bytes as terminals.
pub fn bytes(text: &[u8]) -> Vec<u32> {
    text.iter().copied().map(u32::from).collect()
}

/// Code points as terminals.
pub fn characters(text: &str) -> Vec<u32> {
    text.chars().map(u32::from).collect()
}
