//! Known facts about ABNF; every sentence that is drawn is derived.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::*;

/// Checks which texts the first rule of a grammar derives.
fn check(grammar: &str, derived: &[&str], refused: &[&str]) {
    let first = grammar.split([' ', '=']).next().unwrap();
    let grammar = Grammar::read(grammar).unwrap();
    let rule = grammar.rule(first).unwrap();
    for text in derived {
        assert!(grammar.derives(rule, &characters(text)), "{text:?} is derived");
    }
    for text in refused {
        assert!(!grammar.derives(rule, &characters(text)), "{text:?} is not derived");
    }
}

fn fault(grammar: &str) -> String {
    Grammar::read(grammar).unwrap_err().to_string()
}

#[test]
fn strings_are_case_insensitive_unless_marked() {
    check("a = \"aBc-1\"", &["aBc-1", "ABC-1", "abc-1"], &["", "abc", "abc-1 ", "abc\r1"]);
    check("a = %i\"ab\"", &["ab", "AB"], &["b"]);
    check("a = %s\"aB\"", &["aB"], &["ab", "AB"]);
    check("a = \"\"", &[""], &["a"]);
    check("a = \"a;b\" ; a comment\n  \"c\"", &["a;bc"], &["a"]);
}

#[test]
fn numbers_are_terminals_ranges_and_concatenations_in_three_bases() {
    check("a = %x41-43", &["A", "C"], &["@", "D", "a", "AA"]);
    check("a = %d65.66.67", &["ABC"], &["abc", "AB"]);
    check("a = %b1000001", &["A"], &["B"]);
    check("a = %xB5 / %x1F600-1F6FF", &["µ", "😀"], &["u"]);
}

#[test]
fn repetitions_have_a_minimum_and_a_maximum() {
    check("a = *\"x\"", &["", "x", "xxxxx"], &["y", "xy"]);
    check("a = 1*\"x\"", &["x", "xxxxx"], &[""]);
    check("a = *2\"x\"", &["", "x", "xx"], &["xxx"]);
    check("a = 2*3\"x\"", &["xx", "xxx"], &["x", "xxxx"]);
    check("a = 2\"x\"", &["xx"], &["x", "xxx"]);
    check("a = 2*2( \"x\" / \"yz\" ) \"!\"", &["xx!", "xyz!", "yzyz!"], &["x!", "xyz", "xyx!"]);
    check("a = *( *\"x\" [ \"y\" ] )", &["", "xxyyx"], &["z"]);
}

#[test]
fn concatenation_binds_tighter_than_alternation() {
    check("a = \"x\" \"y\" / \"z\"", &["xy", "z"], &["xz", "x"]);
    check("a = \"x\" ( \"y\" / \"z\" )", &["xy", "xz"], &["z"]);
    check("a = [ \"x\" \"y\" ] \"z\"", &["z", "xyz"], &["xz"]);
}

#[test]
fn rules_may_span_lines_and_have_increments() {
    check("a = \"x\"\n; between\n\n  / b ; here too\nb = \"y\"\nA =/ \"z\"\n", &["x", "y", "z"], &["xy"]);
    check("A-1 = a-2\r\na-2 = \"x\"\r\n", &["x"], &["y"]);
}

#[test]
fn left_recursion_ambiguity_and_empty_rules_are_fine() {
    check("a = a \"+\" a / \"1\"", &["1", "1+1", "1+1+1"], &["", "+", "1+", "11"]);
    check("a = b a b / \"x\"\nb = [ \"y\" ]", &["x", "yx", "xy", "yyyxy"], &["", "y"]);
    check("a = b b \"x\"\nb = *c\nc = \"\" / \"y\"", &["x", "yyx"], &["xx"]);
}

#[test]
fn prose_expresses_what_notation_cannot() {
    let grammar = "a = word *( *\" \" word )\nword = 1*letter <not before letter> <other than reserved>\n\
                   reserved = \"if\" / \"or\"\nletter = %x61-7A";
    check(grammar, &["x", "xy z", "iff", "x ifor"], &["if", "x or", "or x", "x if z"]);
    check("a = \"<\" <not before b> *\"=\"\nb = \"==\"", &["<", "<="], &["<==", "<==="]);
}

#[test]
fn errors_name_their_line() {
    assert_eq!(fault("a = b"), "line 1: `b` is not defined");
    assert_eq!(fault("a = \"x\"\nA = \"y\""), "line 2: `a` is defined again");
    assert_eq!(fault("a =/ \"x\""), "line 1: `a` has no definition that `=/` could add to");
    assert_eq!(
        fault("a = \"x\"\n\nb = <any text>"),
        "line 3: <any text> is neither <not before RULE> nor <other than RULE>"
    );
    assert_eq!(fault("a = \"x\" <not before a>"), "line 1: `a` is named by prose and uses prose itself");
    assert_eq!(fault("  a = \"x\""), "line 1: a continuation line precedes the first rule");
    assert_eq!(fault("a = %x42-41"), "line 1: a number or a count is too large, or a range ends before it begins");
    assert_eq!(fault("a = 3*2\"x\""), "line 1: a number or a count is too large, or a range ends before it begins");
    for (grammar, expected) in [
        ("a \"x\"", "`=` or `=/`"),
        ("a = ", "the name of a rule"),
        ("a = \"x\" /", "the name of a rule"),
        ("a = ( \"x\"", "a closing bracket"),
        ("a = \"x", "the end of a string or prose"),
        ("a = \"x\"\"y\"", "the end of the rule"),
        ("a = 1_b", "the name of a rule"),
        ("a = %o7", "`x`, `d`, `b`, or a string after `s` or `i`"),
        ("a = %xG", "a digit"),
    ] {
        let fault = fault(grammar);
        assert!(fault.starts_with(&format!("line 1: expected {expected} at ")), "{grammar:?}: {fault}");
    }
}

#[test]
fn sentences_end() {
    let grammar = Grammar::read("a = \"(\" a a \")\" / b\nb = b \"x\" / \"y\"\nnever = never \"z\"").unwrap();
    let mut random = SmallRng::seed_from_u64(1);
    for size in 0..50 {
        let sentence = grammar.sentence(grammar.rule("a").unwrap(), Size(size), &mut random).unwrap();
        assert!(grammar.derives(grammar.rule("a").unwrap(), &sentence));
        assert!(sentence.len() <= 4 * size + 1, "{} terminals for {size} rules", sentence.len());
    }
    assert_eq!(grammar.sentence(grammar.rule("never").unwrap(), Size(9), &mut random), None);
}

#[test]
fn long_texts_are_recognised_in_polynomial_time() {
    let grammar = Grammar::read("a = *( *\"x\" / 1*\"x\" [ \"x\" ] ) \"y\"").unwrap();
    let rule = grammar.rule("a").unwrap();
    assert!(!grammar.derives(rule, &characters(&"x".repeat(2000))));
    assert!(grammar.derives(rule, &characters(&format!("{}y", "x".repeat(2000)))));
}

proptest! {
    #[test]
    fn drawn_sentences_are_derived(seed in any::<u64>(), size in 0..60usize) {
        let mut random = SmallRng::seed_from_u64(seed);
        for grammar in [&*LINE_PROTOCOL, &*INFLUXQL] {
            for (name, rule) in grammar.rules() {
                let sentence = grammar.sentence(rule, Size(size), &mut random);
                prop_assert!(sentence.is_some_and(|sentence| grammar.derives(rule, &sentence)), "{}", name);
            }
        }
    }
}
