//! Forms of the language, one by one.

use homeostat_lang::Value;
use homeostat_lang::eval::collector::{UnknownPart, Unknowns};
use homeostat_lang::eval::naive::Evaluated;
use homeostat_lang::functions::{MachineFact, SourceRequest};
use homeostat_model::codes;
use homeostat_model::meta::Retry;

use crate::oracle::naive;
use crate::rig::{Given, Rig, World, checked, exists, file, list, map, missing};

/// The lines of a program that asks nothing.
fn shows(text: &str, lines: &[&str]) {
    let rig = Rig::start(text);
    assert!(rig.asked().is_empty());
    assert_eq!(rig.shows(), lines, "{text}");
}

fn cpus() -> SourceRequest {
    SourceRequest::Machine(MachineFact::CpuCount)
}

#[test]
fn what_asks_nothing_is_there_at_once() {
    shows("", &[]);
    shows(
        "$n = 2 * 3\ntest \"a${purpleidea}\" {\n\tint => $n + 1,\n\tslicestring => [\"x\", $hostname],\n}\n",
        &["test[ahello world!] {\"int\":7,\"slicestring\":[\"x\",\"host\"]}"],
    );
}

#[test]
fn a_list_of_names_is_that_many_resources_with_edges_between_all() {
    let text = "test [\"a\", \"b\"] {\n\tDepend => Test[\"c\"],\n}\ntest \"c\" {}\nTest[\"c\"] -> Test[[\"a\", \"b\"]]\n";
    shows(text, &["test[a] {}", "test[b] {}", "test[c] {}", "test[c] -> test[a]", "test[c] -> test[b]"]);
    shows(
        "test \"a\" {}\ntest \"b\" {}\nTest[\"a\"].hello -> Test[\"b\"].str\n",
        &["test[a] {}", "test[b] {}", "test[a] -> test[b]", "test[a].hello -> test[b].str"],
    );
    shows(
        "test \"a\" {}\nTest[\"a\"] -> Test[\"nope\"]\n",
        &["error: the edge refers to `test[nope]`, which is not declared"],
    );
}

#[test]
fn only_the_chosen_branch_asks() {
    let mut rig = Rig::start(
        "import \"os\"\nif os.file_exists(\"/c\") {\n\ttest \"yes\" {\n\t\tstr => os.readfile(\"/a\"),\n\t}\n} else if os.file_exists(\"/d\") {\n\ttest \"or\" {}\n} else {\n\ttest \"no\" {\n\t\tstr => os.readfile(\"/b\"),\n\t}\n}\n",
    );
    assert_eq!(rig.asked(), [&exists("/c")].into());
    rig.say(exists("/c"), true);
    assert_eq!(rig.asked(), [&file("/a"), &exists("/c")].into());
    assert!(!rig.has_given, "nothing is said before everything is known");
    rig.say(file("/a"), "x");
    assert_eq!(rig.shows(), ["test[yes] {\"str\":\"x\"}"]);
    rig.say(exists("/c"), false).say(exists("/d"), true);
    assert_eq!(rig.shows(), ["test[or] {}"]);
    assert_eq!(rig.asked(), [&exists("/c"), &exists("/d")].into());
    rig.say(exists("/d"), false);
    assert_eq!(rig.shows(), ["test[or] {}"], "what was there stays until the rest is known");
    rig.say(file("/b"), "y");
    assert_eq!(rig.shows(), ["test[no] {\"str\":\"y\"}"]);
}

#[test]
fn a_value_chooses_as_well() {
    let mut rig = Rig::start(
        "import \"os\"\n$v = if os.file_exists(\"/c\") { os.readfile(\"/a\") } else { \"fixed\" }\ntest \"t\" {\n\tstr => $v,\n}\n",
    );
    rig.say(exists("/c"), false);
    assert_eq!(rig.shows(), ["test[t] {\"str\":\"fixed\"}"]);
    rig.say(exists("/c"), true).say(file("/a"), "read");
    assert_eq!(rig.shows(), ["test[t] {\"str\":\"read\"}"]);
}

#[test]
fn what_fails_is_caught_for_as_long_as_it_fails() {
    let mut rig = Rig::start(
        "import \"os\"\n$a = os.readfile(\"/a\") <|> os.readfile(\"/b\") <|> \"none\"\ntest \"t\" {\n\tstr => $a,\n}\n",
    );
    rig.say(file("/a"), missing());
    assert_eq!(rig.asked().len(), 2);
    rig.say(file("/b"), missing());
    assert_eq!(rig.shows(), ["test[t] {\"str\":\"none\"}"]);
    rig.say(file("/b"), "b");
    assert_eq!(rig.shows(), ["test[t] {\"str\":\"b\"}"]);
    rig.say(file("/a"), "a");
    assert_eq!(rig.shows(), ["test[t] {\"str\":\"a\"}"]);
    assert_eq!(rig.asked(), [&file("/a")].into());
}

#[test]
fn what_nothing_catches_keeps_what_was_there_and_says_which_values_led_to_it() {
    let mut rig = Rig::start(
        "import \"sys\"\nimport \"os\"\n$n = sys.cpu_count()\ntest \"t\" {\n\tint => [10, 20, 30][$n],\n\tstr => os.readfile(\"/a\"),\n}\n",
    );
    rig.say_all([(cpus(), Ok(Value::Int(1))), (file("/a"), Ok(Value::from("x")))]);
    assert_eq!(rig.shows(), ["test[t] {\"int\":20,\"str\":\"x\"}"]);
    rig.say_all([(cpus(), Ok(Value::Int(7))), (file("/a"), Ok(Value::from("y")))]);
    let error = "error: list index not present, got: 7, len is: 3, in: [10, 20, 30]";
    assert_eq!(rig.shows(), ["test[t] {\"int\":20,\"str\":\"x\"}", error]);
    let labels = rig.evaluator.diagnostics()[0].labels.clone();
    assert!(labels.iter().any(|label| label.text == "this is `7`"), "{labels:?}");
    rig.say(cpus(), 2);
    assert_eq!(rig.shows(), ["test[t] {\"int\":30,\"str\":\"y\"}"]);
}

#[test]
fn a_loop_touches_the_body_of_the_element_that_changes() {
    let mut rig = Rig::start(
        "import \"world\"\n$prefix = \"p\"\nfor $i, $v in world.schedule(\"l\") {\n\t$shown = \"${prefix}-${v}\"\n\ttest \"n${i + 0}\" {\n\t\tint => $i,\n\t\tstr => $shown,\n\t}\n}\n",
    );
    let many: Vec<String> = (0..50).map(|n| format!("v{n}")).collect();
    let texts: Vec<&str> = many.iter().map(String::as_str).collect();
    rig.say(list("l"), texts.as_slice());
    assert_eq!(rig.shows().len(), 50);
    let (_, before) = rig.evaluator.size();
    let mut changed = texts.clone();
    changed[17] = "other";
    rig.say(list("l"), changed.as_slice());
    let delta = rig.last.take().unwrap();
    assert_eq!((delta.set.len(), delta.remove.len()), (1, 0));
    let (_, after) = rig.evaluator.size();
    assert!(after - before < 10, "{} operations ran", after - before);
    rig.say(list("l"), &changed[..49]);
    let delta = rig.last.take().unwrap();
    assert_eq!((delta.set.len(), delta.remove.len()), (0, 1));
}

#[test]
fn a_loop_over_a_map_keeps_what_it_has_for_each_key() {
    let mut rig = Rig::start(
        "import \"world\"\nforkv $k, $v in world.kvlookup(\"m\") {\n\ttest \"${k}\" {\n\t\tstr => $v,\n\t}\n}\n",
    );
    let of =
        |pairs: &[(&str, &str)]| Value::map(pairs.iter().map(|(k, v)| (Value::from(*k), Value::from(*v))));
    rig.say(map("m"), of(&[("b", "1"), ("d", "2")]));
    rig.say(map("m"), of(&[("a", "0"), ("b", "1"), ("d", "3")]));
    let delta = rig.last.take().unwrap();
    assert_eq!((delta.set.len(), delta.remove.len()), (2, 0));
    rig.say(map("m"), of(&[("d", "3")]));
    assert_eq!(rig.shows(), ["test[d] {\"str\":\"3\"}"]);
}

#[test]
fn classes_are_made_anew_by_each_include_and_reached_by_name() {
    shows(
        "class site($name, $port int = 80 where 0 < $port and $port < 65536, $root = \"/srv/${name}\") {\n\t$url = \"${name}:${port + 0}\"\n\tfunc twice($n) { $n + $n }\n\tclass inner($x) {\n\t\ttest \"${name}-${x}\" {}\n\t}\n\ttest \"${name}\" {\n\t\tint => $port,\n\t\tstr => $root,\n\t}\n}\ninclude site(\"a\") as a\ninclude site(\"b\", port => 8080) as b\ntest \"${a.url}\" {\n\tint => b.twice(21),\n}\ninclude b.inner(\"in\")\n",
        &[
            "test[a] {\"int\":80,\"str\":\"/srv/a\"}",
            "test[a:80] {\"int\":42}",
            "test[b] {\"int\":8080,\"str\":\"/srv/b\"}",
            "test[b-in] {}",
        ],
    );
    shows(
        "class site($port int where 0 < $port) {\n\ttest \"a\" {\n\t\tint => $port,\n\t}\n}\ninclude site(-1)\n",
        &["error: the value `-1` is not allowed for `$port`"],
    );
}

#[test]
fn patterns_and_templates_that_are_never_needed_may_be_wrong() {
    let wrong = "regexp.match(\"(\", \"a\") and golang.template(\"{{\", 1) == \"\"";
    let text = |condition: &str| {
        format!(
            "import \"golang\"\nimport \"regexp\"\nif {condition} {{\n\ttest \"a\" {{\n\t\tbool => {wrong},\n\t}}\n}}\ntest \"b\" {{}}\n"
        )
    };
    shows(&text("1 > 2"), &["test[b] {}"]);
}

#[test]
fn functions_capture_what_they_see_and_follow_what_changes() {
    let mut rig = Rig::start(
        "import \"os\"\nimport \"iter\"\nimport \"world\"\n$suffix = os.readfile(\"/s\")\n$f = if os.file_exists(\"/c\") { func($x) { \"${x}1\" } } else { func($x) { \"${x}${suffix}\" } }\nfunc both($a, $b = \"!\") {\n\t$joined = $a + $b\n\n\t$joined\n}\ntest \"t\" {\n\tslicestring => iter.map(world.schedule(\"l\"), $f),\n\tstr => $f(both(\"x\")),\n}\n",
    );
    rig.say(exists("/c"), true).say(list("l"), ["a", "b"].as_slice());
    assert_eq!(rig.shows(), ["test[t] {\"slicestring\":[\"a1\",\"b1\"],\"str\":\"x!1\"}"]);
    assert!(!rig.asked().contains(&file("/s")));
    rig.say(exists("/c"), false).say(file("/s"), "s");
    assert_eq!(rig.shows(), ["test[t] {\"slicestring\":[\"as\",\"bs\"],\"str\":\"x!s\"}"]);
    rig.say(file("/s"), "z").say(list("l"), ["a", "c", "d"].as_slice());
    assert_eq!(rig.shows(), ["test[t] {\"slicestring\":[\"az\",\"cz\",\"dz\"],\"str\":\"x!z\"}"]);
}

#[test]
fn a_fold_goes_on_where_it_was() {
    let mut rig = Rig::start(
        "import \"iter\"\nimport \"world\"\n$l = world.schedule(\"l\")\ntest \"t\" {\n\tstr => iter.reduce(\"0\", $l, func($x, $y) { \"(${x}${y})\" }),\n\tslicestring => iter.filter($l, func($x) { $x != \"b\" }),\n}\n",
    );
    for (items, folded, filtered) in [
        (vec!["a", "b"], "((0a)b)", "[\"a\"]"),
        (vec!["a", "b", "c"], "(((0a)b)c)", "[\"a\",\"c\"]"),
        (vec!["z"], "(0z)", "[\"z\"]"),
        (vec![], "0", "[]"),
    ] {
        rig.say(list("l"), items.as_slice());
        assert_eq!(rig.shows(), [format!("test[t] {{\"slicestring\":{filtered},\"str\":\"{folded}\"}}")]);
    }
}

#[test]
fn comprehensions_leave_out_and_put_together() {
    let mut rig = Rig::start(
        "import \"world\"\n$m = {$k => len($v) forkv $k, $v in world.kvlookup(\"m\") if $v != \"\"}\n$l = [\"${k}=${n + 0}\" forkv $k, $n in $m]\ntest \"t\" {\n\tslicestring => $l,\n\tint => [$i * 10 for $i, $v in $l][0] <|> 99,\n}\n",
    );
    let of =
        |pairs: &[(&str, &str)]| Value::map(pairs.iter().map(|(k, v)| (Value::from(*k), Value::from(*v))));
    rig.say(map("m"), of(&[("a", "xyz"), ("b", ""), ("c", "x")]));
    assert_eq!(rig.shows(), ["test[t] {\"int\":0,\"slicestring\":[\"a=3\",\"c=1\"]}"]);
    rig.say(map("m"), of(&[("b", "")]));
    assert_eq!(rig.shows(), ["test[t] {\"int\":99,\"slicestring\":[]}"]);
}

#[test]
fn lines_count_while_their_condition_holds() {
    let mut rig = Rig::start(
        "import \"os\"\n$c = os.file_exists(\"/c\")\ntest \"t\" {\n\tint => $c ?: 1,\n\tMeta:noop => $c,\n\tMeta => $c ?: struct{hidden => true},\n}\npanic($c and os.file_exists(\"/p\"), \"both\")\n",
    );
    rig.say(exists("/c"), false).say(exists("/p"), true);
    assert_eq!(rig.shows(), ["test[t] {}"]);
    rig.say(exists("/p"), false).say(exists("/c"), true);
    assert_eq!(rig.shows(), ["test[t] {\"int\":1} hidden noop"]);
    rig.say(exists("/p"), true);
    assert_eq!(rig.shows().last().unwrap(), "error: panic: both");
}

#[test]
fn values_are_held_to_the_bounds_of_parameters() {
    shows(
        "test \"t\" {\n\tint8 => 1000,\n}\n",
        &["error: `1000` cannot be the value of `int8`: it is a number from -128 to 127"],
    );
    shows("test \"\" {}\n", &["error: the name of a resource is empty"]);
    shows("test \"\\$x\" {}\n", &["error: the name of `test[$x]` begins with `$`"]);
    shows(
        "test \"a\" {\n\tint => 1,\n}\ntest \"a\" {\n\tint => 2,\n}\n",
        &["error: `test[a]` is declared twice, with different `int`"],
    );
}

#[test]
fn where_nobody_answers_what_is_unknown_is_listed() {
    let rig = Rig::start_in(
        "import \"os\"\ntest \"t\" {\n\tint => 1,\n\tstr => os.readfile(\"/a\"),\n}\ntest [os.readfile(\"/n\")] {}\nif os.file_exists(\"/c\") {\n\ttest \"x\" {}\n}\nTest[\"t\"] -> Test[\"x\"]\n",
        World::new(),
        Unknowns::LeaveOut,
    );
    assert_eq!(rig.shows(), ["test[t] {\"int\":1}"]);
    let parts: Vec<&UnknownPart> = rig.evaluator.unknown().iter().map(|unknown| &unknown.part).collect();
    assert!(
        matches!(parts.as_slice(), [UnknownPart::Param(_, name), UnknownPart::Names(_), UnknownPart::Block] if &**name == "str"),
        "{parts:?}"
    );
}

#[test]
fn long_chains_of_variables_and_calls_do_not_exhaust_the_stack() {
    let mut text = String::from("$v0 = 1\n");
    for n in 1..5_000 {
        text += &format!("$v{n} = $v{} + 1\n", n - 1);
    }
    text += "test \"t\" {\n\tint => $v4999,\n}\n";
    shows(&text, &["test[t] {\"int\":5000}"]);
}

#[test]
fn long_chains_of_calls_do_not_exhaust_it_either() {
    let mut text = String::from("func f0($x) { $x + 1 }\n");
    for n in 1..3_000 {
        text += &format!("func f{n}($x) {{ f{}($x + 1) }}\n", n - 1);
    }
    text += "import \"local\"\ntest \"t\" {\n\tint => f2999(local.pool(\"p\", \"a\")),\n}\n";
    let pool = SourceRequest::Pool { namespace: "p".into(), uid: "a".into() };
    let mut rig = Rig::start(&text);
    rig.say(pool.clone(), 1).say(pool, 2);
    assert_eq!(rig.shows(), ["test[t] {\"int\":3002}"]);
}

#[test]
fn what_a_value_was_comes_back_in_the_order_in_which_it_was() {
    let mut rig =
        Rig::start("import \"local\"\ntest \"t\" {\n\tint => history(local.pool(\"p\", \"a\"), 100),\n}\n");
    let pool = || SourceRequest::Pool { namespace: "p".into(), uid: "a".into() };
    let was = |value: i64| SourceRequest::Delayed { value: Value::Int(value), age_ms: 100 };
    rig.say(pool(), 1);
    assert!(!rig.has_given, "nothing is that old");
    rig.say(pool(), 2);
    assert_eq!(rig.asked().len(), 3, "both values are on their way");
    rig.say(was(1), 1);
    assert_eq!(rig.shows(), ["test[t] {\"int\":1}"]);
    rig.say(was(2), 2);
    assert_eq!(rig.shows(), ["test[t] {\"int\":2}"]);
    assert_eq!(rig.asked(), [&pool(), &was(2)].into());
}

#[test]
fn what_is_sensitive_stays_so() {
    let rig = Rig::start("$s = sensitive(\"pw\")\ntest \"t\" {\n\tstr => \"x-${s}\",\n}\n");
    assert_eq!(rig.shows(), ["test[t] {\"str\":{\"$sensitive\":\"[redacted]\"}}"]);
    shows(
        "$s = sensitive(\"pw\")\ntest [$s] {}\n",
        &["error: names of resources are shown everywhere, and this one is made of what is sensitive"],
    );
}

#[test]
fn an_argument_is_there_when_a_function_needs_it_later() {
    let mut rig = Rig::start(
        "import \"os\"\nimport \"iter\"\n$f = func($x) { (if os.file_exists(\"/c\") { $x } else { \"no\" }) }\ntest \"t\" {\n\tstr => $f(os.readfile(\"/a\")),\n\tanotherstr => iter.reduce([\"a\", \"b\", \"c\"], func($x, $y) { if os.file_exists(\"/c\") { $x + $y } else { $y } }),\n}\n",
    );
    rig.say(exists("/c"), false).say(file("/a"), "a");
    assert_eq!(rig.shows(), ["test[t] {\"anotherstr\":\"c\",\"str\":\"no\"}"]);
    rig.say(exists("/c"), true);
    assert_eq!(rig.shows(), ["test[t] {\"anotherstr\":\"abc\",\"str\":\"a\"}"]);
}

#[test]
fn collects_of_a_loop_have_the_order_that_they_would_have_at_once() {
    let text = "import \"world\"\nfor $i, $word in world.schedule(\"words\") {\n\tcollect test \"x\" {\n\t\tstr => $word,\n\t}\n}\n";
    let words = |all: &[&str]| {
        World::from([(list("words"), Ok(Value::list(all.iter().map(|word| Value::from(*word)))))])
    };
    let mut rig = Rig::start_in(text, words(&["c"]), Unknowns::Wait);
    rig.say(list("words"), &["c", "a", "b"] as &[&str]).say(list("words"), &["b", "c", "a"] as &[&str]);
    assert_eq!(rig.shows(), Rig::start_in(text, words(&["b", "c", "a"]), Unknowns::Wait).shows());
    assert_eq!(rig.shows(), Rig::start_in(text, words(&["a", "b", "c"]), Unknowns::Wait).shows());
}

#[test]
fn an_edge_that_refers_to_nothing_is_told_what_is_close() {
    let rig = Rig::start("test \"server\" {}\ntest \"other\" {}\nTest[\"other\"] -> Test[\"sever\"]\n");
    let helps: Vec<_> = rig.evaluator.diagnostics().into_iter().filter_map(|wrong| wrong.help).collect();
    assert_eq!(helps, ["did you mean `test[server]`?"]);
}

#[test]
fn all_lines_of_a_resource_that_fail_are_told() {
    let text = "import \"os\"\ntest \"x\" {\n\tint => [1][2],\n\tstr => [\"a\"][3],\n\tbool => os.file_exists(\"/x\"),\n\tanotherstr => \"y\",\n}\n";
    let rig = Rig::start_in(text, World::from([(exists("/x"), Ok(Value::Bool(true)))]), Unknowns::Wait);
    assert_eq!(
        rig.shows(),
        [
            "error: list index not present, got: 2, len is: 1, in: [1]",
            "error: list index not present, got: 3, len is: 1, in: [\"a\"]"
        ]
    );
}

#[test]
fn a_function_for_a_parameter_stays_in_the_program() {
    let text = |func: &str| format!("test \"a\" {{\n\tint => 1,\n\tfunc1 => {func},\n}}\n");
    shows(&text("func($x) { \"a\" }"), &["test[a] {\"int\":1}"]);
    for other in ["func($x str) { \"a\" }", "func($x) { 1 }", "\"a\""] {
        let refused = checked(&text(other)).err().unwrap_or_default();
        assert!(refused.iter().any(|error| error.code == codes::WRONG_TYPE), "{other}: {refused:?}");
    }
}

#[test]
fn a_meta_parameter_may_be_said_twice_where_only_one_holds() {
    let all = |retry: i64| {
        format!(
            "struct{{noop => false, retry => {retry}, retryreset => false, delay => 0, timeout => 0, poll => 0, limit => 4.0, \
             burst => 3, reset => false, sema => [], rewatch => false, realize => false, dollar => false, hidden => false, \
             export => [], reverse => false, autoedge => true, autogroup => true}}"
        )
    };
    let text = |conditions: [&str; 3]| {
        let [a, b, c] = conditions;
        format!(
            "$yes = 1 == 1\n$no = 1 == 2\ntest \"a\" {{\n\tMeta => ${a} ?: {},\n\tMeta => ${b} ?: {},\n\tMeta:retry => ${c} ?: 3,\n}}\n",
            all(1),
            all(2)
        )
    };
    for (conditions, retry) in [(["yes", "no", "no"], 1), (["no", "yes", "no"], 2), (["no", "no", "yes"], 3)]
    {
        let rig = Rig::start(&text(conditions));
        let resource = rig.given.resources.values().next().unwrap();
        assert_eq!(resource.meta.retry, Retry::Times(retry), "{conditions:?}");
    }
    for conditions in [["yes", "yes", "no"], ["yes", "no", "yes"]] {
        let shown = Rig::start(&text(conditions)).shows();
        assert!(shown[0].starts_with("error: the meta parameter `"), "{shown:?}");
    }
}

#[test]
fn one_name_is_offered_in_other_forms_to_other_hosts() {
    let offer = |n: u32, hosts: &str| {
        format!("test \"t\" {{\n\tint => {n},\n\tMeta:hidden => true,\n\tMeta:export => [{hosts}],\n}}\n")
    };
    shows(
        &(offer(1, "\"a\"") + &offer(2, "\"b\"") + &offer(1, "\"c\"") + &offer(3, "\"*\"")),
        &[
            "test[t] {\"int\":1} hidden",
            "exports test[t] {\"int\":1} to a,c",
            "exports test[t] {\"int\":2} to b",
            "exports test[t] {\"int\":3} to ",
        ],
    );
    let error = "error: `test[t]` is exported twice to the same host, differently";
    shows(&(offer(1, "\"a\"") + &offer(2, "\"b\", \"a\"")), &[error]);
}

#[test]
fn a_name_that_a_function_gives_at_once_may_be_a_text() {
    shows("test func() { \"a\" }() {}\n", &["test[a] {}"]);
    shows("test func($n) str { $n }(\"a\") {}\n", &["test[a] {}"]);
    shows("test func($n) []str { [$n] }(\"a\") {}\n", &["test[a] {}"]);
}

#[test]
fn packages_that_differ_in_how_new_they_are_to_be_are_one() {
    let package = |state: &str| format!("pkg \"a\" {{{state}}}\n");
    let (none, installed, newest) = ("", " state => \"installed\", ", " state => \"newest\", ");
    let cases = [
        (none, installed, "pkg[a] {}"),
        (installed, installed, "pkg[a] {\"state\":\"installed\"}"),
        (none, newest, "pkg[a] {\"state\":\"newest\"}"),
        (newest, installed, "pkg[a] {\"state\":\"newest\"}"),
    ];
    for (one, other, both) in cases {
        let text = package(one) + &package(other);
        shows(&text, &[both]);
        let Evaluated::Complete(catalog) = naive(&checked(&text).expect("it is right"), &World::default())
        else {
            panic!("{text}");
        };
        assert_eq!(Given::of(catalog).lines(), [both], "{text}");
    }
}
