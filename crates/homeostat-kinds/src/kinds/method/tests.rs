use super::*;
use crate::testing::TestHost;

fn file(path: &str) -> serde_json::Value {
    serde_json::json!({ "file": { "path": path } })
}

fn shell(line: &str) -> serde_json::Value {
    serde_json::json!({ "shell": { "artifact": "sh", "args": ["-c", line], "env": { "WHO": "me" } } })
}

fn made(check: serde_json::Value, action: serde_json::Value) -> Result<Method, Vec<ParamError>> {
    let params = serde_json::from_value(serde_json::json!({ "check": check, "do": action })).unwrap();
    Method::new(&"m".into(), params)
}

fn method(check: serde_json::Value, action: serde_json::Value) -> Method {
    made(check, action).unwrap_or_else(|errors| panic!("{errors:?}"))
}

async fn look(method: &Method, host: &TestHost, causes: Causes) -> Result<Check<Untrue>, Failure> {
    Resource::check(method, &host.cx(causes)).await
}

#[tokio::test]
async fn a_file_is_made_with_its_directories_and_is_true_while_it_is_there() {
    let host = TestHost::new();
    let path = host.path("a/b/c");
    let method = method(file(&path), file(&path));
    let Ok(Check::Drifted(drift)) = look(&method, &host, Causes::DECLARED).await else {
        panic!("it is there")
    };
    method.apply(&host.cx(Causes::DECLARED), drift).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    assert!(matches!(look(&method, &host, Causes::WAKE).await, Ok(Check::Converged(_))));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(look(&method, &host, Causes::WAKE).await, Ok(Check::Drifted(_))));
}

#[tokio::test]
async fn without_an_action_it_waits_for_whoever_brings_it_about() {
    let host = TestHost::new();
    let path = host.path("leave");
    for nothing in [serde_json::json!({}), serde_json::json!({ "nil": null })] {
        let method = method(file(&path), nothing);
        let waits = Failure::waiting(format!("{path} to be there"));
        assert_eq!(look(&method, &host, Causes::DECLARED).await, Err(waits));
    }
}

#[tokio::test]
async fn the_check_decides_after_the_action_which_is_not_repeated_for_every_look() {
    let host = TestHost::new();
    let (wanted, log) = (host.path("wanted"), host.path("log"));
    let method = method(file(&wanted), shell(&format!("echo >> {log}")));
    let waits = Err(Failure::waiting(format!("{wanted} to be there")));
    let Ok(Check::Drifted(drift)) = look(&method, &host, Causes::DECLARED).await else {
        panic!("it is there")
    };
    assert_eq!(method.apply(&host.cx(Causes::DECLARED), drift).await.map(drop), waits.clone());
    assert_eq!(look(&method, &host, Causes::WAKE).await.map(drop), waits.map(drop));
    assert!(matches!(look(&method, &host, Causes::PREDECESSOR).await, Ok(Check::Drifted(_))));
    std::fs::write(&wanted, "").unwrap();
    assert!(matches!(look(&method, &host, Causes::WAKE).await, Ok(Check::Converged(_))));
    std::fs::remove_file(&wanted).unwrap();
    assert!(matches!(look(&method, &host, Causes::WAKE).await, Ok(Check::Drifted(_))));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "\n");
}

#[tokio::test]
async fn lines_of_a_program_are_outputs_and_its_status_is_the_answer() {
    let host = TestHost::new();
    let flag = host.path("flag");
    let check = shell(&format!("echo PORT=5432; echo no output; test -e {flag}"));
    let method = method(check, shell(&format!("echo WHO=$WHO; echo 1x=2; touch {flag}")));
    let Ok(Check::Drifted(drift)) = look(&method, &host, Causes::DECLARED).await else {
        panic!("it is true")
    };
    let applied = method.apply(&host.cx(Causes::DECLARED), drift).await.unwrap();
    let map = [("PORT", "5432"), ("WHO", "me")].map(|(name, value)| (Value::from(name), Value::from(value)));
    assert_eq!(applied.outputs, Outputs::none().with("outputs", Value::Map(map.into())));
}

#[tokio::test]
async fn a_program_that_fails_or_is_not_there_is_a_failure_with_its_reason() {
    let host = TestHost::new();
    let missing = host.path("missing");
    let fails = method(file(&missing), shell("echo went wrong >&2; exit 3"));
    let failed = fails.apply(&host.cx(Causes::DECLARED), Untrue(String::new())).await.unwrap_err();
    assert_eq!(failed, Failure::transient("`do`: exit status 3: went wrong"));
    let absent = serde_json::json!({ "shell": { "artifact": missing } });
    let failure = look(&method(absent, shell("true")), &host, Causes::DECLARED).await.unwrap_err();
    assert!(failure.message().contains("cannot run"), "{failure}");
}

#[test]
fn wrong_engines_are_refused() {
    let none = || serde_json::json!({});
    for (engine, why) in [
        (file("relative"), "must be absolute"),
        (serde_json::json!({ "file": { "path": "/a" }, "shell": { "artifact": "b" } }), "one engine"),
        (serde_json::json!({ "shell": { "artifact": "bin/x" } }), "must be absolute"),
        (serde_json::json!({ "shell": { "artifact": "" } }), "cannot be empty"),
        (serde_json::json!({ "shell": { "artifact": "x", "args": ["\u{0}"] } }), "NUL"),
        (serde_json::json!({ "shell": { "artifact": "x", "env": { "A=B": "" } } }), "name of a variable"),
        (serde_json::json!({ "nil": 1 }), "takes nothing"),
    ] {
        let errors = made(engine, none()).err().unwrap_or_default();
        assert!(errors.len() == 1 && errors[0].message.contains(why), "{why}: {errors:?}");
    }
}
