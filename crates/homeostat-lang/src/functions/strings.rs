//! `strings`: functions of text. Lengths and positions are bytes.

use super::args::Args;
use super::bounds;
use super::declaration::{Function, gives};
use super::error::{Error, Result};
use super::golang;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "strings.contains",
        &["func(s str, substr str) bool"],
        "Whether `substr` is somewhere in `s`.",
        &[gives("strings.contains(\"homeostat\", \"stat\")", "true")],
        |args| Ok(Value::Bool(args.str(0)?.contains(args.str(1)?))),
    ),
    Function::pure(
        "strings.has_prefix",
        &["func(s str, prefix str) bool"],
        "Whether `s` begins with `prefix`.",
        &[gives("strings.has_prefix(\"homeostat\", \"home\")", "true")],
        |args| Ok(Value::Bool(args.str(0)?.starts_with(args.str(1)?))),
    ),
    Function::pure(
        "strings.has_suffix",
        &["func(s str, suffix str) bool"],
        "Whether `s` ends with `suffix`.",
        &[gives("strings.has_suffix(\"homeostat\", \"home\")", "false")],
        |args| Ok(Value::Bool(args.str(0)?.ends_with(args.str(1)?))),
    ),
    Function::pure(
        "strings.join_nonempty",
        &["func(s []str, sep str) str"],
        "The items that are not empty, with `sep` between them.",
        &[gives("strings.join_nonempty([\"a\", \"\", \"b\"], \"-\")", "\"a-b\"")],
        |args| {
            let (mut parts, separator) = (args.strings(0)?, args.str(1)?);
            parts.retain(|part| !part.is_empty());
            bounds::text(bounds::joined(&parts, separator))?;
            Ok(Value::from(parts.join(separator)))
        },
    ),
    Function::pure(
        "strings.left_pad",
        &["func(s str, pad str, len int) str"],
        "Puts `pad` in front until there are at least `len` bytes.",
        &[gives("strings.left_pad(\"7\", \"0\", 3)", "\"007\"")],
        |args| Ok(Value::from(format!("{}{}", padding(args)?, args.str(0)?))),
    ),
    Function::pure(
        "strings.right_pad",
        &["func(s str, pad str, len int) str"],
        "Puts `pad` behind until there are at least `len` bytes.",
        &[gives("strings.right_pad(\"a\", \"xy\", 4)", "\"axyxy\"")],
        |args| Ok(Value::from(format!("{}{}", args.str(0)?, padding(args)?))),
    ),
    Function::pure(
        "strings.replace_all",
        &["func(s str, old str, new str) str"],
        "Puts `new` wherever `old` is.",
        &[gives("strings.replace_all(\"banana\", \"an\", \"o\")", "\"booa\"")],
        |args| {
            let (text, old, new) = (args.str(0)?, args.str(1)?, args.str(2)?);
            bounds::text(bounds::replaced(text, old, new, text.matches(old).count()))?;
            Ok(Value::from(text.replace(old, new)))
        },
    ),
    Function::pure(
        "strings.split",
        &["func(a str, sep str) []str"],
        "The parts between separators; the characters if the separator is empty.",
        &[
            gives("strings.split(\"a,b,,c\", \",\")", "[\"a\", \"b\", \"\", \"c\"]"),
            gives("strings.split(\"aé\", \"\")", "[\"a\", \"é\"]"),
        ],
        |args| match (args.str(0)?, args.str(1)?) {
            (text, "") => Ok(Value::list(text.chars().map(|c| Value::from(c.to_string())))),
            (text, separator) => Ok(Value::list(text.split(separator).map(Value::from))),
        },
    ),
    Function::pure(
        "strings.substr",
        &["func(s str, low int, high int) str"],
        "The bytes from `low` up to, but without, `high`. What is out of range, or cuts a character, can be caught.",
        &[
            gives("strings.substr(\"homeostat\", 0, 4)", "\"home\""),
            gives("strings.substr(\"ab\", 0, 4)", "error: low/high out of range"),
            gives("strings.substr(\"é\", 0, 1)", "error: the range cuts a character"),
        ],
        |args| {
            let text = args.str(0)?;
            let range = usize::try_from(args.int(1)?).ok().zip(usize::try_from(args.int(2)?).ok());
            let Some((low, high)) = range.filter(|(low, high)| low <= high && *high <= text.len()) else {
                return Err(Error::catchable("low/high out of range"));
            };
            let part = text.get(low..high).map(Value::from);
            part.ok_or_else(|| Error::catchable("the range cuts a character"))
        },
    ),
    Function::pure(
        "strings.to_lower",
        &["func(s str) str"],
        "All letters small.",
        &[gives("strings.to_lower(\"ÄB\")", "\"äb\"")],
        |args| Ok(Value::from(golang::strings::lower(args.str(0)?))),
    ),
    Function::pure(
        "strings.to_upper",
        &["func(s str) str"],
        "All letters capital.",
        &[gives("strings.to_upper(\"äb\")", "\"ÄB\"")],
        |args| Ok(Value::from(golang::strings::upper(args.str(0)?))),
    ),
    Function::pure(
        "strings.trim_space",
        &["func(s str) str"],
        "Without space at both ends.",
        &[gives("strings.trim_space(\" a b\\n\")", "\"a b\"")],
        |args| Ok(Value::from(args.str(0)?.trim())),
    ),
];

/// An empty pad can never reach the length, so it adds nothing.
fn padding(args: Args<'_>) -> Result<String> {
    let (text, pad, length) = (args.str(0)?, args.str(1)?, args.int(2)?);
    let missing = usize::try_from(length).unwrap_or(0).saturating_sub(text.len());
    bounds::text(missing.checked_add(text.len().max(pad.len())))?;
    Ok(if pad.is_empty() { String::new() } else { pad.repeat(missing.div_ceil(pad.len())) })
}
