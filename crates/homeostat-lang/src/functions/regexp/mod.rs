//! `regexp`: regular expressions.

mod re2;

use regex::RegexBuilder;

use super::compiled::Compiled;
use super::declaration::{Function, gives};
use super::error::Error;
use crate::value::Value;

/// The memory that a pattern may need.
const PATTERN_BYTES_MAX: usize = 10 << 20;

/// How deep groups may stand in each other, as in Go.
const NESTING_MAX: u32 = 1000;

pub(super) const FUNCTIONS: &[Function] = &[Function::pure(
    "regexp.match",
    &["func(pattern str, s str) bool"],
    "Whether the pattern is found anywhere in the text. The syntax is that of RE2 as Go has it: no look-around, no \
     back references, repetitions up to 1000; `\\d`, `\\s`, `\\w` and `\\b` mean ASCII.",
    &[
        gives("regexp.match(\"^h.*t$\", \"homeostat\")", "true"),
        gives("regexp.match(\"[0-9]{4}\", \"year 123\")", "false"),
    ],
    |args| {
        static PATTERNS: Compiled<regex::Regex> = Compiled::new();
        let pattern = PATTERNS
            .get(args.text(0)?, compile)
            .map_err(|error| Error::permanent(format!("pattern did not compile: {error}")))?;
        Ok(Value::Bool(pattern.is_match(args.str(1)?)))
    },
)];

/// Reads a pattern.
///
/// # Errors
/// What is wrong, as Go would say it.
fn compile(pattern: &str) -> Result<regex::Regex, String> {
    let translated = re2::translate(pattern).map_err(|error| error.to_string())?;
    let mut builder = RegexBuilder::new(&translated);
    let built = builder.size_limit(PATTERN_BYTES_MAX).nest_limit(NESTING_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            format!("it is too large: a pattern may take {PATTERN_BYTES_MAX} bytes of memory")
        }
        other => other.to_string(),
    })
}
