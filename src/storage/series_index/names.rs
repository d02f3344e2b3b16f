//! Interned texts: tag keys and tag values, raw and unescaped. Each is stored once and referred to by a number.

use fluxstone_model::Text;
use fluxstone_model::escape::unescape_tag;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::stored_hash::StoredHash;

/// The number of a text.
pub(super) type Symbol = u32;

/// The memory of a text in addition to its bytes: its allocation, and its entries in the tables.
const TEXT_BYTES: usize = 72;

/// A table of interned texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    texts: Vec<Text>,
    /// For each text, the symbol of its unescaped form.
    unescaped: Vec<Symbol>,
    table: HashTable<(Symbol, StoredHash)>,
    /// The length of all texts.
    bytes: usize,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// Returns the symbol of a text, if it is in the table.
    pub(super) fn get(&self, text: &[u8]) -> Option<Symbol> {
        self.find(text, StoredHash::of(&self.hasher, text))
    }

    /// Returns the symbol of a text, which is added if it is not in the table.
    pub(super) fn intern(&mut self, text: &[u8]) -> Symbol {
        let hash = StoredHash::of(&self.hasher, text);
        if let Some(symbol) = self.find(text, hash) {
            return symbol;
        }
        // Unescaping makes a text shorter, so this recursion ends.
        let unescaped = unescape_tag(text);
        let unescaped = (*unescaped != *text).then(|| self.intern(&unescaped));
        let symbol = self.texts.len() as Symbol;
        self.texts.push(Text::from(text));
        self.bytes += text.len();
        self.unescaped.push(unescaped.unwrap_or(symbol));
        self.table.insert_unique(hash.whole(), (symbol, hash), |(_, hash)| hash.whole());
        symbol
    }

    fn find(&self, text: &[u8], hash: StoredHash) -> Option<Symbol> {
        let is_it =
            |(symbol, known): &(Symbol, StoredHash)| *known == hash && self.texts[*symbol as usize].as_bytes() == text;
        self.table.find(hash.whole(), is_it).map(|(symbol, _)| *symbol)
    }

    /// The estimated memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes + self.texts.len() * TEXT_BYTES
    }

    /// Returns the text of a symbol.
    pub(super) fn text(&self, symbol: Symbol) -> &Text {
        &self.texts[symbol as usize]
    }

    /// Returns the symbol of the unescaped form of a raw text.
    pub(super) fn unescaped(&self, raw: Symbol) -> Symbol {
        self.unescaped[raw as usize]
    }
}
