//! Texts, each held once and known by a number: the spellings of tag keys and tag values, and what they stand for.

use fluxstone_model::Text;
use fluxstone_model::escape::unescape_tag;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::stored_hash::StoredHash;

/// The number of a text.
pub(super) type Symbol = u32;

/// A table of texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    texts: Vec<Text>,
    /// For each text the symbol of what it stands for when it is read as the spelling of a tag key or value.
    meanings: Vec<Symbol>,
    table: HashTable<(Symbol, StoredHash)>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// The symbol of a text that is there.
    pub(super) fn get(&self, text: &[u8]) -> Option<Symbol> {
        self.find(text, StoredHash::of(&self.hasher, text))
    }

    /// The symbol of a text, which is added if it is not there.
    pub(super) fn intern(&mut self, text: &[u8]) -> Symbol {
        let hash = StoredHash::of(&self.hasher, text);
        if let Some(symbol) = self.find(text, hash) {
            return symbol;
        }
        // Unescaping makes a text shorter, so this ends.
        let meaning = unescape_tag(text);
        let meaning = (*meaning != *text).then(|| self.intern(&meaning));
        let symbol = self.texts.len() as Symbol;
        self.texts.push(Text::from(text));
        self.meanings.push(meaning.unwrap_or(symbol));
        self.table.insert_unique(hash.whole(), (symbol, hash), |(_, hash)| hash.whole());
        symbol
    }

    fn find(&self, text: &[u8], hash: StoredHash) -> Option<Symbol> {
        let is_it =
            |(symbol, known): &(Symbol, StoredHash)| *known == hash && self.texts[*symbol as usize].as_bytes() == text;
        self.table.find(hash.whole(), is_it).map(|(symbol, _)| *symbol)
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
