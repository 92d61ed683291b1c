//! What a plain scalar can mean: the rules of YAML 1.1 where a type asks, those of YAML 1.2's core schema where none does.

use homeostat_model::Value;

/// What became of a text that should be a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Int {
    Fits(i64),
    /// A whole number, but not one of 64 bits.
    TooLarge,
    NotOne,
}

pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// YAML 1.1: what a parameter of type bool takes.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// YAML 1.1: signs, underscores, `0x`, `0b`, `0o`, and a leading zero for octal.
pub(crate) fn parse_int(text: &str) -> Int {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    from_digits(negative, digits, radix)
}

fn from_digits(negative: bool, digits: &str, radix: u32) -> Int {
    let mut magnitude: Option<u64> = Some(0);
    let mut any = false;
    for c in digits.chars() {
        if c == '_' {
            continue;
        }
        let Some(digit) = c.to_digit(radix) else {
            return Int::NotOne;
        };
        any = true;
        magnitude = magnitude
            .and_then(|have| have.checked_mul(u64::from(radix)))
            .and_then(|have| have.checked_add(u64::from(digit)));
    }
    if !any {
        return Int::NotOne;
    }
    let fits = match (negative, magnitude) {
        (false, Some(magnitude)) => i64::try_from(magnitude).ok(),
        (true, Some(magnitude)) => 0i64.checked_sub_unsigned(magnitude),
        (_, None) => None,
    };
    fits.map_or(Int::TooLarge, Int::Fits)
}

/// Decimal numbers with or without a fraction or an exponent, `.inf` and `.nan`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match rest {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if rest.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    // Rust's own parser takes more, such as `inf` and `infinity`.
    let first = rest.bytes().next()?;
    let digits_only =
        rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+' | b'_'));
    if !digits_only || !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    let number = if rest.contains('_') { rest.replace('_', "").parse::<f64>() } else { rest.parse::<f64>() };
    number.ok().map(|number| sign * number)
}

/// The core schema of YAML 1.2; `None` for a whole number that does not fit.
pub(crate) fn core(text: &str) -> Option<Value> {
    let first = text.as_bytes().first().copied().unwrap_or(b'~');
    match first {
        b'~' | b'n' | b'N' if is_null(text) => return Some(Value::Null),
        b't' | b'T' | b'f' | b'F' => match text {
            "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
            "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
            _ => {}
        },
        b'0'..=b'9' | b'-' | b'+' | b'.' => return core_number(text),
        _ => {}
    }
    Some(Value::from(text))
}

fn core_number(text: &str) -> Option<Value> {
    let int = match text.as_bytes() {
        [b'0', b'x', ..] => from_digits(false, &text[2..], 16),
        [b'0', b'o', ..] => from_digits(false, &text[2..], 8),
        [b'-', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => from_digits(true, &text[1..], 10),
        [b'+', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => from_digits(false, &text[1..], 10),
        all if all.iter().all(u8::is_ascii_digit) => from_digits(false, text, 10),
        _ => Int::NotOne,
    };
    match int {
        Int::Fits(number) => Some(Value::Int(number)),
        Int::TooLarge => None,
        Int::NotOne if text.contains('_') => Some(Value::from(text)),
        Int::NotOne => Some(parse_float(text).map_or_else(|| Value::from(text), Value::Float)),
    }
}

/// The word for what a plain scalar looks like, for messages.
pub(crate) fn looks_like(text: &str) -> &'static str {
    match core(text) {
        None => "an integer",
        Some(Value::Str(_)) if text.len() > 1 && parse_bool(text).is_some() => "a boolean",
        Some(value) => value.type_word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_follow_yaml_1_1() {
        for (text, want) in [
            ("0", Int::Fits(0)),
            ("0644", Int::Fits(0o644)),
            ("0x1F", Int::Fits(31)),
            ("0o17", Int::Fits(15)),
            ("0b101", Int::Fits(5)),
            ("1_000", Int::Fits(1000)),
            ("-9223372036854775808", Int::Fits(i64::MIN)),
            ("9223372036854775808", Int::TooLarge),
            ("99999999999999999999999999", Int::TooLarge),
            ("", Int::NotOne),
            ("-", Int::NotOne),
            ("0x", Int::NotOne),
            ("089", Int::NotOne),
            ("1.0", Int::NotOne),
            ("_", Int::NotOne),
            ("-é", Int::NotOne),
        ] {
            assert_eq!(parse_int(text), want, "{text}");
        }
    }

    #[test]
    fn numbers_with_a_fraction_are_spelled_out() {
        assert_eq!(parse_float("0.2"), Some(0.2));
        assert_eq!(parse_float("-.5"), Some(-0.5));
        assert_eq!(parse_float(".inf"), Some(f64::INFINITY));
        assert_eq!(parse_float("-.INF"), Some(f64::NEG_INFINITY));
        assert!(parse_float(".nan").is_some_and(f64::is_nan));
        for text in ["inf", "nan", "infinity", "e5", "", ".", "-", "1.2.3", "--1"] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }

    #[test]
    fn without_a_type_the_core_schema_decides() {
        assert_eq!(core("~"), Some(Value::Null));
        assert_eq!(core("yes"), Some(Value::from("yes")));
        assert_eq!(core("true"), Some(Value::Bool(true)));
        assert_eq!(core("0644"), Some(Value::Int(644)));
        assert_eq!(core("0o17"), Some(Value::Int(15)));
        assert_eq!(core("1e3"), Some(Value::Float(1000.0)));
        assert_eq!(core("1.2.3"), Some(Value::from("1.2.3")));
        assert_eq!(core("-"), Some(Value::from("-")));
        assert_eq!(core("99999999999999999999"), None);
    }
}
