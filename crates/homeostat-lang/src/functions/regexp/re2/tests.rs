//! What Go documents of its patterns.

use super::super::compile;

#[track_caller]
fn matches(cases: &[(&str, &str, bool)]) {
    for (pattern, text, expected) in cases {
        let compiled = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert_eq!(compiled.is_match(text), *expected, "{pattern} {text}");
    }
}

#[track_caller]
fn refused(cases: &[(&str, &str)]) {
    for (pattern, expected) in cases {
        let error = compile(pattern).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error, format!("error parsing regexp: {expected}"), "{pattern}");
    }
}

#[test]
fn classes_of_letters_digits_and_spaces_are_those_of_ascii() {
    matches(&[
        (r"^\d$", "٣", false),
        (r"^\w$", "é", false),
        (r"^[\d\s]+$", "1 2", true),
        (r"^\s$", "\u{b}", false),
        (r"^[^\d]$", "1", false),
        (r"^[\W]$", "é", true),
        (r"^[^\W]$", "é", false),
        (r"\bfoo\b", "a foo b", true),
        (r"\bfoo\b", "éfoo", true),
        (r"a\Bb", "ab", true),
        (r"^[[:alpha:]_]+$", "ab_", true),
        (r"^[[:^alpha:]]$", "a", false),
        (r"^[[:space:]]$", "\u{b}", true),
        (r"^[[:alpha:]]$", "é", false),
        (r"(?i)^[[:upper:]]+$", "ab", true),
        (r"(?i)^\w$", "ſ", true),
    ]);
    refused(&[
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"[!-\d]", r"invalid escape sequence: `\d`"),
    ]);
}

#[test]
fn classes_in_brackets_are_read_as_in_go() {
    matches(&[
        ("^[[a]$", "[", true),
        ("^[]a]$", "]", true),
        ("^[^]a]$", "]", false),
        ("^[a&&b]$", "&", true),
        ("^[+--]$", ",", true),
        ("^[a-]$", "-", true),
        (r"^[\d-a]+$", "1-a", true),
        ("^[a~~b]$", "~", true),
        ("^[^a]$", "\n", true),
        ("^[[:a]$", ":", true),
        (r"^[\x{D000}-\x{E000}]$", "\u{D001}", true),
        (r"^[^\x00-\x{10FFFF}]$", "a", false),
        (r"^[\pL\d]+$", "é1", true),
        (r"^[^\pL]$", "é", false),
        (r"^\p{^Greek}$", "a", true),
        (r"^\P{^Greek}$", "α", true),
        (r"^\pL$", "é", true),
        (r"^\p{Lu}\p{Any}$", "Ab", true),
    ]);
    refused(&[
        ("[a", "missing closing ]: `[a`"),
        ("[]", "missing closing ]: `[]`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        (r"[\b]", r"invalid escape sequence: `\b`"),
        (r"[\A]", r"invalid escape sequence: `\A`"),
        (r"[\Qa\E]", r"invalid escape sequence: `\Q`"),
        ("[\\", "trailing backslash at end of expression: ``"),
        (r"\p{Alphabetic}", r"invalid character class range: `\p{Alphabetic}`"),
        (r"\p{sc=Greek}", r"invalid character class range: `\p{sc=Greek}`"),
        (r"\p{Greek", r"invalid character class range: `\p{Greek`"),
        (r"\pX", r"invalid character class range: `\pX`"),
    ]);
}

#[test]
fn escapes_are_those_of_go() {
    matches(&[
        (r"^\012$", "\n", true),
        (r"^\12$", "\n", true),
        (r"^\0$", "\0", true),
        (r"^[\101]\1018$", "AA8", true),
        (r"^\x41\x{42}$", "AB", true),
        (r"^\a\f\t\n\r\v$", "\u{7}\u{c}\t\n\r\u{b}", true),
        (r"^\<a\>$", "<a>", true),
        (r"^\_\-\ \!$", "_- !", true),
        (r"\Qa.b\E+", "a.bbb", true),
        (r"^\Qa.b\E+$", "a.ba.b", false),
        (r"\Qa.b\E", "axb", false),
        (r"^\Q\d(", r"\d(", true),
        (r"^a\z", "a", true),
        (r"\Aa\z", "ba", false),
        (r"\z", "", true),
        (r"^\x{D800}?$", "", true),
        (r"\b{start}", "{start}", false),
    ]);
    refused(&[
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\E", r"invalid escape sequence: `\E`"),
        (r"\u0041", r"invalid escape sequence: `\u`"),
        (r"\x4", r"invalid escape sequence: `\x4`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"\é", r"invalid escape sequence: `\é`"),
        ("\\", "trailing backslash at end of expression: ``"),
    ]);
}

#[test]
fn repetitions_are_bounded_and_stand_once() {
    matches(&[
        ("^a{1000}$", &"a".repeat(1000), true),
        ("^(a{10}){100}$", &"a".repeat(1000), true),
        ("^a{2}?$", "aa", true),
        ("^a*?b+?c??$", "b", true),
        ("^a{,2}$", "a{,2}", true),
        ("^a{x}{$", "a{x}{", true),
        ("^a{01}$", "a{01}", true),
        ("^a{0}$", "", true),
        ("^^*a$", "a", true),
        ("^a(?i)*b$", "aaB", true),
        ("^(?:)*a||b$", "", true),
        ("^()|a$", "", true),
    ]);
    refused(&[
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{1,1001}", "invalid repeat count: `{1,1001}`"),
        ("a{99999999999999999999}", "invalid repeat count: `{99999999999999999999}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("(a{10}){101}", "invalid repeat count: `{101}`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a*+", "invalid nested repetition operator: `*+`"),
        ("a???", "invalid nested repetition operator: `???`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|+", "missing argument to repetition operator: `+`"),
        ("(?i)?", "missing argument to repetition operator: `?`"),
        ("({2})", "missing argument to repetition operator: `{2}`"),
    ]);
}

#[test]
fn groups_and_flags_are_those_of_go() {
    matches(&[
        ("(?i)É", "é", true),
        ("^(?i:a)b$", "AB", false),
        ("^(?ii-s)a$", "A", true),
        ("^(?i-i)a$", "A", false),
        ("^(?)a$", "a", true),
        ("(?s)^.$", "\n", true),
        ("^.$", "\n", false),
        ("a$", "a\n", false),
        ("(?m)a$", "a\n", true),
        ("(?U)^a+$", "aa", true),
        ("^(?P<x>a)|b$", "b", true),
        ("^(?<1a>a)$", "a", true),
        ("^((?i)a)b$", "AB", false),
    ]);
    refused(&[
        ("(", "missing closing ): `(`"),
        ("a)", "unexpected ): `a)`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?u)a", "invalid or unsupported Perl syntax: `(?u`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P=a)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?<=a)", "invalid named capture: `(?<=a)`"),
        ("(?P<é>a)", "invalid named capture: `(?P<é>`"),
        ("(?P<a>b)(?P<a>c)", "duplicate capture group name: `a`"),
    ]);
}
