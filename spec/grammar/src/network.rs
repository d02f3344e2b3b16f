//! Rules as a network of states for the recogniser: recognition of a rule begins at its entry and is complete at its exit.

use super::node::{Node, Rule};

/// A position in a rule, between the parts that were matched and those that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State(u32);

/// A transition from one state to the next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edge {
    /// Consumes a terminal in this range.
    Terminal(u32, u32, State),
    /// Consumes a text of a rule.
    Rule(Rule, State),
    /// Consumes nothing.
    Free(State),
    /// Consumes nothing. Not possible if a text of the rule begins here.
    NotBefore(Rule, State),
    /// Consumes nothing. Not possible if the rule derives the text since the entry.
    OtherThan(Rule, State),
    /// The rule is complete.
    Exit(Rule),
}

/// The states of all rules.
#[derive(Debug)]
pub(super) struct Network {
    edges: Vec<Vec<Edge>>,
    entries: Vec<State>,
    starts: Vec<Starts>,
}

impl Network {
    pub(super) fn of(bodies: &[Node]) -> Network {
        let mut network = Network { edges: Vec::new(), entries: Vec::new(), starts: starts(bodies) };
        for (rule, body) in bodies.iter().enumerate() {
            let entry = network.state();
            let end = network.add(body, entry);
            network.edge(end, Edge::Exit(Rule(rule)));
            network.entries.push(entry);
        }
        network
    }

    /// The first state of `rule`.
    pub(super) fn entry(&self, rule: Rule) -> State {
        self.entries[rule.0]
    }

    /// The transitions from `state`.
    pub(super) fn edges(&self, state: State) -> &[Edge] {
        &self.edges[state.0 as usize]
    }

    /// Whether a text of `rule` may begin with `next`, or be empty. May be true even if none does.
    pub(super) fn may_begin(&self, rule: Rule, next: Option<u32>) -> bool {
        let starts = &self.starts[rule.0];
        starts.with_nothing || next.is_some_and(|next| starts.has(next))
    }

    fn state(&mut self) -> State {
        self.edges.push(Vec::new());
        State(self.edges.len() as u32 - 1)
    }

    fn edge(&mut self, from: State, edge: Edge) {
        self.edges[from.0 as usize].push(edge);
    }

    /// Adds an edge to a new state.
    fn step(&mut self, from: State, edge: impl FnOnce(State) -> Edge) -> State {
        let to = self.state();
        self.edge(from, edge(to));
        to
    }

    /// Adds the states and edges of `node`, and returns its last state.
    fn add(&mut self, node: &Node, from: State) -> State {
        match node {
            Node::Range(first, last) => self.step(from, |to| Edge::Terminal(*first, *last, to)),
            Node::Rule(rule) => self.step(from, |to| Edge::Rule(*rule, to)),
            Node::NotBefore(rule) => self.step(from, |to| Edge::NotBefore(*rule, to)),
            Node::OtherThan(rule) => self.step(from, |to| Edge::OtherThan(*rule, to)),
            Node::Sequence(parts) => parts.iter().fold(from, |from, part| self.add(part, from)),
            Node::Choice(choices) => {
                let to = self.state();
                for choice in choices {
                    let end = self.add(choice, from);
                    self.edge(end, Edge::Free(to));
                }
                to
            }
            Node::Repeat { of, least, most } => {
                let from = (0..*least).fold(from, |from, _| self.add(of, from));
                match most {
                    None => {
                        let again = self.step(from, Edge::Free);
                        let end = self.add(of, again);
                        self.edge(end, Edge::Free(again));
                        again
                    }
                    Some(most) => {
                        let to = self.state();
                        let last = (*least..*most).fold(from, |from, _| {
                            self.edge(from, Edge::Free(to));
                            self.add(of, from)
                        });
                        self.edge(last, Edge::Free(to));
                        to
                    }
                }
            }
        }
    }
}

/// The terminals that a text of a rule can begin with, or a superset. Keeps the recogniser from entering rules in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Starts {
    /// The terminals below 128, one bit each.
    ascii: u128,
    /// Whether there are terminals from 128 on.
    others: bool,
    /// Whether the text can be empty.
    with_nothing: bool,
}

impl Starts {
    const NOTHING: Starts = Starts { ascii: 0, others: false, with_nothing: true };

    fn has(self, terminal: u32) -> bool {
        if terminal < u128::BITS { self.ascii & (1 << terminal) != 0 } else { self.others }
    }

    fn or(self, other: Starts) -> Starts {
        Starts {
            ascii: self.ascii | other.ascii,
            others: self.others || other.others,
            with_nothing: self.with_nothing || other.with_nothing,
        }
    }

    /// The starts of a text of this followed by another.
    fn then(self, next: impl FnOnce() -> Starts) -> Starts {
        if self.with_nothing { Starts { with_nothing: false, ..self }.or(next()) } else { self }
    }
}

/// Computes the starts of each rule: the least fixed point, beginning with empty sets.
fn starts(bodies: &[Node]) -> Vec<Starts> {
    fn of(node: &Node, rules: &[Starts]) -> Starts {
        match node {
            Node::Range(first, last) => {
                let ascii = (*first..=(*last).min(127)).fold(0, |bits, terminal| bits | 1 << terminal);
                Starts { ascii, others: *last >= u128::BITS, with_nothing: false }
            }
            Node::Rule(rule) => rules[rule.0],
            Node::NotBefore(_) | Node::OtherThan(_) => Starts::NOTHING,
            Node::Choice(choices) => choices.iter().fold(Starts::default(), |all, choice| all.or(of(choice, rules))),
            Node::Sequence(parts) => parts.iter().fold(Starts::NOTHING, |all, part| all.then(|| of(part, rules))),
            Node::Repeat { of: inner, least, .. } => {
                let inner = of(inner, rules);
                if *least == 0 { inner.or(Starts::NOTHING) } else { inner }
            }
        }
    }
    let mut starts = vec![Starts::default(); bodies.len()];
    loop {
        let next: Vec<Starts> = bodies.iter().map(|body| of(body, &starts)).collect();
        if next == starts {
            return starts;
        }
        starts = next;
    }
}
