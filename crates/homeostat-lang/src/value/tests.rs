use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use super::*;

/// Values as they come, of mixed types inside containers too, which only makes the order harder.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        Just(Value::Float(f64::NAN)),
        "[a-zé\"\\\\\n\t]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::map),
            prop::collection::btree_map("[a-c]{1,2}", inner.clone(), 0..4).prop_map(Value::structure),
            inner.prop_map(Value::into_sensitive),
        ]
    })
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A type, and a value of it that prints to what reads back.
fn typed() -> impl Strategy<Value = (Type, Value)> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| (Type::Bool, Value::Bool(value))),
        any::<i64>().prop_map(|value| (Type::Int, Value::Int(value))),
        prop::num::f64::NORMAL.prop_map(|value| (Type::Float, Value::Float(value))),
        any::<String>().prop_map(|text| (Type::Str, Value::from(text))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), 0..3usize).prop_map(|((ty, value), count)| {
                (Type::list(ty), Value::list(std::iter::repeat_n(value, count)))
            }),
            inner
                .clone()
                .prop_map(|(ty, value)| { (Type::map(Type::Int, ty), Value::map([(Value::Int(1), value)])) }),
            (inner.clone(), inner).prop_map(|((first, a), (second, b))| {
                (Type::structure([("a", first), ("b", second)]), Value::structure([("a", a), ("b", b)]))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn the_order_is_total_and_agrees_with_hashes(a in values(), b in values(), c in values()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.clone(), a.clone());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
        }
        prop_assert_eq!(hash(&a), hash(&a.clone()));
    }

    #[test]
    fn what_is_shown_reads_back((ty, value) in typed()) {
        prop_assert_eq!(Value::parse(&value.to_string(), &ty), Ok(value));
    }

    #[test]
    fn the_model_keeps_what_is_data(value in values()) {
        let there = homeostat_model::Value::try_from(&value).unwrap();
        prop_assert_eq!(there.is_sensitive(), value.is_sensitive());
        prop_assert_eq!(Value::try_from(&there).unwrap(), value);
    }

    #[test]
    fn nothing_sensitive_is_left_when_all_is_revealed(value in values()) {
        prop_assert!(!value.reveal_all().is_sensitive());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z0-9\\[\\]{}=>:;, \"\\\\.-]{0,30}") {
        for ty in ["[]int", "map{str: float}", "struct{a int; b str}", "str"] {
            let ty: Type = ty.parse().unwrap();
            if let Ok(value) = Value::parse(&text, &ty) {
                prop_assert_eq!(Value::parse(&value.to_string(), &ty), Ok(value));
            }
        }
    }
}

#[test]
fn a_secret_taints_what_holds_it_and_is_never_printed() {
    let secret = Value::from("hunter2").into_sensitive();
    let value = Value::structure([("user", Value::from("ann")), ("pass", Value::list([secret]))]);
    assert!(value.is_sensitive());
    assert_eq!(value.to_string(), r#"struct{user: "ann"; pass: [[redacted]]}"#);
    assert_eq!(value.reveal_all().to_string(), r#"struct{user: "ann"; pass: ["hunter2"]}"#);
}

#[test]
fn values_are_shown_as_the_language_writes_them() {
    for (value, shown) in [
        (Value::Float(3.0), "3"),
        (Value::Float(-0.001), "-0.001"),
        (Value::Float(1e21), "1000000000000000000000"),
        (Value::from("a\"b\n"), r#""a\"b\n""#),
        (
            Value::map([(Value::from("b"), Value::Int(2)), (Value::from("a"), Value::Int(1))]),
            r#"{"a": 1, "b": 2}"#,
        ),
        (Value::structure([("b", Value::Bool(true)), ("a", Value::Int(1))]), "struct{b: true; a: 1}"),
        (Value::list([]), "[]"),
        (Value::map([]), "{}"),
    ] {
        assert_eq!(value.to_string(), shown);
    }
}

#[test]
fn what_is_empty_has_a_type_with_holes() {
    assert_eq!(Value::list([]).type_of().to_string(), "[]?0");
    assert_eq!(Value::list([Value::map([])]).type_of().to_string(), "[]map{?0: ?0}");
}

#[test]
fn zero_has_every_type_that_data_can_have() {
    let ty: Type = "struct{a []int; b map{str: int}; c struct{d float}}".parse().unwrap();
    assert_eq!(Value::zero(&ty).unwrap().to_string(), "struct{a: []; b: {}; c: struct{d: 0}}");
    assert_eq!(Value::zero(&"[]func() int".parse().unwrap()), Some(Value::list([])));
    assert_eq!(Value::zero(&"struct{f func() int}".parse().unwrap()), None);
}

#[test]
fn a_value_is_three_words_and_moves_between_threads() {
    fn moves<T: Send + Sync>() {}
    moves::<Value>();
    assert_eq!(size_of::<Value>(), 24);
}
