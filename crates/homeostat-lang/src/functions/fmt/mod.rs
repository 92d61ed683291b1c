//! `fmt`: text by a format.

mod format;

use super::args::Args;
use super::check::{KnownArg, Misuse};
use super::declaration::{Body, Function, Site, gives};
use super::error::{Error, Result};
use crate::functions::golang::quote;
use crate::types::{FuncType, Type};
use crate::value::{Value, float_text};
use format::{Piece, Verb};

pub(super) const FUNCTIONS: &[Function] = &[Function::with_body(
    "fmt.printf",
    &["func(format str, values ...?1) str"],
    "The format with its verbs replaced by the values: `%t` for `bool`, `%s` for `str`, `%q` for `str` in quotes, `%d` for \
     `int`, `%f` for `float`, `%v` for whatever it is, `%T` for its type, `%%` for a percent sign. There are no widths and \
     no precision.",
    &[
        gives("fmt.printf(\"%s is %d\", \"x\", 42)", "\"x is 42\""),
        gives("fmt.printf(\"%v %f %T\", [\"a\"], 3.0, 3.5)", "\"[\\\"a\\\"] 3 float\""),
        gives("fmt.printf(\"%v\", struct{a => 1, b => \"x\"})", "\"struct{a: 1; b: \\\"x\\\"}\""),
        gives("fmt.printf(\"%d\", \"x\")", "error: unexpected type: base kind does not match (int != str)"),
        gives("fmt.printf(\"%d\")", "error: the format prints 1 values, and is given 0"),
    ],
    Body::At(printf),
)
.check(check)];

/// Each value has a type of its own, which no signature can say: this one does, once the format is known.
fn check(args: &[KnownArg<'_>], _: &Type) -> std::result::Result<Option<FuncType>, Misuse> {
    let Some(format) = args.first() else {
        return Err(Misuse::of_call("must have at least one arg"));
    };
    let Some(text) = format.value else {
        let values = args[1..].iter().map(|arg| arg.ty.clone());
        return Ok(Some(FuncType::new([Type::Str].into_iter().chain(values), Type::Str)));
    };
    let Some(text) = text.as_str() else { return Ok(None) };
    let pieces = format::parse(text).map_err(|at| {
        Misuse::of_arg(0, format!("the format cannot be read from byte {at} on"))
            .help("the verbs are %t %s %q %d %f %v %T and %%, without width or precision")
    })?;
    let verbs: Vec<Verb> = pieces.iter().filter_map(Piece::verb).collect();
    let values = &args[1..];
    if verbs.len() != values.len() {
        let (values, verbs) = (values.len(), verbs.len());
        let message = format!("the format prints {verbs} values, and is given {values}");
        return Err(Misuse::of_call(message));
    }
    let mut types = vec![Type::Str];
    for (at, (verb, arg)) in verbs.into_iter().zip(values).enumerate() {
        types.push(match verb.wants() {
            Some(wanted) if matches!(arg.ty, Type::Var(_)) => wanted,
            Some(wanted) if *arg.ty != wanted => {
                let (found, wanted, at) = (arg.ty.kind(), wanted.kind(), at + 1);
                let message = format!("the format prints `{wanted}` here, and this is `{found}`");
                return Err(Misuse::of_arg(at, message).help(verb_help(arg.ty)));
            }
            _ => arg.ty.clone(),
        });
    }
    Ok(Some(FuncType::new(types, Type::Str)))
}

fn verb_help(ty: &Type) -> String {
    let verb = match ty {
        Type::Bool => "%t",
        Type::Str => "%s",
        Type::Int => "%d",
        Type::Float => "%f",
        Type::List(_) | Type::Map(..) | Type::Struct(_) | Type::Func(_) | Type::Variant | Type::Var(_) => {
            "%v"
        }
    };
    format!("`{verb}` prints `{ty}`")
}

fn printf(site: &Site<'_>, args: Args<'_>) -> Result<Value> {
    let pieces = format::parse(args.str(0)?)
        .map_err(|at| Error::permanent(format!("the format cannot be read from byte {at} on")))?;
    let count = pieces.iter().filter_map(Piece::verb).count();
    let values = args.len() - 1;
    if count > values {
        return Err(Error::permanent(format!("the format prints {count} values, and is given {values}")));
    }
    let mut out = String::new();
    let mut at = 0;
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Verb(verb) => {
                at += 1;
                let known = site.ty.params.get(at).map(|param| &param.ty).filter(|ty| ty.is_known());
                out.push_str(&render(verb, args.get(at)?, known)?);
            }
        }
    }
    Ok(Value::from(out))
}

fn render(verb: Verb, value: &Value, ty: Option<&Type>) -> Result<String> {
    Ok(match (verb, value) {
        (Verb::Type, value) => ty.map_or_else(|| value.type_of().to_string(), Type::to_string),
        (Verb::Quoted, Value::Str(text)) => quote::quote(text),
        (Verb::Str | Verb::Any, Value::Str(text)) => text.to_string(),
        (Verb::Float | Verb::Any, Value::Float(number)) => float_text(*number),
        (Verb::Bool, Value::Bool(_)) | (Verb::Int, Value::Int(_)) | (Verb::Any, _) => value.to_string(),
        (verb, value) => {
            let (wanted, found) = (verb.wants().map_or("variant", |ty| ty.kind()), value.type_of());
            let message = format!("unexpected type: base kind does not match ({wanted} != {})", found.kind());
            return Err(Error::permanent(message));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(format: Option<&str>, types: &[&str]) -> std::result::Result<String, String> {
        let format = format.map(Value::from);
        let types: Vec<Type> = types.iter().map(|text| text.parse().unwrap()).collect();
        let first = KnownArg { ty: &Type::Str, value: format.as_ref() };
        let rest = types.iter().map(|ty| KnownArg { ty, value: None });
        let args: Vec<KnownArg<'_>> = [first].into_iter().chain(rest).collect();
        check(&args, &Type::Str).map(|ty| ty.unwrap().to_string()).map_err(|misuse| misuse.message)
    }

    #[test]
    fn a_known_format_decides_the_types() {
        for (format, types, expected) in [
            (Some("%s is %d"), &["?7", "?8"][..], Ok("func(str, str, int) str")),
            (Some("%v %T"), &["?7", "[]int"], Ok("func(str, ?7, []int) str")),
            (Some("100%%"), &[], Ok("func(str) str")),
            (None, &["int"], Ok("func(str, int) str")),
            (Some("%d %d"), &["int"], Err("the format prints 2 values, and is given 1")),
            (Some("a%5d"), &["int"], Err("the format cannot be read from byte 2 on")),
            (Some("%d %s"), &["int", "int"], Err("the format prints `str` here, and this is `int`")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(checked(format, types), expected, "{format:?}");
        }
        assert!(check(&[], &Type::Str).is_err());
    }
}
