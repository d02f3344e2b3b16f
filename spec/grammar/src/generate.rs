//! The generator: random sentences of a rule.
//!
//! A sentence is drawn from left to right. Every rule used costs one unit of the [`Size`]; once it is used up, the choices with the
//! lowest trees are taken and optional parts are omitted, so every sentence ends. If prose forbids what was drawn, the smallest
//! enclosing part that could help is drawn again, possibly with optional parts, and if that does not help, the part around it.

use rand::{Rng, RngExt};

use super::node::{Node, Rule, height};
use super::recognise::Beginning;
use super::rules::Grammar;

/// How many rules a sentence may use before it must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub usize);

/// How many times a part is drawn again before the part around it is.
const ATTEMPTS: usize = 8;

/// How many times parts of one sentence are drawn again, and how many times whole sentences are.
const ATTEMPTS_MAX: usize = 400;

impl Grammar {
    /// Draws a random sentence of `rule`; `None` if it derives none, or prose forbids all that were drawn.
    ///
    /// ```
    /// use fluxstone_grammar::{Grammar, Size};
    /// use rand::{SeedableRng, rngs::SmallRng};
    /// let grammar = Grammar::read("sum = digit *( \"+\" digit )\ndigit = %x30-39\n").unwrap();
    /// let sum = grammar.rule("sum").unwrap();
    /// let sentence = grammar.sentence(sum, Size(20), &mut SmallRng::seed_from_u64(7)).unwrap();
    /// assert!(grammar.derives(sum, &sentence));
    /// ```
    pub fn sentence(&self, rule: Rule, size: Size, random: &mut impl Rng) -> Option<Vec<u32>> {
        if self.heights[rule.0] == usize::MAX {
            return None;
        }
        (0..ATTEMPTS_MAX).find_map(|_| {
            let mut draft =
                Draft { text: Vec::new(), forbidden: Vec::new(), left: size.0, again: false, attempts: ATTEMPTS_MAX };
            self.draw_rule(rule, &mut draft, random).ok().map(|()| draft.text)
        })
    }

    fn draw_rule(&self, rule: Rule, draft: &mut Draft, random: &mut impl Rng) -> Result<(), Forbidden> {
        draft.left = draft.left.saturating_sub(1);
        self.draw(&self.bodies[rule.0], draft.text.len(), draft, random)
    }

    /// Whether `node` derives the empty text.
    fn may_be_empty(&self, node: &Node) -> bool {
        match node {
            Node::Range(..) => false,
            Node::NotBefore(_) | Node::OtherThan(_) | Node::Repeat { least: 0, .. } => true,
            Node::Rule(rule) => self.network.may_begin(*rule, None),
            Node::Choice(choices) => choices.iter().any(|choice| self.may_be_empty(choice)),
            Node::Sequence(parts) => parts.iter().all(|part| self.may_be_empty(part)),
            Node::Repeat { of, .. } => self.may_be_empty(of),
        }
    }

    /// Appends a text of `node`, which is part of a rule that began at `begun`.
    fn draw(&self, node: &Node, begun: usize, draft: &mut Draft, random: &mut impl Rng) -> Result<(), Forbidden> {
        match node {
            Node::Range(first, last) => {
                draft.text.push(terminal(*first, *last, random));
                draft.check(self)
            }
            Node::Rule(rule) => self.draw_rule(*rule, draft, random),
            Node::NotBefore(rule) => {
                draft.forbidden.push((draft.text.len(), *rule));
                Ok(())
            }
            Node::OtherThan(rule) => {
                if self.derives(*rule, &draft.text[begun..]) {
                    Err(Forbidden { from: begun })
                } else {
                    Ok(())
                }
            }
            Node::Choice(choices) => {
                let lowest = choices.iter().min_by_key(|choice| height(choice, &self.heights));
                let any = choices.get(random.random_range(0..choices.len().max(1)));
                let affordable = any.filter(|any| draft.left > 0 && height(any, &self.heights) < usize::MAX);
                affordable.or(lowest).map_or(Ok(()), |choice| self.draw(choice, begun, draft, random))
            }
            Node::Sequence(parts) => {
                let may_begin_otherwise = parts.first().is_some_and(|part| self.may_be_empty(part));
                draft.retry(may_begin_otherwise, |draft| {
                    parts.iter().try_for_each(|part| self.draw(part, begun, draft, random))
                })
            }
            Node::Repeat { of, least, most } => {
                for _ in 0..*least {
                    self.draw(of, begun, draft, random)?;
                }
                let mut more = most.map_or(usize::MAX, |most| most - least);
                if height(of, &self.heights) == usize::MAX {
                    more = 0;
                }
                while more > 0 && (draft.left > 0 || draft.again) && random.random() {
                    more -= 1;
                    draft.left = draft.left.saturating_sub(1);
                    self.draw(of, begun, draft, random)?;
                }
                Ok(())
            }
        }
    }
}

/// Draws a terminal of a range. Prefers printable ASCII, where grammars are most specific.
fn terminal(first: u32, last: u32, random: &mut impl Rng) -> u32 {
    let printable = (first.max(0x20), last.min(0x7E));
    let (first, last) = if printable.0 <= printable.1 && random.random_ratio(7, 8) { printable } else { (first, last) };
    random.random_range(first..=last)
}

/// The text from some position on is forbidden by prose.
#[derive(Debug, Clone, Copy)]
struct Forbidden {
    from: usize,
}

/// The sentence so far.
struct Draft {
    text: Vec<u32>,
    /// The positions at which no text of a rule may begin.
    forbidden: Vec<(usize, Rule)>,
    /// How many rules may still be used.
    left: usize,
    /// Whether the innermost part is being drawn again.
    again: bool,
    /// How many parts may still be drawn again.
    attempts: usize,
}

impl Draft {
    /// Checks that the text has nothing forbidden. Drops prohibitions that can no longer be violated.
    fn check(&mut self, grammar: &Grammar) -> Result<(), Forbidden> {
        let mut broken = None;
        let text = &self.text;
        self.forbidden.retain(|(at, rule)| match grammar.beginning(*rule, &text[*at..]) {
            Beginning::Never => false,
            Beginning::Open => true,
            Beginning::Derived => {
                broken = Some(Forbidden { from: *at });
                true
            }
        });
        broken.map_or(Ok(()), Err)
    }

    /// Draws a part, and draws it again while it is forbidden. Does not retry if the forbidden text begins at or before the start of
    /// the part, unless the part `may_begin_otherwise`.
    fn retry(
        &mut self,
        may_begin_otherwise: bool,
        mut part: impl FnMut(&mut Draft) -> Result<(), Forbidden>,
    ) -> Result<(), Forbidden> {
        let (length, forbidden, left) = (self.text.len(), self.forbidden.clone(), self.left);
        let around = std::mem::replace(&mut self.again, false);
        let mut outcome = part(self);
        for _ in 0..ATTEMPTS {
            let Err(Forbidden { from }) = outcome else { break };
            if self.attempts == 0 || (from <= length && !may_begin_otherwise) {
                break;
            }
            self.attempts -= 1;
            self.text.truncate(length);
            self.forbidden.clone_from(&forbidden);
            self.left = left;
            self.again = true;
            outcome = part(self);
        }
        self.again = around;
        outcome
    }
}
