//! The names in one file of a crate: its modules, items, `use` declarations, and paths to other modules.

use std::collections::BTreeSet;

use super::tokens::{self, Token};

/// The names in one source file, without its tests.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The modules that the file declares with `mod x;`, as paths from the file's own module.
    pub(super) children: Vec<Vec<String>>,
    /// The modules whose bodies are in the file, as paths from the file's own module.
    pub(super) inline: Vec<Vec<String>>,
    /// The names of the items that it defines.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Paths in code that is not a `use` declaration.
    pub(super) paths: Vec<Reference>,
    /// The names that the code uses without a path.
    pub(super) bare: BTreeSet<String>,
}

/// One name that a `use` declaration brings into scope.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) reference: Reference,
    /// The name that it has in this file; `*` for all names of a module.
    pub(super) name: String,
    /// Whether the declaration is a re-export (`pub use`, `pub(crate) use`).
    pub(super) is_exported: bool,
}

/// A path, and where it is.
#[derive(Debug)]
pub(super) struct Reference {
    /// The module that it is relative to, as a path from the file's own module.
    pub(super) module: Vec<String>,
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

const ITEM_KEYWORDS: [&str; 7] = ["struct", "enum", "fn", "trait", "type", "const", "static"];

impl Source {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Source {
        let tokens = tokens::without_tests(text);
        let mut reader = Reader { tokens: &tokens, at: 0, depth: 0, inline: Vec::new(), source: Source::default() };
        while reader.at < tokens.len() {
            reader.step();
        }
        reader.source
    }
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    /// Open braces.
    depth: usize,
    /// The modules around the current token, with the depth of their braces.
    inline: Vec<(String, usize)>,
    source: Source,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    /// The text of the token before the current one.
    fn previous(&self) -> &str {
        self.at.checked_sub(1).map_or("", |at| self.text(at))
    }

    fn module(&self) -> Vec<String> {
        self.inline.iter().map(|(name, _)| name.clone()).collect()
    }

    fn step(&mut self) {
        let (word, next) = (self.text(self.at).to_owned(), self.text(self.at + 1).to_owned());
        match word.as_str() {
            "{" => self.depth += 1,
            "}" => {
                if self.inline.last().is_some_and(|(_, depth)| *depth == self.depth) {
                    self.inline.pop();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            "mod" => return self.declare_module(next),
            "use" if next != "<" => return self.read_use(),
            "macro_rules" => drop(self.source.items.insert(self.text(self.at + 2).to_owned())),
            _ if ITEM_KEYWORDS.contains(&word.as_str()) => drop(self.source.items.insert(next)),
            _ if !is_name(&word) || matches!(self.previous(), "::" | "." | "in") => {}
            _ if next == "::" => return self.read_path(),
            _ if ITEM_KEYWORDS.contains(&self.previous()) => {}
            _ if is_type(&word) || matches!(next.as_str(), "(" | "!") => drop(self.source.bare.insert(word)),
            _ => {}
        }
        self.at += 1;
    }

    fn declare_module(&mut self, name: String) {
        let mut path = self.module();
        path.push(name.clone());
        if self.text(self.at + 2) == "{" {
            self.source.inline.push(path);
            self.depth += 1;
            self.inline.push((name, self.depth));
        } else {
            self.source.children.push(path);
        }
        self.at += 3;
    }

    fn read_path(&mut self) {
        let line = self.tokens[self.at].line;
        let mut segments = vec![self.text(self.at).to_owned()];
        while self.text(self.at + 1) == "::" && is_name(self.text(self.at + 2)) {
            self.at += 2;
            segments.push(self.text(self.at).to_owned());
        }
        self.at += 1;
        self.source.paths.push(Reference { module: self.module(), segments, line });
    }

    /// Reads a `use` declaration with all the names in its braces.
    fn read_use(&mut self) {
        let is_exported = matches!(self.previous(), "pub" | ")");
        self.at += 1;
        self.read_use_tree(&mut Vec::new(), is_exported);
    }

    fn read_use_tree(&mut self, prefix: &mut Vec<String>, is_exported: bool) {
        let depth = prefix.len();
        while self.at < self.tokens.len() {
            let (word, line) = (self.text(self.at).to_owned(), self.tokens[self.at].line);
            self.at += 1;
            match word.as_str() {
                "::" => {}
                "{" => {
                    while !matches!(self.text(self.at), "}" | "") {
                        self.read_use_tree(prefix, is_exported);
                        if self.text(self.at) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    break;
                }
                _ => {
                    if word != "self" || prefix.is_empty() {
                        prefix.push(word);
                    }
                    if self.text(self.at) == "::" {
                        continue;
                    }
                    let mut name = prefix.last().cloned().unwrap_or_default();
                    if self.text(self.at) == "as" {
                        self.text(self.at + 1).clone_into(&mut name);
                        self.at += 2;
                    }
                    let reference = Reference { module: self.module(), segments: prefix.clone(), line };
                    self.source.imports.push(Import { reference, name, is_exported });
                    break;
                }
            }
        }
        prefix.truncate(depth);
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_type(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_declarations_are_expanded() {
        let source = Source::parse("pub(crate) use super::a::{self, B as C, d::{E, *}};\nuse crate::f;");
        let imports: Vec<_> = source
            .imports
            .iter()
            .map(|import| (import.reference.segments.join("::"), import.name.as_str(), import.is_exported))
            .collect();
        let expected = [
            ("super::a", "a", true),
            ("super::a::B", "C", true),
            ("super::a::d::E", "E", true),
            ("super::a::d::*", "*", true),
            ("crate::f", "f", false),
        ];
        assert_eq!(imports, expected.map(|(path, name, exported)| (path.to_owned(), name, exported)));
    }

    #[test]
    fn paths_in_code_are_relative_to_the_module_around_them() {
        let source = Source::parse("mod a { fn f() { super::g::<u8>(); } }\nfn h() { crate::b::C::new(); }");
        let paths: Vec<_> =
            source.paths.iter().map(|path| (path.module.join("::"), path.segments.join("::"), path.line)).collect();
        assert_eq!(
            paths,
            [("a".to_owned(), "super::g".to_owned(), 1), (String::new(), "crate::b::C::new".to_owned(), 2)]
        );
    }

    #[test]
    fn modules_and_items_are_declared() {
        let source = Source::parse("mod a;\npub mod b { mod c; }\nstruct D;\npub const fn e() -> D { D }");
        assert_eq!(source.children, [vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]]);
        assert!(source.items.contains("D") && source.items.contains("e"));
        assert!(source.bare.contains("D"));
    }
}
