//! The codes of diagnostics and what each means. `homeostat doc CODE` prints them and the reference lists them.

/// One code with its explanation in Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeDoc {
    /// Stable, kebab case.
    pub code: &'static str,
    /// What it means, why it is refused, and how to mend it.
    pub doc: &'static str,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $code;)+

        /// Every code, in the order of this file.
        pub const ALL: &[CodeDoc] = &[$(CodeDoc { code: $code, doc: concat!($($doc, "\n"),+) }),+];
    };
}

codes! {
    /// The text is not valid UTF-8. Save the file as UTF-8.
    INVALID_UTF8 = "invalid-utf8";
    /// The file could not be read. The message says what the operating system answered.
    UNREADABLE = "unreadable";
    /// The input is larger than what is accepted. Split it into several files; several inputs make one catalog.
    TOO_LARGE = "too-large";
    /// The text is no YAML or JSON. The place is where the parser could not go on.
    SYNTAX = "syntax";
    /// A character that no word, number or operator of the language begins with.
    UNKNOWN_CHARACTER = "unknown-character";
    /// A string without its closing `"`. Strings may go on over several lines, so it is looked for up to the end of the file.
    UNTERMINATED_STRING = "unterminated-string";
    /// The number does not fit: integers have 64 bits and a sign, floats are those of IEEE 754 with 64 bits.
    NUMBER_TOO_LARGE = "number-too-large";
    /// Something else belongs in this place. The message says what, the help how it is written.
    UNEXPECTED = "unexpected";
    /// A bracket or a block that is not closed, or is closed by the wrong bracket.
    UNCLOSED = "unclosed";
    /// A comma is missing. What has its items on lines of their own has a comma after each of them, the last one too, and so
    /// has every line of a resource; what stands on one line has commas between its items only.
    MISSING_COMMA = "missing-comma";
    /// A comma with nothing to separate. On one line, commas stand between items, and nowhere else.
    STRAY_COMMA = "stray-comma";
    /// Statements end with their line: nothing may follow on it, and the last line ends with a line end too. An operator
    /// cannot be followed by a line end either.
    LINE_END = "line-end";
    /// Comparisons have no side to group to, so `a < b < c` means nothing. Write `a < b and b < c`, or use parentheses.
    CHAINED_COMPARISON = "chained-comparison";
    /// A sign belongs to the number that follows it at once, so `5-3` is two numbers. Write `5 - 3`.
    SIGN = "sign";
    /// The same name is given twice where it can be given once: a field of a struct or of a resource, a meta parameter, a
    /// parameter, an argument, a class of a block.
    DUPLICATE_NAME = "duplicate-name";
    /// An edge in a resource is one of `Before`, `Depend`, `Notify` and `Listen`.
    UNKNOWN_EDGE = "unknown-edge";
    /// The type that was declared cannot be that of the literal.
    LITERAL_TYPE = "literal-type";
    /// The keys of a map have one type, which is a boolean, a string, a number, or a struct of those.
    INVALID_KEY = "invalid-key";
    /// Names of variables have neither `..` nor `__` in them.
    INVALID_VARIABLE = "invalid-variable";
    /// An import stands directly in a loop. Move it out of the loop; its names can be used within.
    IMPORT_IN_LOOP = "import-in-loop";
    /// A backslash in a string is followed by something else than one of `a b f n r t v \ " $`.
    UNKNOWN_ESCAPE = "unknown-escape";
    /// What stands in `${…}` in a string is no expression. A literal `${` is written `\${`.
    INVALID_INTERPOLATION = "invalid-interpolation";
    /// There is nothing of that name here. What a module or a class defines is reached by the name of its import, or of its
    /// include with `as`; names of functions, variables and classes are separate.
    UNKNOWN_NAME = "unknown-name";
    /// A variable, function or class needs itself to be computed. The labels show the way around. There is no recursion: use
    /// a loop, or `iter.reduce`.
    RECURSION = "recursion";
    /// A class or function is given too many arguments, too few, or one that it does not have.
    ARGUMENTS = "arguments";
    /// Nothing says what type this has: an empty list or map, or a call whose result could be anything. Say it where a
    /// variable is defined: `$name []str = []`.
    AMBIGUOUS_TYPE = "ambiguous-type";
    /// What a program asks of the world (files, commands, the clock, facts, the store) is not known before it runs, and neither
    /// is what depends on it. `graph --live` asks for real.
    UNKNOWN_VALUE = "unknown-value";
    /// What cannot be imported: an absolute path, one that leads out of the program, or a file that does more than define.
    INVALID_IMPORT = "invalid-import";
    /// The module is neither in the function library nor where the program has its modules.
    UNKNOWN_MODULE = "unknown-module";
    /// The module comes from somewhere else and is neither below the program nor fetched. `homeostat module fetch` gets what is
    /// missing and writes into `homeostat.lock` what it got; `homeostat module vendor` puts it beside the program.
    MISSING_MODULE = "missing-module";
    /// `homeostat.lock`, which says at which commits modules were fetched, cannot be read. Take back what was changed in it, or
    /// remove it: then `homeostat module fetch` writes a new one with the newest commits.
    INVALID_LOCK = "invalid-lock";
    /// A file imports itself, mostly by way of others. Move what both need into a third file.
    RECURSIVE_IMPORT = "recursive-import";
    /// `metadata.yaml` of a module cannot be meant.
    INVALID_METADATA = "invalid-metadata";
    /// A value could not be computed, and no `<|>` catches it. The labels show the values that led to it. What ran before goes
    /// on running, and the program goes on when the value can be computed again.
    FAILED = "failed";
    /// A test expects what the program does not declare, or the other way round. The place is that of the expectation.
    UNMET = "unmet-expectation";
    /// A program asks the world for what its test does not give. Say it in `given { … }`: tests never ask this machine.
    NOT_GIVEN = "not-given";
    /// What a test says cannot be meant: files of tests have definitions and tests, `given` and `expect` stand in tests, and what
    /// is given are calls of functions that ask the world, with arguments and values that are written out.
    INVALID_TEST = "invalid-test";
    /// The document is nested deeper than what is accepted.
    TOO_DEEP = "too-deep";
    /// The aliases of the document expand to more than what is accepted.
    ALIAS_EXPANSION = "alias-expansion";
    /// An alias names an anchor that was not set before.
    UNKNOWN_ANCHOR = "unknown-anchor";
    /// The value has a tag that means nothing here. There are `!sensitive` and the core tags `!!str`, `!!int`, `!!float`,
    /// `!!bool`, `!!null`, `!!seq` and `!!map`.
    UNKNOWN_TAG = "unknown-tag";
    /// There are more findings than are printed. Mend those that are shown and look again.
    MORE_FINDINGS = "more-findings";
    /// The kind of input could not be told from its name and content. Give the file the ending `.yaml`, `.json` or `.mcl`, or
    /// say it with `--input-format`.
    UNKNOWN_FORMAT = "unknown-format";
    /// A mapping has the same key twice. Only one of them can be meant.
    DUPLICATE_KEY = "duplicate-key";
    /// A key that this place does not have. Nothing is ignored silently: a mistyped key would otherwise do nothing.
    UNKNOWN_KEY = "unknown-key";
    /// A key that must be there is missing.
    MISSING_KEY = "missing-key";
    /// The value has another shape than what belongs here, such as a list where a mapping belongs.
    WRONG_SHAPE = "wrong-shape";
    /// No kind of that name is known. `homeostat doc` lists the kinds.
    UNKNOWN_KIND = "unknown-kind";
    /// The kind has no parameter of that name. `homeostat doc KIND` lists its parameters.
    UNKNOWN_PARAM = "unknown-param";
    /// There is no meta parameter of that name.
    UNKNOWN_META = "unknown-meta";
    /// The value cannot be read as the type of the parameter.
    WRONG_TYPE = "wrong-type";
    /// A number is outside of what the parameter can hold.
    OUT_OF_RANGE = "out-of-range";
    /// A parameter that must be given is not.
    MISSING_PARAM = "missing-param";
    /// The parameters of the resource cannot be meant together, or one of them cannot be meant at all.
    INVALID_PARAM = "invalid-param";
    /// A meta parameter cannot be meant.
    INVALID_META = "invalid-meta";
    /// A resource needs a name that is not empty and, unless `dollar` is set, does not begin with `$`.
    INVALID_NAME = "invalid-name";
    /// A reference to a resource is not of the form `kind[name]`.
    INVALID_REFERENCE = "invalid-reference";
    /// An edge or a receive names a resource that is not declared.
    UNKNOWN_RESOURCE = "unknown-resource";
    /// The same kind and name is declared twice with different content. Identical declarations are merged.
    DUPLICATE_RESOURCE = "duplicate-resource";
    /// The resources wait for each other in a circle, so that none could start. The labels show the edges of the circle.
    CYCLE = "cycle";
    /// An automatic edge would close a circle with edges that were declared or came before it in the order of names, so it is left out.
    DROPPED_EDGE = "dropped-edge";
    /// Two resources send to the same parameter.
    DUPLICATE_RECEIVE = "duplicate-receive";
    /// The kind sends no value of that name, or none at all.
    CANNOT_SEND = "cannot-send";
    /// The kind does not take received values.
    CANNOT_RECEIVE = "cannot-receive";
    /// A name of old that is accepted and does nothing, or keeps its old meaning as the note says.
    LEGACY_KEY = "legacy-key";
    /// A value was redacted when this file was printed. Put the secret back before running it.
    REDACTED_VALUE = "redacted-value";
    /// The command has no guard (`creates`, `ifcmd`, `nifcmd`), so it runs once at every start. That is right for some
    /// commands; for the others say how to tell that there is nothing to do.
    UNGUARDED_EXEC = "unguarded-exec";
    /// The engine was stopped before it could load this.
    STOPPED = "stopped";
    /// The document was read, but selects other hosts.
    OTHER_HOST = "other-host";
    /// Two components of a topology have the same `id`. Dependencies name components by it, so each has its own.
    DUPLICATE_COMPONENT = "duplicate-component";
    /// A component of a topology depends on one that is not there.
    UNKNOWN_COMPONENT = "unknown-component";
    /// There is no engine of that name. There are `file`, `shell`, `nil` and `resource`.
    UNKNOWN_ENGINE = "unknown-engine";
    /// A method has the engine `resource` on one side and something else on the other. A resource looks and changes by itself: give
    /// it as `check` or as `do`, or the same one as both.
    SPLIT_RESOURCE = "split-resource";
    /// The kind of input is known, but this version cannot run it yet.
    UNSUPPORTED_INPUT = "unsupported-input";
}

/// The explanation of a code.
pub fn explain(code: &str) -> Option<&'static CodeDoc> {
    ALL.iter().find(|doc| doc.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        for (at, doc) in ALL.iter().enumerate() {
            assert!(
                doc.code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                doc.code
            );
            assert!(ALL[..at].iter().all(|other| other.code != doc.code), "{} stands twice", doc.code);
        }
    }
}
