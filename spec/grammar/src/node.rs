//! The tree of a grammar: rules by position, and the nodes that their definitions consist of.
//!
//! Also what is computed from the trees once, when a grammar is read: heights for the generator, borders for the mutator.

/// A rule of a grammar, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule(pub(super) usize);

/// The definition of a rule, or part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
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

/// The height of the lowest tree of each rule; `usize::MAX` for rules that derive nothing.
pub(super) fn heights(bodies: &[Node]) -> Vec<usize> {
    let mut heights = vec![usize::MAX; bodies.len()];
    loop {
        let next: Vec<usize> = bodies.iter().map(|body| height(body, &heights).saturating_add(1)).collect();
        if next == heights {
            return heights;
        }
        heights = next;
    }
}

pub(super) fn height(node: &Node, rules: &[usize]) -> usize {
    match node {
        Node::Range(..) | Node::NotBefore(_) | Node::OtherThan(_) | Node::Repeat { least: 0, .. } => 0,
        Node::Rule(rule) => rules[rule.0],
        Node::Choice(choices) => choices.iter().map(|choice| height(choice, rules)).min().unwrap_or(usize::MAX),
        Node::Sequence(parts) => parts.iter().map(|part| height(part, rules)).max().unwrap_or(0),
        Node::Repeat { of, .. } => height(of, rules),
    }
}

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
