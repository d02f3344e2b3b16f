//! Parses ABNF files.
//!
//! Supports all of RFC 5234's notation, the case-sensitive strings of RFC 7405, and the two forms of prose values that [`super`]
//! describes. Comments are removed and continuation lines joined first, so that each rule is then parsed from one line.

use std::collections::BTreeMap;

use super::node::{Node, Rule};

/// Why a text is not a grammar, with the first line of the rule where this was noticed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct AbnfError {
    line: usize,
    fault: Fault,
}

/// A mistake in a grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("expected {expected} at {rest:?}")]
    Expected { expected: &'static str, rest: String },
    #[error("a continuation line precedes the first rule")]
    NoRule,
    #[error("`{0}` is defined again")]
    Again(String),
    #[error("`{0}` has no definition that `=/` could add to")]
    NothingToAddTo(String),
    #[error("`{0}` is not defined")]
    Undefined(String),
    #[error("<{0}> is neither <not before RULE> nor <other than RULE>")]
    Prose(String),
    #[error("`{0}` is named by prose and uses prose itself")]
    ProseInProse(String),
    #[error("a number or a count is too large, or a range ends before it begins")]
    Number,
}

/// The rules of a file.
pub(super) struct Rules {
    pub(super) names: BTreeMap<String, Rule>,
    pub(super) bodies: Vec<Node>,
}

/// Parses the rules of `text`.
pub(super) fn read(text: &str) -> Result<Rules, AbnfError> {
    let mut table = Table::default();
    for (line, rule) in logical_lines(text)? {
        let mut reader = Reader { rest: &rule, line, table: &mut table };
        reader.rule().map_err(|fault| AbnfError { line, fault })?;
    }
    table.rules()
}

/// Returns the text of each rule on one line, without comments, and the number of its first line.
fn logical_lines(text: &str) -> Result<Vec<(usize, String)>, AbnfError> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line_number = at + 1;
        let line = without_comment(line);
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            lines.push((line_number, line.trim_end().to_owned()));
        } else if let Some((_, rule)) = lines.last_mut() {
            rule.push(' ');
            rule.push_str(line.trim());
        } else {
            return Err(AbnfError { line: line_number, fault: Fault::NoRule });
        }
    }
    Ok(lines)
}

/// Returns the part of a line before a semicolon that is in neither a string nor prose.
fn without_comment(line: &str) -> &str {
    let mut closed_by = None;
    for (at, c) in line.char_indices() {
        match (closed_by, c) {
            (None, ';') => return line.get(..at).unwrap_or(line),
            (None, '"') => closed_by = Some('"'),
            (None, '<') => closed_by = Some('>'),
            (Some(end), c) if c == end => closed_by = None,
            _ => {}
        }
    }
    line
}

/// The rules so far, including those that were used but not defined yet.
#[derive(Default)]
struct Table {
    names: BTreeMap<String, Rule>,
    rules: Vec<Named>,
    /// The rules that prose names, and the lines of the prose.
    in_prose: Vec<(Rule, usize)>,
}

/// A rule, the line where its name first occurred, and its definition once it is known.
struct Named {
    name: String,
    line: usize,
    body: Option<Node>,
}

impl Table {
    /// Returns the rule with this name, which is added if it is new.
    fn named(&mut self, name: &str, line: usize) -> Rule {
        let next = Rule(self.rules.len());
        let rule = *self.names.entry(name.to_ascii_lowercase()).or_insert(next);
        if rule == next {
            self.rules.push(Named { name: name.to_owned(), line, body: None });
        }
        rule
    }

    fn define(&mut self, rule: Rule, body: Node, adds: bool) -> Result<(), Fault> {
        let Named { name, body: place, .. } = &mut self.rules[rule.0];
        *place = Some(match (place.take(), adds) {
            (None, false) => body,
            (Some(before), true) => Node::Choice(vec![before, body]),
            (Some(_), false) => return Err(Fault::Again(name.clone())),
            (None, true) => return Err(Fault::NothingToAddTo(name.clone())),
        });
        Ok(())
    }

    /// Returns all rules, each with its definition.
    fn rules(self) -> Result<Rules, AbnfError> {
        let body = |Named { name, line, body }| body.ok_or(AbnfError { line, fault: Fault::Undefined(name) });
        let names_of: Vec<String> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        let bodies = self.rules.into_iter().map(body).collect::<Result<Vec<Node>, AbnfError>>()?;
        for (rule, line) in self.in_prose {
            if let Some(Rule(at)) = with_prose(&bodies, rule) {
                return Err(AbnfError { line, fault: Fault::ProseInProse(names_of[at].clone()) });
            }
        }
        Ok(Rules { names: self.names, bodies })
    }
}

/// Returns a rule with prose among `rule` and the rules that it uses.
fn with_prose(bodies: &[Node], rule: Rule) -> Option<Rule> {
    fn visit(node: &Node, prose: &mut bool, used: &mut Vec<Rule>) {
        match node {
            Node::Choice(nodes) | Node::Sequence(nodes) => nodes.iter().for_each(|node| visit(node, prose, used)),
            Node::Repeat { of, .. } => visit(of, prose, used),
            Node::Rule(rule) if !used.contains(rule) => used.push(*rule),
            Node::Rule(_) | Node::Range(..) => {}
            Node::NotBefore(_) | Node::OtherThan(_) => *prose = true,
        }
    }
    let mut needed = vec![rule];
    let mut at = 0;
    while let Some(&Rule(next)) = needed.get(at) {
        let mut prose = false;
        visit(&bodies[next], &mut prose, &mut needed);
        if prose {
            return Some(Rule(next));
        }
        at += 1;
    }
    None
}

/// Parses one rule from left to right.
struct Reader<'t> {
    rest: &'t str,
    line: usize,
    table: &'t mut Table,
}

type Read<T> = Result<T, Fault>;

impl<'t> Reader<'t> {
    fn expected<T>(&self, expected: &'static str) -> Read<T> {
        Err(Fault::Expected { expected, rest: self.rest.to_owned() })
    }

    /// Consumes `text`, if it comes next.
    fn take(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).inspect(|rest| self.rest = rest).is_some()
    }

    /// Consumes all characters for which `wanted` is true.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn blanks(&mut self) -> bool {
        !self.take_while(|c| c == ' ' || c == '\t').is_empty()
    }

    /// `name = elements` or `name =/ elements`.
    fn rule(&mut self) -> Read<()> {
        let rule = self.name()?;
        self.blanks();
        let adds = self.take("=/");
        if !adds && !self.take("=") {
            return self.expected("`=` or `=/`");
        }
        self.blanks();
        let body = self.alternation()?;
        if !self.rest.is_empty() {
            return self.expected("the end of the rule");
        }
        self.table.define(rule, body, adds)
    }

    fn name(&mut self) -> Read<Rule> {
        if !self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.expected("the name of a rule");
        }
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '-');
        Ok(self.table.named(name, self.line))
    }

    /// `a / b / c`
    fn alternation(&mut self) -> Read<Node> {
        let mut choices = vec![self.concatenation()?];
        while self.take("/") {
            self.blanks();
            choices.push(self.concatenation()?);
        }
        Ok(if choices.len() == 1 { choices.remove(0) } else { Node::Choice(choices) })
    }

    /// `a b c`, and the blanks after it.
    fn concatenation(&mut self) -> Read<Node> {
        let mut parts = vec![self.repetition()?];
        while self.blanks() && !self.rest.is_empty() && !self.rest.starts_with(['/', ')', ']']) {
            parts.push(self.repetition()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Sequence(parts) })
    }

    /// `a`, `3a`, `*a`, `2*a`, `*5a` or `2*5a`.
    fn repetition(&mut self) -> Read<Node> {
        let count = |digits: &str| digits.parse().map_err(|_| Fault::Number);
        let least = self.take_while(|c| c.is_ascii_digit());
        let (least, most) = if self.take("*") {
            let most = self.take_while(|c| c.is_ascii_digit());
            let least = if least.is_empty() { 0 } else { count(least)? };
            (least, if most.is_empty() { None } else { Some(count(most)?) })
        } else if least.is_empty() {
            return self.element();
        } else {
            (count(least)?, Some(count(least)?))
        };
        if most.is_some_and(|most| most < least) {
            return Err(Fault::Number);
        }
        Ok(Node::Repeat { of: Box::new(self.element()?), least, most })
    }

    fn element(&mut self) -> Read<Node> {
        if self.take("(") {
            return self.group(")");
        }
        if self.take("[") {
            return Ok(Node::Repeat { of: Box::new(self.group("]")?), least: 0, most: Some(1) });
        }
        if self.take("\"") || self.take("%i\"") || self.take("%I\"") {
            return Ok(string(self.until('"')?, false));
        }
        if self.take("%s\"") || self.take("%S\"") {
            return Ok(string(self.until('"')?, true));
        }
        if self.take("%") {
            return self.number_value();
        }
        if self.take("<") {
            return self.prose();
        }
        self.name().map(Node::Rule)
    }

    /// The contents of brackets, including the closing one.
    fn group(&mut self, close: &'static str) -> Read<Node> {
        self.blanks();
        let inside = self.alternation()?;
        if self.take(close) { Ok(inside) } else { self.expected("a closing bracket") }
    }

    /// The text before `close`, which must be printable ASCII.
    fn until(&mut self, close: char) -> Read<&'t str> {
        let inside = self.take_while(|c| c != close && (' '..='~').contains(&c));
        if self.take(close.encode_utf8(&mut [0; 4])) {
            Ok(inside)
        } else {
            self.expected("the end of a string or prose")
        }
    }

    /// `x41`, `d65`, `b1000001`, `x41-5A` or `x41.42.43`, after the `%`.
    fn number_value(&mut self) -> Read<Node> {
        let radix = match self.rest.as_bytes().first() {
            Some(b'x' | b'X') => 16,
            Some(b'd' | b'D') => 10,
            Some(b'b' | b'B') => 2,
            _ => return self.expected("`x`, `d`, `b`, or a string after `s` or `i`"),
        };
        self.rest = &self.rest[1..];
        let first = self.number(radix)?;
        if self.take("-") {
            let last = self.number(radix)?;
            return if first <= last { Ok(Node::Range(first, last)) } else { Err(Fault::Number) };
        }
        if !self.rest.starts_with('.') {
            return Ok(Node::Range(first, first));
        }
        let mut values = vec![Node::Range(first, first)];
        while self.take(".") {
            let value = self.number(radix)?;
            values.push(Node::Range(value, value));
        }
        Ok(Node::Sequence(values))
    }

    fn number(&mut self, radix: u32) -> Read<u32> {
        let digits = self.take_while(|c| c.is_digit(radix));
        if digits.is_empty() {
            return self.expected("a digit");
        }
        u32::from_str_radix(digits, radix).map_err(|_| Fault::Number)
    }

    /// One of the two supported forms of prose, after the `<`.
    fn prose(&mut self) -> Read<Node> {
        let prose = self.until('>')?;
        let (node, name): (fn(Rule) -> Node, &str) =
            match (prose.strip_prefix("not before "), prose.strip_prefix("other than ")) {
                (Some(name), _) => (Node::NotBefore, name),
                (_, Some(name)) => (Node::OtherThan, name),
                _ => return Err(Fault::Prose(prose.to_owned())),
            };
        let line = self.line;
        let mut name = Reader { rest: name, line, table: &mut *self.table };
        let rule = name.name()?;
        if !name.rest.is_empty() {
            return Err(Fault::Prose(prose.to_owned()));
        }
        self.table.in_prose.push((rule, line));
        Ok(node(rule))
    }
}

/// A string, whose letters match both cases unless it is `exact`.
fn string(text: &str, exact: bool) -> Node {
    let character = |c: char| {
        let (lower, upper) = (u32::from(c.to_ascii_lowercase()), u32::from(c.to_ascii_uppercase()));
        if exact || lower == upper {
            Node::Range(c.into(), c.into())
        } else {
            Node::Choice(vec![Node::Range(lower, lower), Node::Range(upper, upper)])
        }
    };
    Node::Sequence(text.chars().map(character).collect())
}
