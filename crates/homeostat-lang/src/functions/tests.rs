//! Every declaration is held to what it says of itself.

mod expression;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::types::{FuncType, Type, TypeVar, Unifier};
use crate::value::{Func, Value};
use expression::{Closure, Expression};

/// Evaluates the calls of examples; the source that an example asks says what is given there.
struct Evaluator<'a> {
    of: &'static Function,
    given: &'a str,
}

type Variables = Vec<(String, Value)>;

impl Evaluator<'_> {
    fn value(&self, expression: &Expression, variables: &Variables) -> Result<Value> {
        let all = |parts: &[Expression]| -> Result<Vec<Value>> {
            parts.iter().map(|part| self.value(part, variables)).collect()
        };
        match expression {
            Expression::Scalar(value) => Ok(value.clone()),
            Expression::List(items) => Ok(Value::list(all(items)?)),
            Expression::Map(keys, values) => Ok(Value::map(all(keys)?.into_iter().zip(all(values)?))),
            Expression::Struct(names, values) => {
                Ok(Value::structure(names.iter().map(String::as_str).zip(all(values)?)))
            }
            Expression::Variable(name) => Ok(variables
                .iter()
                .find(|(known, _)| known == name)
                .expect("a variable that is there")
                .1
                .clone()),
            Expression::Func(closure) => Ok(Value::Func(Func::new(0, None, Arc::clone(closure)))),
            Expression::Call(name, args) => {
                let args = all(args)?;
                let function = self.named(name);
                let ty = type_of_call(function, &args);
                let result = function.call(&Site { ty: &ty, module: "/module/" }, self, &args)?;
                assert!(
                    !ty.result.is_known() || result.is_of(&ty.result),
                    "{name}: {result} is no {}",
                    ty.result
                );
                Ok(result)
            }
        }
    }

    /// The function of the example by the name that an import gives it, or any other by its full name.
    fn named(&self, name: &str) -> &'static Function {
        let alias = self.of.module().rsplit('/').next().unwrap_or_default();
        let alias = if alias.is_empty() { String::new() } else { format!("{alias}.") };
        if name == format!("{alias}{}", self.of.short_name()) || name == self.of.name {
            return self.of;
        }
        find(name).unwrap_or_else(|| panic!("{}: no function {name}", self.of.name))
    }
}

impl Call for Evaluator<'_> {
    fn call(&self, func: &Func, args: &[Value]) -> Result<Value> {
        let closure = func.body::<Arc<Closure>>().expect("examples have closures of their own");
        self.value(&closure.body, &closure.params.iter().cloned().zip(args.iter().cloned()).collect())
    }

    fn ask(&self, request: &SourceRequest) -> Result<Value> {
        if self.given.is_empty() {
            return Err(Error::Unanswered(Box::new(request.clone())));
        }
        self.value(&expression::parse(self.given), &Vec::new())
    }
}

/// As inference would find it, with what the function says of constants.
fn type_of_call(function: &Function, args: &[Value]) -> FuncType {
    let mut unifier = Unifier::default();
    let signature = function.signature(args.len());
    let signature =
        signature.unwrap_or_else(|| panic!("{} takes no {} arguments", function.name, args.len()));
    let types: Vec<Type> =
        args.iter().map(|arg| arg.type_of().replace(&mut |_| Type::Var(unifier.fresh()))).collect();
    let call = unifier.instantiate(&signature);
    for (param, ty) in call.params.iter().zip(&types) {
        unifier.unify(&param.ty, ty).unwrap_or_else(|mismatch| panic!("{}: {mismatch}", function.name));
    }
    if let Some(check) = function.check {
        let types: Vec<Type> = types.iter().map(|ty| unifier.resolve(ty)).collect();
        let known = types.iter().zip(args).map(|(ty, value)| KnownArg { ty, value: Some(value) });
        let result = unifier.resolve(&call.result);
        if let Ok(Some(checked)) = check(&known.collect::<Vec<_>>(), &result) {
            unifier
                .unify(&call.result, &checked.result)
                .unwrap_or_else(|mismatch| panic!("{}: {mismatch}", function.name));
        }
    }
    call.replace(&mut |var| unifier.resolve(&Type::Var(var)))
}

#[test]
fn every_example_gives_what_it_says() {
    let mut wrong = Vec::new();
    for function in registry() {
        for example in function.examples {
            let evaluator = Evaluator { of: function, given: example.given };
            let found = match evaluator.value(&expression::parse(example.call), &Vec::new()) {
                Ok(value) => value.to_string(),
                Err(error) => format!("error: {error}"),
            };
            if found != example.result {
                wrong.push(format!(
                    "{}: {} gives {found}, not {}",
                    function.name, example.call, example.result
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_declaration_is_whole() {
    for function in registry() {
        let name = function.name;
        let types = function.types();
        let arities: BTreeSet<usize> = types.iter().map(|ty| ty.params.len()).collect();
        assert_eq!(arities.len(), types.len(), "{name}: two types for as many arguments");
        assert!(function.doc.ends_with('.') && !function.doc.contains("  "), "{name}: {}", function.doc);
        let is_absent = matches!(function.body, Body::Absent(_));
        assert_eq!(function.examples.is_empty(), is_absent, "{name}: examples");
        for form in function.allowed() {
            let mut unifier = Unifier::default();
            let signature = function.signature(form.params.len()).unwrap();
            let (signature, form) = (unifier.instantiate(&signature), unifier.instantiate(&form));
            for (wide, narrow) in signature.params.iter().zip(&form.params) {
                unifier.unify(&wide.ty, &narrow.ty).unwrap();
            }
            unifier.unify(&signature.result, &form.result).unwrap();
        }
    }
}

#[test]
fn names_are_unique_and_sorted_and_found() {
    let names: Vec<&str> = registry().iter().map(|function| function.name).collect();
    assert!(names.is_sorted_by(|a, b| a < b));
    for name in
        ["len", "strings.split", "net/http.response", "golang/strings.join", "_+", "sys/fwupd.reboot_needed"]
    {
        assert_eq!(find(name).map(|function| function.name), Some(name));
    }
    assert!(find("strings").is_none());
    assert!(module("math").any(|function| function.short_name() == "sqrt"));
    assert!(module("").all(|function| !function.name.contains('.')));
}

/// The specification's modules with the number of their functions.
#[test]
fn the_library_is_complete() {
    for (name, count) in [
        ("convert", 7),
        ("fmt", 1),
        ("strings", 12),
        ("math", 5),
        ("list", 2),
        ("map", 3),
        ("iter", 6),
        ("deploy", 7),
        ("encoding", 4),
        ("regexp", 1),
        ("golang", 1),
        ("datetime", 7),
        ("net", 15),
        ("net/http", 1),
        ("os", 16),
        ("sys", 7),
        ("sys/fwupd", 1),
        ("value", 5),
        ("local", 2),
        ("util", 1),
        ("test", 13),
        ("example", 7),
        ("example/nested", 1),
        ("golang/html", 2),
        ("golang/math", 58),
        ("golang/math/rand", 8),
        ("golang/os", 19),
        ("golang/os/exec", 1),
        ("golang/path", 7),
        ("golang/path/filepath", 16),
        ("golang/runtime", 10),
        ("golang/strconv", 18),
        ("golang/strings", 27),
        ("world", 3),
        ("world/collect", 1),
    ] {
        assert_eq!(module(name).count(), count, "{name}");
    }
}

#[test]
fn what_is_made_of_a_secret_is_secret() {
    let secret = Value::from("hunter2").into_sensitive();
    let caller = Evaluator { of: registry()[0], given: "" };
    let call = |name: &str, args: &[Value]| {
        let function = find(name).unwrap();
        let ty = type_of_call(function, args);
        function.call(&Site { ty: &ty, module: "/" }, &caller, args)
    };
    let made = call("strings.to_upper", std::slice::from_ref(&secret)).unwrap();
    assert_eq!((made.is_sensitive(), made.as_str()), (true, Some("HUNTER2")));
    let printed = call("fmt.printf", &[Value::from("%v"), Value::list([secret.clone()])]).unwrap();
    assert_eq!((printed.is_sensitive(), printed.as_str()), (true, Some("[\"hunter2\"]")));
    let list = Value::list([Value::from("open"), secret.clone()]);
    let picked = call("list.lookup", &[list.clone(), Value::Int(0)]).unwrap();
    assert!(!picked.is_sensitive());
    assert!(call("list.lookup", &[list.clone(), Value::Int(1)]).unwrap().is_sensitive());
    for (name, args) in [
        ("convert.parse_bool", vec![secret.clone()]),
        ("regexp.match", vec![Value::from("(").into_sensitive(), Value::from("")]),
        ("list.lookup", vec![list, Value::Int(7)]),
        ("map.lookup", vec![Value::map([]), secret]),
    ] {
        let message = call(name, &args).unwrap_err().to_string();
        assert!(!message.contains("hunter2") && !message.contains('('), "{name}: {message}");
    }
}

#[test]
fn a_call_of_the_wrong_types_is_an_error_and_no_panic() {
    let caller = Evaluator { of: registry()[0], given: "" };
    let args = [
        vec![],
        vec![Value::Int(-1)],
        vec![Value::list([Value::Float(0.5)]); 2],
        vec![Value::from("\u{e9}"); 3],
        vec![Value::Bool(true), Value::map([]), Value::Int(i64::MAX), Value::Int(i64::MIN)],
    ];
    for function in registry() {
        for args in &args {
            let ty = FuncType::new(args.iter().map(Value::type_of), Type::Var(TypeVar(0)));
            drop(function.call(&Site { ty: &ty, module: "/" }, &caller, args));
        }
    }
}

#[test]
fn checks_say_what_is_wrong_before_anything_runs() {
    let checked = |name: &str, args: &[(&str, Option<Value>)]| {
        let types: Vec<Type> = args.iter().map(|(ty, _)| ty.parse().unwrap()).collect();
        let known = types.iter().zip(args).map(|(ty, (_, value))| KnownArg { ty, value: value.as_ref() });
        let check = find(name).unwrap().check.unwrap();
        let found = check(&known.collect::<Vec<_>>(), &Type::Var(TypeVar(9)));
        found
            .map(|ty| ty.map_or("?".into(), |ty| ty.to_string()))
            .map_err(|misuse| misuse.message + "; " + &misuse.help)
    };
    let text = |text: &str| Some(Value::from(text));
    for (name, args, expected) in [
        ("_lookup", vec![("[]str", None), ("?1", None)], Ok("func([]str, int) str")),
        ("_lookup", vec![("map{str: bool}", None), ("?1", None)], Ok("func(map{str: bool}, str) bool")),
        ("_lookup", vec![("?1", None), ("str", None)], Ok("func(map{str: ?9}, str) ?9")),
        ("_lookup", vec![("?1", None), ("int", None)], Ok("?")),
        (
            "_lookup",
            vec![("struct{a int}", None), ("int", None)],
            Err(
                "only lists and maps can be indexed, and this is `struct{a int}`; a field of a struct is `$s->field`",
            ),
        ),
        (
            "_struct_lookup",
            vec![("struct{size int}", None), ("str", text("size"))],
            Ok("func(struct{size int}, str) int"),
        ),
        (
            "_struct_lookup",
            vec![("struct{size int}", None), ("str", text("sise"))],
            Err("the struct has no field `sise`; did you mean `size`?"),
        ),
        ("_struct_lookup", vec![("?1", None), ("str", text("a"))], Ok("?")),
        (
            "_struct_lookup_optional",
            vec![("struct{a int}", None), ("str", text("b")), ("?1", None)],
            Ok("func(struct{a int}, str, ?1) ?9"),
        ),
        ("encoding.decode_json", vec![("str", None), ("str", text("[]int"))], Ok("func(str, str) []int")),
        (
            "encoding.decode_json",
            vec![("str", None), ("str", text("[]func() int"))],
            Err("JSON holds nothing of type `[]func() int`; "),
        ),
        ("_==", vec![("int", None), ("func() int", None)], Err("functions cannot be compared; ")),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(checked(name, &args), expected, "{name}");
    }
}

#[test]
fn overloaded_functions_say_where_they_fit() {
    for (name, ty, fits) in [
        ("len", "func(map{str: []int}) int", true),
        ("len", "func([]?7) int", true),
        ("len", "func(bool) int", false),
        ("_+", "func(str, str) str", true),
        ("_+", "func(?1, ?1) ?1", true),
        ("_+", "func([]int, []int) []int", false),
        ("_/", "func(str, str) float", false),
        ("math.fortytwo", "func() float", true),
        ("math.fortytwo", "func() str", false),
        ("concat", "func(str, str) str", true),
    ] {
        assert_eq!(find(name).unwrap().allows(&ty.parse().unwrap()), fits, "{name} {ty}");
    }
}

#[test]
fn variables_have_unique_names() {
    let all = variables();
    let names: BTreeSet<_> = all.iter().map(|variable| (variable.module, variable.name)).collect();
    assert_eq!(names.len(), all.len());
}
