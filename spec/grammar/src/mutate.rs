//! The mutator: makes small edits to sentences, so that they nearly match the grammar.

use rand::{Rng, RngExt};

use super::rules::Grammar;

/// The maximum number of edits in one mutation, and the maximum length of a piece.
const EDITS_MAX: usize = 3;
const PIECE_MAX: usize = 6;

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
