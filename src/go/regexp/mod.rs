//! Regular expressions. InfluxQL documents the syntax of RE2; the `regex` crate has its own.
//!
//! [`compile`] reads the pattern as RE2 does, refuses what RE2 refuses in RE2's words, and gives the engine an equivalent
//! pattern in its own syntax. So `\d`, `\s`, `\w` and `\b` are ASCII, `{` is a literal unless it begins a repetition,
//! `\Q...\E` quotes, and none of the engine's extensions (`(?x)`, `[a&&b]`, `\u{..}`, `\<`) exist.
//!
//! Recently compiled patterns are kept ([`recent`]), since dashboards send the same ones again and again.
//!
//! A pattern that lists whole texts, such as `^(a|b)$`, becomes a set ([`mod@literals`]) and needs no automaton.
//!
//! Two differences remain: properties are those of a newer Unicode, and a pattern whose compiled form is larger than
//! [`COMPILED_BYTES_MAX`] or that nests deeper than the engine's limit is refused.

mod class;
mod compiled;
mod error;
mod literals;
mod recent;
mod translate;

use std::sync::Arc;

use compiled::Form;
pub use compiled::Regex;
use error::Reason;
pub use error::RegexError;
use literals::{literal_bytes_max, literals, may_be_literals};
use recent::Recent;
use translate::translate;

/// The sizes that a compiled pattern is tried with, the smallest first: bytes of the automaton, and of the states that matching
/// makes. The last is the largest that is accepted.
const SIZES: [(usize, usize); 3] = [(16 << 10, 128 << 10), (256 << 10, 512 << 10), (COMPILED_BYTES_MAX, 2 << 20)];

/// The most bytes of memory that the automaton of a pattern may take.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// The most bytes of memory that a pattern may take to be kept for further queries.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// The most bytes that reading a pattern takes for each of its own bytes, and for each class of Unicode characters in it.
const READING_COST: (usize, usize) = (256, 16 << 10);

static RECENT: Recent = Recent::new();

/// Compiles the text between the slashes, `\/` already unescaped.
///
/// # Errors
/// The first fault that RE2 would report, or that the pattern is too large.
pub fn compile(pattern: &str) -> Result<Regex, RegexError> {
    compile_within(pattern, &mut |_| Ok(())).map_err(|refused| match refused {
        Refused::Invalid(error) | Refused::Memory(error) => error,
    })
}

/// Why a pattern was not compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused<E> {
    /// It is invalid or too large.
    Invalid(RegexError),
    /// Its memory was not granted.
    Memory(E),
}

/// Compiles as [`compile`] does. Calls `charge` with the bytes of memory that the pattern takes, before it takes them; a pattern that
/// was compiled recently takes none.
///
/// # Errors
/// Those of [`compile`], and the first one of `charge`.
pub fn compile_within<E>(pattern: &str, charge: &mut dyn FnMut(usize) -> Result<(), E>) -> Result<Regex, Refused<E>> {
    if let Some(regex) = RECENT.find(pattern) {
        return Ok(regex);
    }
    if may_be_literals(pattern) {
        return literals_within(pattern, charge);
    }
    let classes = pattern.matches("\\p").count() + pattern.matches("\\P").count();
    let reading = pattern.len().saturating_mul(READING_COST.0).saturating_add(classes.saturating_mul(READING_COST.1));
    charge(reading).map_err(Refused::Memory)?;
    let translated = translate(pattern).map_err(Refused::Invalid)?;
    let mut charged = 0;
    for (automaton, states) in SIZES {
        // One automaton for each direction.
        let bytes = 2 * (automaton + states);
        charge(bytes - charged).map_err(Refused::Memory)?;
        charged = bytes;
        let mut builder = regex::bytes::RegexBuilder::new(&translated);
        match builder.size_limit(automaton).dfa_size_limit(states).build() {
            Ok(compiled) => {
                let regex = Regex { text: pattern.to_owned(), form: Arc::new(Form::Automaton(compiled)) };
                if automaton <= KEPT_BYTES_MAX {
                    RECENT.keep(regex.clone());
                }
                return Ok(regex);
            }
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => return Err(Refused::Invalid(Reason::Unsupported.at(pattern))),
        }
    }
    Err(Refused::Invalid(Reason::TooLarge.at(pattern)))
}

/// Compiles a list of whole texts. Charges it twice, since conditions on tags make a sorted copy.
fn literals_within<E>(pattern: &str, charge: &mut dyn FnMut(usize) -> Result<(), E>) -> Result<Regex, Refused<E>> {
    let bytes = literal_bytes_max(pattern);
    charge(bytes.saturating_mul(2)).map_err(Refused::Memory)?;
    let texts = literals(pattern).ok_or_else(|| Refused::Invalid(Reason::Unsupported.at(pattern)))?;
    let regex = Regex { text: pattern.to_owned(), form: Arc::new(Form::Literals(texts)) };
    if bytes <= KEPT_BYTES_MAX {
        RECENT.keep(regex.clone());
    }
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: influxql.regex.3
    #[test]
    fn an_invalid_byte_matches_as_one_character() {
        let regex = |text: &str| compile(text).unwrap();
        assert!(regex("^m.$").is_match(b"m\xff"));
        assert!(!regex("^m$").is_match(b"m\xff"));
    }

    fn refused(pattern: &str) -> String {
        compile(pattern).unwrap_err().to_string().replace("error parsing regexp: ", "")
    }

    // spec: influxql.regex.2
    #[test]
    fn patterns_that_re2_refuses_are_refused_in_its_words() {
        for (pattern, message) in [
            ("[a", "missing closing ]: `[a`"),
            ("x[a", "missing closing ]: `[a`"),
            ("[a\\", "trailing backslash at end of expression: ``"),
            ("(a", "missing closing ): `(a`"),
            ("x(a(b)", "missing closing ): `x(a(b)`"),
            ("a)", "unexpected ): `a)`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("* x *", "missing argument to repetition operator: `*`"),
            ("(+?a)", "missing argument to repetition operator: `+?`"),
            ("a|?", "missing argument to repetition operator: `?`"),
            ("{2}", "missing argument to repetition operator: `{2}`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a+{2}?b", "invalid nested repetition operator: `+{2}?`"),
            ("a???", "invalid nested repetition operator: `???`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?<n>a)", "invalid or unsupported Perl syntax: `(?<`"),
            ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            ("(?P<x y>a)", "invalid named capture: `(?P<x y>`"),
            ("(a)\\1", "invalid escape sequence: `\\1`"),
            ("\\q", "invalid escape sequence: `\\q`"),
            ("\\C", "invalid escape sequence: `\\C`"),
            ("\\x4", "invalid escape sequence: `\\x4`"),
            ("\\x{110000}", "invalid escape sequence: `\\x{110000`"),
            ("[\\b]", "invalid escape sequence: `\\b`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("(a{100}){11}", "invalid repeat count: `{11}`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:no:]]", "invalid character class range: `[:no:]`"),
            ("\\p{Klingon}", "invalid character class range: `\\p{Klingon}`"),
            ("\\pX", "invalid character class range: `\\pX`"),
            ("\\p{greek}", "invalid character class range: `\\p{greek}`"),
            ("\\p{Grek}", "invalid character class range: `\\p{Grek}`"),
            ("\\P{Alphabetic}", "invalid character class range: `\\P{Alphabetic}`"),
            ("\\p{Letter}", "invalid character class range: `\\p{Letter}`"),
        ] {
            assert_eq!(refused(pattern), message, "{pattern}");
        }
    }

    // spec: influxql.regex.3, influxql.regex.5
    #[test]
    fn patterns_mean_what_they_mean_in_re2() {
        for (pattern, matching, other) in [
            ("nor", "the north", "south"),
            ("", "anything", "\0"),
            ("^nor$", "nor", "nor\n"),
            ("^(?i)NOR", "north", "xnorth"),
            ("(?i:A)b", "ab", "aB"),
            ("^a.c$", "abc", "a\nc"),
            ("(?s)^a.c$", "a\nc", "ac"),
            ("(?m)^b$", "a\nb", "ab"),
            ("^\\w+$", "ab_1", "é"),
            ("^\\W$", "é", "a"),
            ("^\\d$", "7", "٣"),
            ("^[^\\d]$", "٣", "7"),
            ("^\\s$", "\t", "\u{b}"),
            ("^[\\sx]$", "x", "\u{a0}"),
            ("^[\\Da]$", "a", "1"),
            ("^\\pL+$", "é", "1"),
            ("^\\PL$", "1", "é"),
            ("^\\p{^Greek}$", "a", "α"),
            ("^[\\p{Greek}a]$", "α", "b"),
            ("^[[:upper:]]$", "A", "a"),
            ("^[[:^upper:]x]$", "a", "A"),
            ("^[[:word:]]$", "_", "-"),
            ("(?i)^\\W$", "-", "s"),
            ("(?i)^[\\W_]$", "_", "k"),
            ("(?i)^[[:^upper:]]$", "1", "a"),
            ("(?i)^\\w$", "ſ", "é"),
            ("^[^\\W]$", "a", "-"),
            ("^\\pC$", "\u{1}", "\u{378}"),
            ("^\\PC$", "\u{378}", "\u{1}"),
            ("^o{2}$", "oo", "ooo"),
            ("^a{$", "a{", "a"),
            ("^a{,2}$", "a{,2}", "aa"),
            ("^a{01}$", "a{01}", "a"),
            ("^a{2,}$", "aaa", "a"),
            ("^[]a]$", "]", "b"),
            ("^[^]a]$", "b", "]"),
            ("^[a-]$", "-", "b"),
            ("^[a-c-e]$", "-", "d"),
            ("^[a&&b]$", "&", "c"),
            ("^[[a]$", "[", "b"),
            ("^\\Qa.b\\E$", "a.b", "axb"),
            ("^\\Q*", "*", "a"),
            ("^\\x6e\\x{6f}$", "no", "n"),
            ("^\\012\\x0a$", "\n\n", "n"),
            ("^\\<a\\>\\_\\-$", "<a>_-", "a"),
            ("\\bab\\b", "x ab", "xab"),
            ("a\\Bb", "ab", "a b"),
            ("\\Aa\\z", "a", "ba"),
            ("^\\a\\f\\v$", "\u{7}\u{c}\u{b}", "a"),
            ("^a # b$", "a # b", "a"),
            ("^(a||b)$", "", "c"),
            ("^*a", "ba", "b"),
            ("☃", "a☃", "a"),
        ] {
            let regex = compile(pattern).unwrap();
            assert!(regex.is_match(matching.as_bytes()), "{pattern} matches {matching:?}");
            let all = pattern.is_empty();
            assert_eq!(regex.is_match(other.as_bytes()), all, "{pattern} matches {other:?}");
        }
    }

    // spec: influxql.regex.3
    #[test]
    fn invalid_bytes_match_as_the_replacement_character_does() {
        for (pattern, matches) in [(".", true), ("^\\W$", true), ("[^a]", true), ("^\\x{FFFD}$", true), ("\\pL", false)]
        {
            assert_eq!(compile(pattern).unwrap().is_match(b"\xff"), matches, "{pattern}");
        }
    }

    // spec: influxql.limit.3
    #[test]
    fn a_long_list_of_names_takes_memory_for_its_names_only() {
        let names: Vec<String> = (0..20_000).map(|n| format!("host-{n:05}\\.example\\.net-{n:030}")).collect();
        let pattern = format!("^({})$", names.join("|"));
        assert!(pattern.len() > 1 << 20);
        let mut charged = 0;
        let within = |bytes| {
            charged += bytes;
            Ok::<(), ()>(())
        };
        let regex = compile_within(&pattern, &mut { within }).unwrap();
        assert!(charged < 8 * pattern.len(), "{charged} bytes for {}", pattern.len());
        let name = names[19_999].replace('\\', "");
        assert!(regex.is_match(name.as_bytes()));
        assert!(!regex.is_match(format!("{name}x").as_bytes()));
        assert_eq!(regex.literals().map(Iterator::count), Some(20_000));
        let mut refuse = |bytes| if bytes > 1 << 20 { Err("no memory") } else { Ok(()) };
        let refused = compile_within(&pattern, &mut refuse).unwrap_err();
        assert_eq!(refused, Refused::Memory("no memory"));
    }

    // spec: influxql.limit.3
    #[test]
    fn patterns_that_compile_to_too_much_are_refused() {
        assert_eq!(refused("(?i)\\pL{1000}"), "expression too large: `(?i)\\pL{1000}`");
        let deep = format!("{}{}", "(".repeat(5000), ")".repeat(5000));
        assert!(refused(&deep).starts_with("expression not supported: `((("));
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(pattern in "\\PC*", special in "[\\[\\](){}*+?|^$\\\\.\\-a-c0-9:pPQEx,<>i]{0,20}") {
            let _ = compile(&pattern);
            let _ = compile(&special);
        }
    }
}
