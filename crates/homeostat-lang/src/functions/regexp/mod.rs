//! `regexp`: regular expressions.

mod re2;

use regex::RegexBuilder;

use super::compiled::Compiled;
use super::declaration::{Function, gives};
use super::error::Error;
use crate::value::Value;

/// The memory that a pattern may need.
const PATTERN_BYTES_MAX: usize = 10 << 20;

pub(super) const FUNCTIONS: &[Function] = &[Function::pure(
    "regexp.match",
    &["func(pattern str, s str) bool"],
    "Whether the pattern is found anywhere in the text. The syntax is that of RE2, without look-around and back references.",
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

fn compile(pattern: &str) -> Result<regex::Regex, regex::Error> {
    RegexBuilder::new(&re2::translate(pattern)).size_limit(PATTERN_BYTES_MAX).build()
}
