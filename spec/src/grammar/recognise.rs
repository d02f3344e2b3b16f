//! The judge: whether a rule derives a text, by Earley's method.
//!
//! All readings that are still possible are carried along from terminal to terminal, each with the place where its rule was
//! entered, so nothing is tried twice and the time grows with the cube of the length at worst, whatever the grammar: left
//! recursion, empty rules and ambiguity are fine. There is no recursion but that into the rules which prose names.

use std::collections::{HashMap, HashSet};

use super::network::{Edge, State};
use super::{Grammar, Rule};

/// What a rule says of the beginnings of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// It derives one of them.
    Derived,
    /// It does not yet; with more behind the text it might.
    Open,
    /// It derives none, whatever follows.
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

    /// How the beginnings of `text` stand to `rule`.
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

/// A reading: how far it has come in a rule that it entered there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Item {
    state: State,
    entered: usize,
}

/// The readings at one place, each once, in the order found.
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

/// What waits at one place for rules to be complete.
#[derive(Debug, Default)]
struct Waiting {
    /// For each rule that was entered here, how to go on behind it.
    behind: HashMap<Rule, Vec<Item>>,
    /// The rules that were complete at once.
    empty: Vec<Rule>,
}

struct Chart<'g, 't> {
    grammar: &'g Grammar,
    text: &'t [u32],
    start: Rule,
    /// How many places have been dealt with.
    at: usize,
    items: Items,
    waiting: Vec<Waiting>,
    /// Whether some reading wanted a terminal at the last place.
    was_open: bool,
}

impl<'g, 't> Chart<'g, 't> {
    fn new(grammar: &'g Grammar, start: Rule, text: &'t [u32]) -> Self {
        let mut items = Items::default();
        items.add(Item { state: grammar.network.entry(start), entered: 0 });
        Chart { grammar, text, start, at: 0, items, waiting: Vec::new(), was_open: false }
    }

    /// Deals with the next place: whether the start is complete there, or `None` if no reading has come so far.
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

    /// A reading needs `rule` here, and goes on with `behind`.
    fn enter(&mut self, rule: Rule, behind: Item, terminal: Option<u32>, items: &mut Items) {
        if !self.grammar.network.may_begin(rule, terminal) {
            self.was_open |= terminal.is_none();
            return;
        }
        let here = self.at;
        let waiting = &mut self.waiting[here];
        waiting.behind.entry(rule).or_default().push(behind);
        if waiting.empty.contains(&rule) {
            items.add(behind);
        }
        items.add(Item { state: self.grammar.network.entry(rule), entered: here });
    }

    /// A reading of `rule` that began at `entered` is complete here.
    fn complete(&mut self, rule: Rule, entered: usize, items: &mut Items) {
        if entered == self.at && !self.waiting[entered].empty.contains(&rule) {
            self.waiting[entered].empty.push(rule);
        }
        for behind in self.waiting[entered].behind.get(&rule).into_iter().flatten() {
            items.add(*behind);
        }
    }
}
