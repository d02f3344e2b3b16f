//! The mutator: sentences with a few small faults, so that they come close to what a grammar says without being sure to obey it.

use rand::{Rng, RngExt};

use super::{Grammar, Node};

/// How many edits one mutation makes at most, and how long the pieces are that it moves at most.
const EDITS_MAX: usize = 3;
const PIECE_MAX: usize = 6;

/// The first and last terminals of all ranges and those next to them, where parsers go wrong most easily.
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
    /// `sentence` with one to three random edits: terminals of the grammar put in or exchanged, pieces cut, doubled, moved.
    /// The outcome may still be a sentence. It may hold numbers just outside of what the grammar names.
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
