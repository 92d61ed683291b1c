//! Programs as inputs: what is foretold, what happens, and what follows a change of the program or of the world.

use super::place::{Place, wait_until};

const SITE: &str = r#"import "fmt"
import "os"
import "lib/words.mcl"

class page($name str, $port int = 80 where 0 < $port) {
	file "DIR/page-${name}" {
		state => "exists",
		content => fmt.printf("%s on %d", $words.greeting, $port),
	}
}
for $i, $name in ["a", "b"] {
	include page($name, port => 8000 + $i)
}
file "DIR/copy" {
	state => "exists",
	content => os.readfile("DIR/input") <|> "nothing",
}
File["DIR/page-a"] -> File["DIR/copy"]
"#;

fn program() -> Place {
    let place = Place::new();
    place.write("site.mcl", SITE);
    place.write("lib/words.mcl", "$greeting = \"hello\"\n");
    place
}

#[test]
fn a_check_asks_the_world_nothing_and_says_what_is_not_known() {
    let place = program();
    let done = place.homeostat(&["check", "--format", "json", "site.mcl"]).ends_with(0).json();
    let found = done["diagnostics"].as_array().unwrap();
    let codes: Vec<&str> = found.iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["unknown-value"]);
}

#[test]
fn a_live_graph_holds_what_the_world_says() {
    let place = program();
    place.write("input", "here");
    let graph = place.homeostat(&["graph", "--live", "--format", "json", "site.mcl"]).ends_with(0).json();
    let contents: Vec<&str> = graph["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|resource| resource["params"]["content"].as_str())
        .collect();
    for content in ["here", "hello on 8000", "hello on 8001"] {
        assert!(contents.contains(&content), "{contents:?}");
    }
    assert_eq!(graph["edges"].as_array().unwrap().len(), 1);
}

#[test]
fn every_file_of_a_program_and_of_the_world_is_followed() {
    let place = program();
    let _agent = place.start_run(&["site.mcl"]);
    wait_until("all is made", || place.read("page-b") == "hello on 8001" && place.read("copy") == "nothing");
    place.write("lib/words.mcl", "$greeting = \"bye\"\n");
    wait_until("the module is loaded again", || place.read("page-a") == "bye on 8000");
    place.write("input", "new");
    wait_until("the world is followed", || place.read("copy") == "new");
    place.write("lib/words.mcl", "$greeting = \n");
    // A repair shows that the old program is alive, whenever the bad text was read.
    std::fs::remove_file(place.path("page-a")).unwrap();
    wait_until("it is repaired", || place.read("page-a") == "bye on 8000");
    place.write("lib/words.mcl", "$greeting = \"again\"\n");
    wait_until("the good text is loaded", || place.read("page-a") == "again on 8000");
}

#[test]
fn what_was_refused_with_something_else_is_made_up_for() {
    let place = Place::new();
    let text = "import \"os\"\n\n$said = os.readfile(\"DIR/said\")\n$ok = os.readfile(\"DIR/ok\")\n\
        file \"DIR/one\" {\n\tstate => \"exists\",\n\tcontent => \"x\",\n\
        \tmode => if $ok == \"yes\" { \"0600\" } else { $said },\n}\n\
        file \"DIR/two\" {\n\tstate => \"exists\",\n\tcontent => $said,\n}\n";
    place.write("site.mcl", text);
    place.write("said", "0640");
    place.write("ok", "no");
    let _agent = place.start_run(&["site.mcl"]);
    wait_until("all is made", || place.read("two") == "0640");
    // Both change, and one of them is refused.
    place.write("said", "wrong");
    std::fs::remove_file(place.path("two")).unwrap();
    wait_until("what was declared before goes on", || place.read("two") == "0640");
    place.write("ok", "yes");
    wait_until("the other one is made up for", || place.read("two") == "wrong");
}

#[test]
fn an_import_that_was_missing_is_noticed_when_it_comes() {
    let place = Place::new();
    place.write("site.mcl", "file \"DIR/one\" {\n\tcontent => \"1\",\n}\n");
    let _agent = place.start_run(&["site.mcl"]);
    wait_until("the first load is done", || place.read("one") == "1");
    place.write("site.mcl", "import \"later.mcl\"\n\ninclude later.two\n");
    pause();
    place.write("later.mcl", "class two {\n\tfile \"DIR/two\" {\n\t\tcontent => \"2\",\n\t}\n}\n");
    wait_until("it is loaded", || place.read("two") == "2");
}

#[test]
fn a_program_and_a_text_make_one_catalog() {
    let place = program();
    place.write("more.yaml", "graph: g\nresources:\n  file:\n  - {name: DIR/more, content: x}\n");
    place.homeostat(&["run", "--once", "--prefix", "DIR/prefix", "site.mcl", "more.yaml"]).ends_with(0);
    assert_eq!(place.read("more"), "x");
    assert_eq!(place.read("page-a"), "hello on 8000");
    place.write("more.yaml", "graph: g\nresources:\n  file:\n  - {name: DIR/page-a, content: x}\n");
    let done = place.homeostat(&["check", "site.mcl", "more.yaml"]);
    done.ends_with(2);
    assert!(done.stderr.contains("duplicate-resource"), "{}", done.stderr);
}

#[test]
fn a_wrong_program_is_refused_with_its_stages() {
    let place = Place::new();
    place.write("site.mcl", "file \"/tmp/x\" {\n\tcontnet => \"a\",\n\tmode => 1,\n}\n$x = $y\n");
    for command in [&["check"] as &[&str], &["plan", "--prefix", "DIR/prefix"]] {
        let args = [command, &["--format", "json", "site.mcl"]].concat();
        let json = place.homeostat(&args).ends_with(2).json();
        let found = json["diagnostics"].as_array().unwrap();
        let said: Vec<(&str, &str)> =
            found.iter().map(|one| (one["code"].as_str().unwrap(), one["stage"].as_str().unwrap())).collect();
        assert_eq!(said, [("unknown-name", "scope"), ("unknown-param", "type"), ("wrong-type", "type")]);
    }
}

const BEYOND: &str = r#"func area($width int, $height int = 3) int {
	$margin = 2
	$inner = $width - $margin

	$inner * $height
}

class page($name str, $port int = 80 where 0 < $port and $port < 65536) {
	$range = if $port < 1024 { "low" } else if $port < 10000 { "middle" } else { "high" }
	file "DIR/${name}" {
		state => "exists",
		content => "${range} ${port + 0} ${area(5)} ${area(5, height => 4)} ${port % 7}",
		Meta => struct{retry => 3},
	}
}

$ports = {"a" => 80, "b" => 8080, "c" => 0}
$names = [$name forkv $name, $port in $ports if $port > 0]
$lengths = {$name => len($name) + $i for $i, $name in $names}
for $i, $name in $names {
	include page("page-${name}", port => $ports[$name])
}
include page("plain")
if len($names) > 2 {
	panic("never")
} else if $lengths["b"] % 2 == 0 {
	file "DIR/else" {
		state => "exists",
		content => sensitive("a hidden word") + "!",
	}
}
"#;

#[test]
fn what_only_this_language_has_is_checked_run_and_formatted() {
    let place = Place::new();
    place.write("site.mcl", BEYOND);
    place.homeostat(&["fmt", "--check", "site.mcl"]).ends_with(0);
    place.homeostat(&["check", "site.mcl"]).ends_with(0);
    let plan = place.homeostat(&["plan", "--prefix", "DIR/prefix", "site.mcl"]);
    assert!(!plan.ends_with(1).stdout.contains("hidden word"), "{plan:?}");
    let graph = place.homeostat(&["graph", "--format", "json", "site.mcl"]);
    assert!(!graph.ends_with(0).stdout.contains("hidden word"), "{graph:?}");
    place.homeostat(&["run", "--once", "--prefix", "DIR/prefix", "site.mcl"]).ends_with(0);
    let pages = ["page-a", "page-b", "plain"].map(|name| place.read(name));
    assert_eq!(pages, ["low 80 9 12 3", "middle 8080 9 12 2", "low 80 9 12 3"]);
    assert_eq!(place.read("else"), "a hidden word!");
    place.write("site.mcl", &BEYOND.replace("include page(\"plain\")", "include page(\"plain\", port => 0)"));
    let wrong = place.homeostat(&["check", "--format", "json", "site.mcl"]).ends_with(2).json();
    let found = &wrong["diagnostics"][0];
    assert_eq!(
        (found["start"]["line"].as_u64(), found["start"]["column"].as_u64()),
        (Some(23), Some(31)),
        "{found}"
    );
}

/// Every finding of a check, as it is told to tools: file, code, stage, first line and column, last line and column.
fn told(place: &Place, codes: &[&str]) -> Vec<(String, String, String, [u64; 4])> {
    let json = place.homeostat(&["check", "--format", "json", "site.mcl"]).ends_with(2).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let all = json["diagnostics"].as_array().unwrap().iter().map(|one| {
        assert_eq!(one["severity"], "error", "{one:#}");
        assert!(one["message"].is_string() && one["labels"].is_array(), "{one:#}");
        let number = |end: &str, part: &str| one[end][part].as_u64().unwrap();
        let range = [
            number("start", "line"),
            number("start", "column"),
            number("end", "line"),
            number("end", "column"),
        ];
        (text(&one["file"]), text(&one["code"]), text(&one["stage"]), range)
    });
    let all: Vec<_> = all.collect();
    assert_eq!(all.iter().map(|one| one.1.as_str()).collect::<Vec<_>>(), codes, "{json:#}");
    all
}

#[test]
fn tools_are_told_the_file_and_range_of_every_finding_of_all_modules() {
    let place = Place::new();
    place.write(
        "site.mcl",
        "import \"lib/a.mcl\"\nimport \"b/\"\n\ninclude a.page(\"x\")\ninclude b.nothing\n$x = $b.unknown + $y\n",
    );
    place.write(
        "lib/a.mcl",
        "class page($name str) {\n\tfile \"${name}\" {\n\t\tcontnet => \"é\",\n\t\tstate => 1 +\n\t}\n}\n",
    );
    place.write("b/metadata.yaml", "main: start.mcl\n");
    place.write("b/start.mcl", "$é = 1\n$known = $neither\n");
    let codes = ["line-end", "unknown-character", "unknown-name", "unknown-name", "unknown-param"];
    let found = told(&place, &codes);
    let files: Vec<&str> = found.iter().map(|one| one.0.as_str()).collect();
    assert_eq!(files, ["lib/a.mcl", "b/start.mcl", "site.mcl", "b/start.mcl", "lib/a.mcl"]);
    place.write(
        "lib/a.mcl",
        "class page($name str) {\n\tfile \"${name}\" {\n\t\tcontnet => \"é\",\n\t\tstate => 1,\n\t}\n}\n",
    );
    place.write("b/start.mcl", "$known = \"a\"\nclass nothing {}\n");
    place.write(
        "site.mcl",
        "import \"lib/a.mcl\"\nimport \"b/\"\n\ninclude a.page(\"x\")\ninclude b.nothing\n",
    );
    let found = told(&place, &["unknown-param", "wrong-type"]);
    let at = |at: usize| (found[at].0.as_str(), found[at].2.as_str(), found[at].3);
    assert_eq!(at(0), ("lib/a.mcl", "type", [3, 3, 3, 10]));
    assert_eq!(at(1), ("lib/a.mcl", "type", [4, 12, 4, 13]));
}

#[test]
fn what_kinds_refuse_is_said_beside_errors_of_all_other_stages() {
    let place = Place::new();
    place.write(
        "site.mcl",
        "$broken = = 1\nfile \"not/absolute\" {\n\tstate => \"exists\",\n}\nprint \"a\" {\n\tmsg => $nothing,\n}\n\
         print \"b\" {\n\tmsg => 5,\n}\nprint \"c\" {\n\tmsg => [\"a\"][7],\n}\nfile \"/known/in/part\" {\n\tstate => $broken,\n}\n",
    );
    told(&place, &["unexpected", "unknown-name", "wrong-type", "failed", "invalid-param"]);
    place.homeostat(&["run", "--once", "--prefix", "DIR/prefix", "site.mcl"]).ends_with(2);
}

#[test]
fn what_is_so_anyway_may_be_written_or_not() {
    let place = Place::new();
    place.write(
        "site.mcl",
        "file \"/a\" {\n\tforce => false,\n}\nfile \"/a\" {}\ntest \"b\" {\n\tint => 0,\n\tslicestring => [],\n}\ntest \"b\" {}\n",
    );
    place.homeostat(&["check", "site.mcl"]).ends_with(0);
    place.write("site.mcl", "test \"b\" {\n\tint64ptr => 0,\n}\ntest \"b\" {}\n");
    place.homeostat(&["check", "site.mcl"]).ends_with(2);
}

#[test]
fn what_is_hidden_is_not_read_until_it_is_shown() {
    let place = Place::new();
    let text = |meta: &str| format!("file \"relative\" {{{meta}\n}}\nnoop \"a\" {{}}\n");
    place.write("site.mcl", &text("\n\tMeta:hidden => true,"));
    place.homeostat(&["check", "site.mcl"]).ends_with(0);
    place.run(&["--once", "site.mcl"]).ends_with(0);
    place.write("site.mcl", &text(""));
    place.homeostat(&["check", "site.mcl"]).ends_with(2);
}

#[test]
fn tools_are_told_every_stage() {
    let place = Place::new();
    let stage = |text: &str, code: &str| {
        place.write("site.mcl", text);
        let found = told(&place, &[code]);
        assert_eq!(found[0].0, "site.mcl");
        found[0].2.clone()
    };
    assert_eq!(stage("$x = [1, 2\n", "unclosed"), "parse");
    assert_eq!(stage("$x = {\"a\" => 1, \"a\" => 2}\n", "duplicate-key"), "structure");
    assert_eq!(stage("$x = \"\\j\"\n", "unknown-escape"), "interpolation");
    assert_eq!(stage("$x = $y\n", "unknown-name"), "scope");
    assert_eq!(stage("noop \"x\" {\n\tcomment => 1,\n}\n", "wrong-type"), "type");
    assert_eq!(stage("$l = [1]\nnoop \"${l[3]}\" {}\n", "failed"), "evaluation");
    assert_eq!(stage("Noop[\"a\"] -> Noop[\"b\"]\nnoop \"a\" {}\n", "unknown-resource"), "catalog");
}

/// So long that the text is read before what it lacks is there; where it is not, less is shown.
#[allow(clippy::disallowed_methods)]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(1500));
}
