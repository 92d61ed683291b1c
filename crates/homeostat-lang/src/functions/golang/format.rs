//! Values as Go's `fmt` prints them, for templates: `%v` and the verbs with flags, width and precision.

use super::quote::{self, Shown};
use crate::value::Value;

/// Wider fields come from a wrong number rather than from a need.
const WIDTH_MAX: usize = 10_000;

/// As `%v` prints it; nothing as `<nil>`.
pub(super) fn plain(value: Option<&Value>) -> String {
    match value {
        None => "<nil>".into(),
        Some(value) => match value.reveal() {
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => float(*number, 'g', None),
            Value::Str(text) => text.to_string(),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| plain(Some(item))).collect();
                format!("[{}]", items.join(" "))
            }
            Value::Map(map) => {
                let entries =
                    map.iter().map(|(key, value)| format!("{}:{}", plain(Some(key)), plain(Some(value))));
                format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
            }
            Value::Struct(fields) => {
                let fields: Vec<String> = fields.iter().map(|(_, value)| plain(Some(value))).collect();
                format!("{{{}}}", fields.join(" "))
            }
            other => other.to_string(),
        },
    }
}

/// The type as Go would name it.
pub(super) fn type_name(value: Option<&Value>) -> String {
    match value.map(Value::reveal) {
        None => "<nil>".into(),
        Some(Value::Bool(_)) => "bool".into(),
        Some(Value::Int(_)) => "int64".into(),
        Some(Value::Float(_)) => "float64".into(),
        Some(Value::Str(_)) => "string".into(),
        Some(Value::List(items)) => {
            format!("[]{}", items.first().map_or("interface {}".into(), |one| type_name(Some(one))))
        }
        Some(Value::Map(map)) => match map.first_key_value() {
            Some((key, value)) => format!("map[{}]{}", type_name(Some(key)), type_name(Some(value))),
            None => "map[string]interface {}".into(),
        },
        Some(Value::Struct(_)) => "struct".into(),
        Some(Value::Func(_)) => "func()".into(),
        Some(Value::Sensitive(inner)) => type_name(Some(inner)),
    }
}

/// A number in a base from 2 to 36.
pub(super) fn in_base(number: i64, base: u64) -> String {
    let mut rest = number.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        // Below 36, so a digit of that base.
        digits.push(char::from_digit((rest % base) as u32, 36).unwrap_or('?'));
        rest /= base;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        digits.push('-');
    }
    digits.iter().rev().collect()
}

/// A number by one of the verbs `e f g` and their capitals.
pub(super) fn float(number: f64, verb: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let text = match verb.to_ascii_lowercase() {
        'f' => match precision {
            Some(digits) => format!("{number:.digits$}"),
            None => number.to_string(),
        },
        'e' => exponential(number, precision),
        _ => shortest(number, precision),
    };
    if verb.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// Go writes two digits of an exponent at least, and its sign.
fn exponential(number: f64, digits: Option<usize>) -> String {
    let text = match digits {
        Some(digits) => format!("{number:.digits$e}"),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, size) = match exponent.strip_prefix('-') {
        Some(size) => ('-', size),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{size:0>2}")
}

/// The exponent form where the number is very small or large.
fn shortest(number: f64, digits: Option<usize>) -> String {
    let significant = digits.map(|digits| digits.max(1));
    let text = exponential(number, significant.map(|digits| digits - 1));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let limit = significant.map_or(21, |digits| digits as i64);
    let is_plain = number == 0.0 || (-4..limit).contains(&exponent);
    let trimmed = |text: &str| match text.contains('.') && digits.is_some() {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if is_plain {
        let decimals = significant.map(|digits| usize::try_from(digits as i64 - 1 - exponent).unwrap_or(0));
        return trimmed(
            &decimals.map_or_else(|| number.to_string(), |decimals| format!("{number:.decimals$}")),
        );
    }
    format!("{}e{}", trimmed(mantissa), &text[mantissa.len() + 1..])
}

/// What stands between the percent sign and the verb.
#[derive(Default, Clone, Copy)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The format with its verbs replaced. Like Go's, it never fails: what does not fit is said in the text.
pub(super) fn sprintf(format: &str, args: &[Option<Value>]) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut used = 0;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let flags = read_flags(&mut chars, args, &mut used);
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match args.get(used) {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(arg) => {
                    used += 1;
                    out.push_str(&padded(one(verb, arg.as_ref(), flags), verb, arg.as_ref(), flags));
                }
            },
        }
    }
    if used < args.len() {
        let extra =
            args[used..].iter().map(|arg| format!("{}={}", type_name(arg.as_ref()), plain(arg.as_ref())));
        out.push_str(&format!("%!(EXTRA {})", extra.collect::<Vec<_>>().join(", ")));
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn read_flags(chars: &mut Chars<'_>, args: &[Option<Value>], used: &mut usize) -> Flags {
    let mut flags = Flags::default();
    while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
        match flag {
            '-' => flags.minus = true,
            '+' => flags.plus = true,
            '#' => flags.sharp = true,
            ' ' => flags.space = true,
            _ => flags.zero = true,
        }
    }
    let (width, is_negative) = read_number(chars, args, used);
    flags.width = width;
    flags.minus |= is_negative;
    if chars.next_if_eq(&'.').is_some() {
        flags.precision = Some(read_number(chars, args, used).0.unwrap_or(0));
    }
    flags
}

/// Digits, or a star, which takes an argument.
fn read_number(chars: &mut Chars<'_>, args: &[Option<Value>], used: &mut usize) -> (Option<usize>, bool) {
    if chars.next_if_eq(&'*').is_some() {
        let Some(Some(Value::Int(number))) = args.get(*used) else { return (None, false) };
        *used += 1;
        return (usize::try_from(number.unsigned_abs()).ok().map(|width| width.min(WIDTH_MAX)), *number < 0);
    }
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        number = Some((number.unwrap_or(0) * 10 + digit as usize).min(WIDTH_MAX));
    }
    (number, false)
}

fn one(verb: char, arg: Option<&Value>, flags: Flags) -> String {
    let bad = || format!("%!{verb}({}={})", type_name(arg), plain(arg));
    let Some(value) = arg.map(Value::reveal) else {
        return if verb == 'v' || verb == 'T' { "<nil>".into() } else { format!("%!{verb}(<nil>)") };
    };
    match (verb, value) {
        ('T', value) => type_name(Some(value)),
        ('v', Value::Float(_)) if flags.precision.is_some() => number('g', value, flags).unwrap_or_else(bad),
        ('v', Value::Str(text)) if flags.sharp => quote::quote(text),
        ('v', Value::Int(_)) if flags.plus => number('d', value, flags).unwrap_or_else(bad),
        ('v', value) => plain(Some(value)),
        ('t', Value::Bool(value)) => value.to_string(),
        ('s' | 'q' | 'x' | 'X', Value::List(items)) => {
            let items: Vec<String> = items.iter().map(|item| one(verb, Some(item), flags)).collect();
            format!("[{}]", items.join(" "))
        }
        ('s' | 'q' | 'x' | 'X', Value::Str(text)) => string(verb, text, flags),
        (_, Value::Int(_) | Value::Float(_)) => number(verb, value, flags).unwrap_or_else(bad),
        _ => bad(),
    }
}

fn string(verb: char, text: &str, flags: Flags) -> String {
    let cut: String = text.chars().take(flags.precision.unwrap_or(usize::MAX)).collect();
    match verb {
        's' => cut,
        'q' if flags.sharp && quote::can_backquote(&cut) => format!("`{cut}`"),
        'q' => quote::quote_as(&cut, '"', if flags.plus { Shown::Ascii } else { Shown::Printable }),
        _ => {
            let hex: String = cut.bytes().map(|byte| format!("{byte:02x}")).collect();
            if verb == 'X' { hex.to_uppercase() } else { hex }
        }
    }
}

fn number(verb: char, value: &Value, flags: Flags) -> Option<String> {
    let text = match (verb, value) {
        ('d', Value::Int(number)) => digits(*number, 10, "", flags),
        ('b', Value::Int(number)) => digits(*number, 2, "0b", flags),
        ('o', Value::Int(number)) => digits(*number, 8, "0", flags),
        ('O', Value::Int(number)) => digits(*number, 8, "0o", Flags { sharp: true, ..flags }),
        ('x', Value::Int(number)) => digits(*number, 16, "0x", flags),
        ('X', Value::Int(number)) => digits(*number, 16, "0x", flags).to_uppercase(),
        ('c', Value::Int(number)) => return Some(character(*number).to_string()),
        ('q', Value::Int(number)) => {
            return Some(quote::quote_as(&character(*number).to_string(), '\'', Shown::Printable));
        }
        ('U', Value::Int(number)) => return Some(format!("U+{number:04X}")),
        ('e' | 'E' | 'f' | 'F', Value::Float(number)) => {
            float(*number, verb, Some(flags.precision.unwrap_or(6)))
        }
        ('g' | 'G', Value::Float(number)) => float(*number, verb, flags.precision),
        _ => return None,
    };
    let sign = match (flags.plus, flags.space) {
        _ if text.starts_with(['-', '+']) => "",
        (true, _) => "+",
        (false, true) => " ",
        (false, false) => "",
    };
    Some(format!("{sign}{text}"))
}

fn digits(number: i64, base: u64, prefix: &str, flags: Flags) -> String {
    let text = in_base(number, base);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", &*text),
    };
    let prefix = if flags.sharp { prefix } else { "" };
    format!("{sign}{prefix}{digits:0>width$}", width = flags.precision.unwrap_or(1))
}

fn character(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Zeros go between the sign and the digits.
fn padded(text: String, verb: char, arg: Option<&Value>, flags: Flags) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if flags.minus {
        return text + &" ".repeat(missing);
    }
    let is_number = matches!(arg, Some(Value::Int(_) | Value::Float(_))) && !"cqUT".contains(verb);
    if flags.zero && is_number && !text.ends_with(['f', 'N']) {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+', ' '])));
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_in_go() {
        for (number, verb, precision, text) in [
            (1.0, 'g', None, "1"),
            (0.1, 'g', None, "0.1"),
            (1e20, 'g', None, "100000000000000000000"),
            (1e21, 'g', None, "1e+21"),
            (1e-5, 'g', None, "1e-05"),
            (123_456.789, 'g', Some(3), "1.23e+05"),
            (100.0, 'g', Some(3), "100"),
            (0.0, 'g', None, "0"),
            (1.5, 'f', Some(2), "1.50"),
            (1234.5, 'e', Some(2), "1.23e+03"),
            (1234.5, 'E', None, "1.2345E+03"),
            (f64::INFINITY, 'f', None, "+Inf"),
        ] {
            assert_eq!(float(number, verb, precision), text, "{number} {verb} {precision:?}");
        }
    }

    #[test]
    fn formats_are_followed_as_in_go() {
        let text = |text: &str| Some(Value::from(text));
        let int = |number: i64| Some(Value::Int(number));
        let real = |number: f64| Some(Value::Float(number));
        for (format, args, expected) in [
            (
                "%d|%5d|%-5d|%05d|%+d|% d|%x|%#X|%o|%b|%c|%U",
                vec![int(42); 12],
                "42|   42|42   |00042|+42| 42|2a|0X2A|52|101010|*|U+002A",
            ),
            ("%05d %x", vec![int(-42), int(-255)], "-0042 -ff"),
            ("%s|%5s|%-5s|%.2s|%q|%x", vec![text("abc"); 6], "abc|  abc|abc  |ab|\"abc\"|616263"),
            ("%f|%.1f|%8.2f|%e|%g", vec![real(3.25); 5], "3.250000|3.2|    3.25|3.250000e+00|3.25"),
            (
                "%v %T %t %%",
                vec![Some(Value::list([Value::Int(1), Value::Int(2)])), int(1), Some(Value::Bool(true))],
                "[1 2] int64 true %",
            ),
            ("%d", vec![text("x")], "%!d(string=x)"),
            ("%d %d", vec![int(1)], "1 %!d(MISSING)"),
            ("x", vec![int(1)], "x%!(EXTRA int64=1)"),
            ("%", vec![], "%!(NOVERB)"),
            ("%*d", vec![int(4), int(1)], "   1"),
            ("%q %#v", vec![int(120), text("a")], "'x' \"a\""),
            ("%v %s", vec![None, None], "<nil> %!s(<nil>)"),
        ] {
            assert_eq!(sprintf(format, &args), expected, "{format}");
        }
    }
}
