//! Texts, each held once and known by a number: the spellings of tag keys and tag values, and what they stand for.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::line_protocol::unescape_tag;
use crate::model::Text;

/// The number of a text.
pub(super) type Symbol = u32;

/// A table of texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    texts: Vec<Text>,
    /// For each text the symbol of what it stands for when it is read as the spelling of a tag key or value.
    meanings: Vec<Symbol>,
    table: HashTable<Symbol>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// The symbol of a text that is there.
    pub(super) fn get(&self, text: &[u8]) -> Option<Symbol> {
        let is_it = |symbol: &Symbol| self.texts[*symbol as usize].as_bytes() == text;
        self.table.find(self.hasher.hash_one(text), is_it).copied()
    }

    /// The symbol of a text, which is added if it is not there.
    pub(super) fn intern(&mut self, text: &[u8]) -> Symbol {
        if let Some(symbol) = self.get(text) {
            return symbol;
        }
        // Unescaping makes a text shorter, so this ends.
        let meaning = unescape_tag(text);
        let meaning = (*meaning != *text).then(|| self.intern(&meaning));
        let symbol = self.texts.len() as Symbol;
        self.texts.push(Text::from(text));
        self.meanings.push(meaning.unwrap_or(symbol));
        let Names { texts, table, hasher, .. } = self;
        let hash_of = |symbol: &Symbol| hasher.hash_one(texts[*symbol as usize].as_bytes());
        table.insert_unique(hasher.hash_one(text), symbol, hash_of);
        symbol
    }

    /// The text of a symbol.
    pub(super) fn text(&self, symbol: Symbol) -> &Text {
        &self.texts[symbol as usize]
    }

    /// What a spelling stands for.
    pub(super) fn meaning(&self, spelling: Symbol) -> Symbol {
        self.meanings[spelling as usize]
    }
}
