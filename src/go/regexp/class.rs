//! Reads the character classes and escapes of RE2, and writes them in the syntax of the `regex` crate. Names that RE2 does not
//! know are refused. Everything else in a pattern is left to `translate`.

use std::fmt::{self, Display, Write as _};

use super::error::{Reason, RegexError};

/// A set of characters, which displays in the syntax of the `regex` crate.
#[derive(Debug, Default)]
pub(super) struct Class {
    negated: bool,
    items: Vec<Item>,
}

#[derive(Debug)]
enum Item {
    Range(char, char),
    /// All characters but these. Not complemented here, because the engine must first add their other cases if case is ignored.
    AllBut(&'static [(char, char)]),
    /// A property by name, or all characters without it.
    Property {
        name: String,
        negated: bool,
    },
}

impl Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negated { "[^" } else { "[" })?;
        for item in &self.items {
            match item {
                Item::Range(first, last) => range_text(f, (*first, *last))?,
                Item::AllBut(ranges) => {
                    f.write_str("[^")?;
                    ranges.iter().try_for_each(|range| range_text(f, *range))?;
                    f.write_char(']')?;
                }
                // In RE2 unassigned characters have no category.
                Item::Property { name, negated: false } if name == "C" => f.write_str(r"\p{Cc}\p{Cf}\p{Co}")?,
                Item::Property { name, negated: true } if name == "C" => f.write_str(r"[^\p{Cc}\p{Cf}\p{Co}]")?,
                Item::Property { name, negated: false } => write!(f, "\\p{{{name}}}")?,
                Item::Property { name, negated: true } => write!(f, "\\P{{{name}}}")?,
            }
        }
        f.write_char(']')
    }
}

fn range_text(f: &mut fmt::Formatter<'_>, (first, last): (char, char)) -> fmt::Result {
    write!(f, "\\x{{{:X}}}-\\x{{{:X}}}", first as u32, last as u32)
}

impl Class {
    /// Adds the characters of `ranges`, or all others if `negated`.
    fn add(&mut self, ranges: &'static [(char, char)], negated: bool) {
        if negated {
            self.items.push(Item::AllBut(ranges));
        } else {
            self.items.extend(ranges.iter().map(|(first, last)| Item::Range(*first, *last)));
        }
    }
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// The classes written `[:name:]`.
const NAMED: &[(&str, &[(char, char)])] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\u{7f}')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

/// The general categories of Unicode that RE2 names, without surrogates, which are not characters.
#[rustfmt::skip]
const CATEGORIES: &[&str] = &[
    "Any", "C", "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// The scripts of Unicode 8, by the only names that RE2 knows.
#[rustfmt::skip]
const SCRIPTS: &[&str] = &[
    "Ahom", "Anatolian_Hieroglyphs", "Arabic", "Armenian", "Avestan", "Balinese", "Bamum", "Bassa_Vah", "Batak", "Bengali",
    "Bopomofo", "Brahmi", "Braille", "Buginese", "Buhid", "Canadian_Aboriginal", "Carian", "Caucasian_Albanian", "Chakma", "Cham",
    "Cherokee", "Common", "Coptic", "Cuneiform", "Cypriot", "Cyrillic", "Deseret", "Devanagari", "Duployan",
    "Egyptian_Hieroglyphs", "Elbasan", "Ethiopic", "Georgian", "Glagolitic", "Gothic", "Grantha", "Greek", "Gujarati", "Gurmukhi",
    "Han", "Hangul", "Hanunoo", "Hatran", "Hebrew", "Hiragana", "Imperial_Aramaic", "Inherited", "Inscriptional_Pahlavi",
    "Inscriptional_Parthian", "Javanese", "Kaithi", "Kannada", "Katakana", "Kayah_Li", "Kharoshthi", "Khmer", "Khojki",
    "Khudawadi", "Lao", "Latin", "Lepcha", "Limbu", "Linear_A", "Linear_B", "Lisu", "Lycian", "Lydian", "Mahajani", "Malayalam",
    "Mandaic", "Manichaean", "Meetei_Mayek", "Mende_Kikakui", "Meroitic_Cursive", "Meroitic_Hieroglyphs", "Miao", "Modi",
    "Mongolian", "Mro", "Multani", "Myanmar", "Nabataean", "New_Tai_Lue", "Nko", "Ogham", "Ol_Chiki", "Old_Hungarian",
    "Old_Italic", "Old_North_Arabian", "Old_Permic", "Old_Persian", "Old_South_Arabian", "Old_Turkic", "Oriya", "Osmanya",
    "Pahawh_Hmong", "Palmyrene", "Pau_Cin_Hau", "Phags_Pa", "Phoenician", "Psalter_Pahlavi", "Rejang", "Runic", "Samaritan",
    "Saurashtra", "Sharada", "Shavian", "Siddham", "SignWriting", "Sinhala", "Sora_Sompeng", "Sundanese", "Syloti_Nagri",
    "Syriac", "Tagalog", "Tagbanwa", "Tai_Le", "Tai_Tham", "Tai_Viet", "Takri", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan",
    "Tifinagh", "Tirhuta", "Ugaritic", "Vai", "Warang_Citi", "Yi",
];

/// Returns what of `before` precedes `after`, which is its end.
pub(super) fn consumed<'p>(before: &'p str, after: &str) -> &'p str {
    before.get(..before.len().saturating_sub(after.len())).unwrap_or(before)
}

/// Reads the class in brackets at the beginning of `text`. Returns the class and the rest.
pub(super) fn bracket(text: &str) -> Result<(Class, &str), RegexError> {
    let mut class = Class::default();
    let inside = text.strip_prefix('[').unwrap_or(text);
    let mut rest = inside;
    if let Some(after) = inside.strip_prefix('^') {
        class.negated = true;
        rest = after;
    }
    // A closing bracket that comes first is an ordinary character.
    let mut first = true;
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !first) {
            return Ok((class, after));
        }
        first = false;
        if let Some(after) = named(rest, &mut class)? {
            rest = after;
        } else if let Some((inner, after)) = escaped(rest)? {
            class.items.extend(inner.items);
            rest = after;
        } else {
            rest = range(text, rest, &mut class)?;
        }
    }
}

/// Reads a character, or a range of them, in the class that begins with `whole`. Returns the rest.
fn range<'p>(whole: &str, text: &'p str, class: &mut Class) -> Result<&'p str, RegexError> {
    let (first, mut rest) = member(whole, text)?;
    let mut last = first;
    // A dash before the closing bracket is an ordinary character.
    if let Some(after) = rest.strip_prefix('-').filter(|after| !after.is_empty() && !after.starts_with(']')) {
        (last, rest) = member(whole, after)?;
        if last < first {
            return Err(Reason::CharacterRange.at(consumed(text, rest)));
        }
    }
    class.items.push(Item::Range(first, last));
    Ok(rest)
}

/// Reads one character in the class that begins with `whole`. Returns the character and the rest.
fn member<'p>(whole: &str, text: &'p str) -> Result<(char, &'p str), RegexError> {
    if text.starts_with('\\') {
        return escape(text);
    }
    let mut chars = text.chars();
    let c = chars.next().ok_or_else(|| Reason::MissingBracket.at(whole))?;
    Ok((c, chars.as_str()))
}

/// Reads `[:name:]` or `[:^name:]` at the beginning of `text` and adds it to `class`. Returns the rest.
fn named<'p>(text: &'p str, class: &mut Class) -> Result<Option<&'p str>, RegexError> {
    let Some((name, after)) = text.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) else { return Ok(None) };
    let positive = name.strip_prefix('^');
    let wanted = positive.unwrap_or(name);
    let Some((_, ranges)) = NAMED.iter().find(|(name, _)| *name == wanted) else {
        return Err(Reason::CharacterRange.at(consumed(text, after)));
    };
    class.add(ranges, positive.is_some());
    Ok(Some(after))
}

/// Reads a class such as `\d` or `\pL` at the beginning of `text`. Returns the class and the rest.
pub(super) fn escaped(text: &str) -> Result<Option<(Class, &str)>, RegexError> {
    let mut chars = text.chars();
    if chars.next() != Some('\\') {
        return Ok(None);
    }
    let letter = chars.next();
    let after = chars.as_str();
    let ranges = match letter {
        Some('p' | 'P') => return property(text, letter == Some('P'), after).map(Some),
        Some('d' | 'D') => DIGIT,
        Some('s' | 'S') => SPACE,
        Some('w' | 'W') => WORD,
        _ => return Ok(None),
    };
    let mut class = Class::default();
    class.add(ranges, letter.is_some_and(char::is_uppercase));
    Ok(Some((class, after)))
}

/// Reads the name of a property after `\p` or `\P`: one letter, or a text in braces, in which `^` negates.
fn property<'p>(text: &str, negated: bool, after: &'p str) -> Result<(Class, &'p str), RegexError> {
    let (name, after) = match after.strip_prefix('{') {
        Some(inside) => inside.split_once('}').ok_or_else(|| Reason::CharacterRange.at(text))?,
        None => after.split_at_checked(after.chars().next().map_or(0, char::len_utf8)).unwrap_or((after, "")),
    };
    let positive = name.strip_prefix('^');
    let property = positive.unwrap_or(name);
    if !CATEGORIES.contains(&property) && !SCRIPTS.contains(&property) {
        return Err(Reason::CharacterRange.at(consumed(text, after)));
    }
    let item = Item::Property { name: property.to_owned(), negated: negated != positive.is_some() };
    Ok((Class { negated: false, items: vec![item] }, after))
}

/// Reads the escape of a character at the beginning of `text`. Returns the character and the rest.
pub(super) fn escape(text: &str) -> Result<(char, &str), RegexError> {
    let mut chars = text.chars();
    chars.next();
    let Some(letter) = chars.next() else { return Err(Reason::TrailingBackslash.at("")) };
    let after = chars.as_str();
    let wrong = |after: &str| Err(Reason::Escape.at(consumed(text, after)));
    let octal = |c: char| c.is_digit(8);
    match letter {
        // A single digit other than zero would be a reference to a group.
        '1'..='7' if !after.starts_with(octal) => wrong(after),
        '0'..='7' => {
            let more = after.chars().take(2).take_while(|c| octal(*c)).count();
            let (digits, rest) = after.split_at_checked(more).unwrap_or(("", after));
            let value = u32::from_str_radix(&format!("{letter}{digits}"), 8).unwrap_or(0);
            Ok((char::from_u32(value).unwrap_or('\0'), rest))
        }
        'x' => hexadecimal(text, after),
        'a' => Ok(('\u{7}', after)),
        'f' => Ok(('\u{c}', after)),
        'n' => Ok(('\n', after)),
        'r' => Ok(('\r', after)),
        't' => Ok(('\t', after)),
        'v' => Ok(('\u{b}', after)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c, after)),
        _ => wrong(after),
    }
}

/// Reads the digits after `\x`: two, or any number of them in braces.
fn hexadecimal<'p>(text: &str, after: &'p str) -> Result<(char, &'p str), RegexError> {
    let braces = after.strip_prefix('{');
    let digits = braces.unwrap_or(after);
    let mut value: u32 = 0;
    let mut count = 0;
    let mut chars = digits.chars();
    while braces.is_some() || count < 2 {
        let rest = chars.as_str();
        let Some(c) = chars.next() else { return Err(Reason::Escape.at(consumed(text, rest))) };
        if c == '}' && braces.is_some() && count > 0 {
            break;
        }
        let digit = c.to_digit(16);
        value = digit.map_or(u32::MAX, |digit| value.saturating_mul(16).saturating_add(digit));
        if value > char::MAX as u32 {
            return Err(Reason::Escape.at(consumed(text, chars.as_str())));
        }
        count += 1;
    }
    // Surrogates are not characters and match nothing; the replacement character comes closest.
    Ok((char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_knows_all_properties() {
        for name in CATEGORIES.iter().chain(SCRIPTS) {
            for escape in [format!("\\p{{{name}}}"), format!("\\P{{{name}}}")] {
                let (class, _) = escaped(&escape).unwrap().unwrap();
                assert!(regex::bytes::Regex::new(&class.to_string()).is_ok(), "{escape}");
            }
        }
    }
}
