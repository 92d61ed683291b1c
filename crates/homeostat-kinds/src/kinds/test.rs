//! Manages nothing: a resource with parameters of every type, for trying out texts and the engine.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   test:
//!   - name: everything
//!     int8: -7
//!     slicestring: [a, b]
//!     sendvalue: hello
//! ```
//!
//! ## Watches
//!
//! Nothing.
//!
//! ## Automatic edges
//!
//! None.
//!
//! ## Sends and receives
//!
//! Receives any parameter. Sends `hello`, which is `sendvalue` if that is given, and `answer`, which is 42.
//!
//! ## Limits
//!
//! Unless it is said otherwise, a parameter is checked for its type and has no effect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use homeostat_engine::{Applied, Check, Context, Failure, NoDrift, Outputs, ParamError, Resource};
use homeostat_model::Value;
use homeostat_model::schema::{OutputSchema, Type};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is declared of a `test`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(dead_code, reason = "most parameters are there to be given")]
pub(super) struct Params {
    /// A truth.
    bool: bool,
    /// A text.
    str: String,
    /// A whole number.
    int: i64,
    /// A whole number of 8 bits.
    int8: i8,
    /// A whole number of 16 bits.
    int16: i16,
    /// A whole number of 32 bits.
    int32: i32,
    /// A whole number of 64 bits.
    int64: i64,
    /// A whole number, 0 or more.
    uint: u64,
    /// A whole number of 8 bits, 0 or more.
    uint8: u8,
    /// A whole number of 16 bits, 0 or more.
    uint16: u16,
    /// A whole number of 32 bits, 0 or more.
    uint32: u32,
    /// A whole number of 64 bits, 0 or more.
    uint64: u64,
    /// A byte.
    byte: u8,
    /// A character by its number.
    rune: i32,
    /// A number.
    float32: f32,
    /// A number.
    float64: f64,
    /// A truth that may be missing.
    #[serde(alias = "bool_ptr")]
    #[schemars(extend("x-aliases" = ["bool_ptr"]))]
    boolptr: Option<bool>,
    /// A text that may be missing.
    #[serde(alias = "string_ptr")]
    #[schemars(extend("x-aliases" = ["string_ptr"]))]
    stringptr: Option<String>,
    /// A whole number that may be missing.
    int64ptr: Option<i64>,
    /// A whole number of 8 bits that may be missing.
    int8ptr: Option<i8>,
    /// A whole number of 8 bits, 0 or more, that may be missing.
    uint8ptr: Option<u8>,
    /// A whole number of 8 bits that may be missing in three ways.
    int8ptrptrptr: Option<i8>,
    /// Texts.
    slicestring: Vec<String>,
    /// Numbers by whole numbers.
    mapintfloat: BTreeMap<i64, f64>,
    /// Fields of several types.
    mixedstruct: MixedStruct,
    /// Anything.
    interface: Option<Value>,
    /// Another text.
    anotherstr: String,
    /// A function of the language. It can be declared, and its type is checked; nothing calls it.
    #[schemars(extend(
        "type" = "null",
        "x-function" = {"params": [{"type": "integer"}], "result": {"type": "string"}}
    ))]
    func1: Option<Value>,
    /// Refuse the resource.
    #[serde(alias = "validate_bool")]
    #[schemars(extend("x-aliases" = ["validate_bool"]))]
    validatebool: bool,
    /// Refuse the resource with this text.
    #[serde(alias = "validate_error")]
    #[schemars(extend("x-aliases" = ["validate_error"]))]
    validateerror: String,
    /// Let it be applied together with others of its kind.
    #[serde(alias = "always_group")]
    #[schemars(extend("x-aliases" = ["always_group"]))]
    alwaysgroup: bool,
    /// Of old: never equal to another declaration. Declarations are compared as data, so it has no effect.
    #[serde(alias = "compare_fail")]
    #[schemars(extend("x-aliases" = ["compare_fail"]))]
    comparefail: bool,
    /// What is sent as `hello`.
    #[serde(alias = "send_value")]
    #[schemars(extend("x-aliases" = ["send_value"]))]
    sendvalue: String,
    /// The parameters that should be received, no more and no less; otherwise it fails.
    #[serde(alias = "expect_recv")]
    #[schemars(extend("x-aliases" = ["expect_recv"]))]
    expectrecv: Option<Vec<String>>,
    /// Of old: the parameters that are shown. It has no effect.
    #[serde(alias = "only_show")]
    #[schemars(extend("x-aliases" = ["only_show"]))]
    onlyshow: Vec<String>,
    /// So many looks fail before one succeeds.
    #[serde(alias = "wait_for_error")]
    #[schemars(extend("x-aliases" = ["wait_for_error"]))]
    waitforerror: u32,
    /// A word to the reader.
    comment: String,
}

/// Fields of several types.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(dead_code, reason = "they are there to be given")]
struct MixedStruct {
    /// A truth.
    somebool: bool,
    /// A text.
    somestr: String,
    /// A whole number.
    someint: i64,
    /// A number.
    somefloat: f64,
}

pub(super) struct Test {
    outputs: Outputs,
    grouped: bool,
    /// In order.
    expects: Option<Vec<String>>,
    failures_left: AtomicU32,
}

impl Resource for Test {
    const KIND: &'static str = "test";
    const DOC: &'static str = super::doc_of!("test");
    const REPAIRS: bool = false;
    const OUTPUTS: &'static [OutputSchema] = &[
        OutputSchema { key: "hello", ty: Type::Str, doc: "The parameter `sendvalue`, if it is given." },
        OutputSchema { key: "answer", ty: Type::INT, doc: "42." },
    ];

    type Params = Params;
    type Drift = NoDrift;
    type Prefetched = ();

    fn new(_name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        if params.validatebool {
            errors.push(ParamError::of("validatebool", "the validate param was set to true"));
        }
        if !params.validateerror.is_empty() {
            errors.push(ParamError::of("validateerror", params.validateerror));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let outputs = Outputs::none().with("answer", Value::Int(42));
        let outputs = match params.sendvalue.is_empty() {
            true => outputs,
            false => outputs.with("hello", Value::from(params.sendvalue)),
        };
        let expects = params.expectrecv.map(|mut expects| {
            expects.sort();
            expects.dedup();
            expects
        });
        let failures_left = AtomicU32::new(params.waitforerror);
        Ok(Self { outputs, grouped: params.alwaysgroup, expects, failures_left })
    }

    fn expects(&self, received: &[&str]) -> Result<(), Failure> {
        let Some(expects) = &self.expects else { return Ok(()) };
        let mut received = received.to_vec();
        received.sort_unstable();
        if received.iter().eq(expects.iter()) {
            return Ok(());
        }
        let list = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let expected = list(expects.iter().map(String::as_str).collect());
        Err(Failure::permanent(format!("it was to receive {expected}, and received {}", list(received))))
    }

    fn foretell(&self) -> Option<Outputs> {
        Some(self.outputs.clone())
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<NoDrift>, Failure> {
        let left = self.failures_left.load(Ordering::SeqCst);
        if left > 0 {
            self.failures_left.store(left - 1, Ordering::SeqCst);
            return Err(Failure::transient("this look was to fail"));
        }
        Ok(Check::Converged(self.outputs.clone()))
    }

    async fn apply(&self, _cx: &Context<'_>, drift: NoDrift) -> Result<Applied, Failure> {
        match drift {}
    }

    fn batch_key(&self) -> Option<String> {
        self.grouped.then(String::new)
    }
}

#[cfg(test)]
mod tests {
    use homeostat_engine::{Causes, Kind, Registry};
    use homeostat_model::schema::Type;

    use super::*;
    use crate::testing::TestHost;

    fn parse(fields: &[(&'static str, Value)]) -> Params {
        let params: homeostat_model::Params = fields.iter().cloned().collect();
        params.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn it_fails_unless_it_receives_what_it_expects() {
        let expecting = |names: &[&str]| {
            let names = names.iter().map(|name| Value::from(*name)).collect();
            Test::new(&"t".into(), parse(&[("expectrecv", Value::List(names))]))
                .unwrap_or_else(|_| panic!("valid"))
        };
        assert_eq!(expecting(&["str", "int"]).expects(&["int", "str"]), Ok(()));
        assert_eq!(expecting(&[]).expects(&[]), Ok(()));
        let failure = expecting(&["str"]).expects(&[]).unwrap_err();
        assert_eq!(failure.message(), "it was to receive str, and received nothing");
        assert!(expecting(&[]).expects(&["str"]).is_err());
        let indifferent = Test::new(&"t".into(), parse(&[])).unwrap_or_else(|_| panic!("valid"));
        assert_eq!(indifferent.expects(&["str"]), Ok(()));
    }

    #[tokio::test]
    async fn it_sends_hello_and_the_answer() {
        let host = TestHost::new();
        let test =
            Test::new(&"t".into(), parse(&[("send_value", Value::from("hi"))])).map_err(|_| ()).unwrap();
        let want = Outputs::none().with("hello", Value::from("hi")).with("answer", Value::Int(42));
        assert_eq!(test.check(&host.cx(Causes::DECLARED)).await, Ok(Check::Converged(want)));
    }

    #[tokio::test]
    async fn it_fails_as_often_as_it_should() {
        let host = TestHost::new();
        let test = Test::new(&"t".into(), parse(&[("waitforerror", Value::Int(2))])).map_err(|_| ()).unwrap();
        let mut failures = 0;
        while test.check(&host.cx(Causes::RETRY)).await.is_err() {
            failures += 1;
        }
        assert_eq!(failures, 2);
    }

    #[test]
    fn it_can_be_refused() {
        let message = |params| Test::new(&"t".into(), params).map(drop).unwrap_err()[0].message.clone();
        assert_eq!(
            message(parse(&[("validatebool", Value::Bool(true))])),
            "the validate param was set to true"
        );
        assert_eq!(message(parse(&[("validateerror", Value::from("no"))])), "no");
    }

    #[test]
    fn its_parameters_have_every_type() {
        let registry = Registry::new([Kind::of::<Test>()]);
        let schema = registry.schema("test").unwrap();
        let ty = |name| schema.param(name).unwrap().ty.clone();
        assert_eq!(ty("int8"), Type::Int { min: -128, max: 127 });
        assert_eq!(ty("mapintfloat"), Type::Map(Box::new(Type::INT), Box::new(Type::Float)));
        assert_eq!(ty("interface"), Type::Any);
        assert_eq!(ty("func1"), Type::Func(vec![Type::INT], Box::new(Type::Str)));
        assert_eq!(ty("expectrecv"), Type::List(Box::new(Type::Str)));
        assert!(matches!(ty("mixedstruct"), Type::Struct(fields) if fields.len() == 4));
        assert!(schema.params.iter().all(|param| !param.required && !param.doc.is_empty()));
        assert_eq!(schema.json["properties"]["boolptr"]["x-aliases"][0], "bool_ptr");
    }
}
