//! The mutator: makes small edits to sentences, so that they nearly match the grammar.

use rand::{Rng, RngExt};

use super::{Grammar, Node};

/// The maximum number of edits in one mutation, and the maximum length of a piece.
const EDITS_MAX: usize = 3;
const PIECE_MAX: usize = 6;

/// Returns the first and last terminals of all ranges and their neighbours, where parsers are most likely to be wrong.
pub(super) fn borders(bodies: &[Node]) -> Vec<u32> {
    fn collect(node: &Node, borders: &mut Vec<u32>) {
        match node {
            Node::Range(first, last) => {
                borders.extend([first.saturating_sub(1), *first, *last, last.saturating_add(1)]);
            }
            Node::Choice(nodes) | Node::Sequence(nodes) => nodes.iter().for_each(|node| collect(node, borders)),
            Node::Repeat { of, .. } => collect(of, borders),
            Node::Rule(_) | Node::NotBefore(_) | Node::OtherThan(_) => {}
        }
    }
    let mut borders = Vec::new();
    for body in bodies {
        collect(body, &mut borders);
    }
    borders.sort_unstable();
    borders.dedup();
    borders
}

impl Grammar {
    /// Makes one to three random edits: inserts or replaces terminals, or deletes, duplicates or moves pieces.
    /// The result may still be a sentence. It may contain terminals just outside the ranges of the grammar.
    pub fn mutate(&self, sentence: &[u32], random: &mut impl Rng) -> Vec<u32> {
        let mut text = sentence.to_vec();
        for _ in 0..random.random_range(1..=EDITS_MAX) {
            let at = random.random_range(0..=text.len());
            let piece = at..(at + random.random_range(1..=PIECE_MAX)).min(text.len());
            match random.random_range(0..5) {
                0 => drop(text.drain(piece)),
                1 => {
                    let copy = text[piece].to_vec();
                    text.splice(at..at, copy);
                }
                2 => {
                    let moved: Vec<u32> = text.drain(piece).collect();
                    let to = random.random_range(0..=text.len());
                    text.splice(to..to, moved);
                }
                3 => {
                    let border = self.border(random);
                    text.splice(at..at, border);
                }
                _ => {
                    let border = self.border(random);
                    text.splice(at..(at + 1).min(text.len()), border);
                }
            }
        }
        text
    }

    fn border(&self, random: &mut impl Rng) -> Option<u32> {
        self.borders.get(random.random_range(0..self.borders.len().max(1))).copied()
    }
}
