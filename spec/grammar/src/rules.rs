//! A grammar that was read from an ABNF file, with what its users need precomputed.

use std::collections::BTreeMap;

use super::abnf::{self, AbnfError, Rules};
use super::network::Network;
use super::node::{Node, Rule, borders, heights};

/// The rules of a file.
#[derive(Debug)]
pub struct Grammar {
    /// The rules by their names in lower case, since names are case-insensitive.
    pub(super) names: BTreeMap<String, Rule>,
    /// The definitions of the rules.
    pub(super) bodies: Vec<Node>,
    /// The definitions in the form that the recogniser uses.
    pub(super) network: Network,
    /// For the generator: the height of the lowest derivation tree of each rule.
    pub(super) heights: Vec<usize>,
    /// For the mutator: the first and last terminals of all ranges, and their neighbours.
    pub(super) borders: Vec<u32>,
}

impl Grammar {
    /// Reads an ABNF file.
    ///
    /// ```
    /// use fluxstone_grammar::{Grammar, characters};
    /// let grammar = Grammar::read("greeting = \"hello\" 1*( \" \" name )\nname = %x41-5A *%x61-7A\n").unwrap();
    /// let greeting = grammar.rule("greeting").unwrap();
    /// assert!(grammar.derives(greeting, &characters("Hello Ada Grace")));
    /// assert!(!grammar.derives(greeting, &characters("hello ada")));
    /// ```
    pub fn read(text: &str) -> Result<Grammar, AbnfError> {
        let Rules { names, bodies } = abnf::read(text)?;
        let network = Network::of(&bodies);
        let heights = heights(&bodies);
        let borders = borders(&bodies);
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
