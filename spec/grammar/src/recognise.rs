//! The recogniser: decides whether a rule derives a text, with Earley's algorithm.
//!
//! All items that are still possible are advanced from terminal to terminal, each with the position at which its rule was entered.
//! Nothing is tried twice, and the time is at worst cubic in the length of the text for any grammar: left recursion, empty rules
//! and ambiguity are fine. The only recursion is into rules that prose names.

use std::collections::{HashMap, HashSet};

use super::network::{Edge, State};
use super::node::Rule;
use super::rules::Grammar;

/// Whether a rule derives a prefix of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// It derives a prefix.
    Derived,
    /// It derives no prefix yet, but might derive one of a longer text.
    Open,
    /// It derives no prefix, whatever follows.
    Never,
}

impl Grammar {
    /// Whether `rule` derives `text`.
    pub fn derives(&self, rule: Rule, text: &[u32]) -> bool {
        let mut chart = Chart::new(self, rule, text);
        let mut complete = false;
        while let Some(derived) = chart.advance() {
            complete = derived && chart.at > text.len();
        }
        complete
    }

    /// Whether `rule` derives a prefix of `text`.
    pub(super) fn beginning(&self, rule: Rule, text: &[u32]) -> Beginning {
        let mut chart = Chart::new(self, rule, text);
        while let Some(derived) = chart.advance() {
            if derived {
                return Beginning::Derived;
            }
        }
        if chart.at > text.len() && chart.was_open { Beginning::Open } else { Beginning::Never }
    }
}

/// A state in a rule, and the position at which the rule was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Item {
    state: State,
    entered: usize,
}

/// The items at one position, each once, in the order in which they were found.
#[derive(Debug, Default)]
struct Items {
    list: Vec<Item>,
    known: HashSet<Item>,
}

impl Items {
    fn add(&mut self, item: Item) {
        if self.known.insert(item) {
            self.list.push(item);
        }
    }
}

/// The items that wait for rules entered at one position.
#[derive(Debug, Default)]
struct Waiting {
    /// For each rule that was entered here, the items to continue with once it is complete.
    continuations: HashMap<Rule, Vec<Item>>,
    /// The rules that matched the empty text here.
    empty: Vec<Rule>,
}

struct Chart<'g, 't> {
    grammar: &'g Grammar,
    text: &'t [u32],
    start: Rule,
    /// The number of positions that are done.
    at: usize,
    items: Items,
    waiting: Vec<Waiting>,
    /// Whether some item needed a terminal at the last position.
    was_open: bool,
}

impl<'g, 't> Chart<'g, 't> {
    fn new(grammar: &'g Grammar, start: Rule, text: &'t [u32]) -> Self {
        let mut items = Items::default();
        items.add(Item { state: grammar.network.entry(start), entered: 0 });
        Chart { grammar, text, start, at: 0, items, waiting: Vec::new(), was_open: false }
    }

    /// Handles the next position. Returns whether the start rule is complete there, or `None` if no item has come this far.
    fn advance(&mut self) -> Option<bool> {
        if self.items.list.is_empty() || self.at > self.text.len() {
            return None;
        }
        let here = self.at;
        let terminal = self.text.get(here).copied();
        let mut items = std::mem::take(&mut self.items);
        let mut next = Items::default();
        let mut derived = false;
        self.waiting.push(Waiting::default());
        self.was_open = false;
        let mut done = 0;
        while let Some(&Item { state, entered }) = items.list.get(done) {
            done += 1;
            for edge in self.grammar.network.edges(state) {
                let on = |state| Item { state, entered };
                match *edge {
                    Edge::Terminal(first, last, to) => {
                        self.was_open = true;
                        if terminal.is_some_and(|terminal| (first..=last).contains(&terminal)) {
                            next.add(on(to));
                        }
                    }
                    Edge::Free(to) => items.add(on(to)),
                    Edge::Rule(rule, to) => self.enter(rule, on(to), terminal, &mut items),
                    Edge::NotBefore(rule, to) => {
                        let rest = self.text.get(here..).unwrap_or_default();
                        if self.grammar.beginning(rule, rest) != Beginning::Derived {
                            items.add(on(to));
                        }
                    }
                    Edge::OtherThan(rule, to) => {
                        if !self.grammar.derives(rule, self.text.get(entered..here).unwrap_or_default()) {
                            items.add(on(to));
                        }
                    }
                    Edge::Exit(rule) => {
                        derived |= rule == self.start && entered == 0;
                        self.complete(rule, entered, &mut items);
                    }
                }
            }
        }
        self.items = next;
        self.at += 1;
        Some(derived)
    }

    /// Enters `rule` at the current position; `continuation` follows it.
    fn enter(&mut self, rule: Rule, continuation: Item, terminal: Option<u32>, items: &mut Items) {
        if !self.grammar.network.may_begin(rule, terminal) {
            self.was_open |= terminal.is_none();
            return;
        }
        let here = self.at;
        let waiting = &mut self.waiting[here];
        waiting.continuations.entry(rule).or_default().push(continuation);
        if waiting.empty.contains(&rule) {
            items.add(continuation);
        }
        items.add(Item { state: self.grammar.network.entry(rule), entered: here });
    }

    /// Completes `rule`, which was entered at `entered`, at the current position.
    fn complete(&mut self, rule: Rule, entered: usize, items: &mut Items) {
        if entered == self.at && !self.waiting[entered].empty.contains(&rule) {
            self.waiting[entered].empty.push(rule);
        }
        for continuation in self.waiting[entered].continuations.get(&rule).into_iter().flatten() {
            items.add(*continuation);
        }
    }
}
