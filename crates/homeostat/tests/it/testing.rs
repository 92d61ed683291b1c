//! Unit tests of configuration, from outside.

use super::place::Place;

const SITE: &str = r#"import "fmt"
import "os"

class page($name str, $port int = 80) {
	file "/srv/${name}" {
		state => "exists",
		content => fmt.printf("%s on %d", $name, $port),
		mode => if os.readfile("/etc/strict") == "yes" { "0600" } else { "0644" },
	}
	print "${name}" {
		msg => deploy.readfile("/files/note"),
	}
	File["/srv/${name}"] -> Print["${name}"]
}

import "deploy"
"#;

const TESTS: &str = r#"import "os"
import "site.mcl"

test "a page has its port" {
	given {
		os.readfile("/etc/strict") => "no",
	}
	include site.page("blog", 8080)

	expect {
		file "/srv/blog" {
			content => "blog on 8080",
			mode => "0644",
		}
		print "blog" {
			msg => "a note",
		}
		File["/srv/blog"] -> Print["blog"]
	}
	expect not {
		file "/srv/wiki" {}
		file "/srv/blog" {
			mode => "0600",
		}
	}
}

test "strict" {
	given {
		os.readfile("/etc/strict") => "yes",
	}
	include site.page("blog")
	expect only {
		file "/srv/blog" {
			mode => "0600",
		}
		print "blog" {}
	}
}
"#;

fn place(tests: &str) -> Place {
    let place = Place::new();
    place.write("site.mcl", SITE);
    place.write("files/note", "a note");
    place.write("site_test.mcl", tests);
    place
}

/// The codes and lines of what a run of the only test found.
fn found(place: &Place, code: i32) -> Vec<(String, u64)> {
    let json = place.homeostat(&["test", "--format", "json"]).ends_with(code).json();
    let of_tests =
        json["tests"].as_array().unwrap().iter().flat_map(|test| test["diagnostics"].as_array().unwrap());
    let all = of_tests.chain(json["diagnostics"].as_array().unwrap());
    let told =
        all.map(|one| (one["code"].as_str().unwrap().to_owned(), one["start"]["line"].as_u64().unwrap()));
    told.collect()
}

#[test]
fn tests_say_what_is_as_expected_without_touching_the_host() {
    let place = place(TESTS);
    let before = place.everything();
    let done = place.homeostat(&["test"]);
    let text = "site_test.mcl\n  ok      a page has its port\n  ok      strict\n2 tests: 2 ok, 0 failed\n";
    assert_eq!(done.ends_with(0).stdout, text);
    assert_eq!(place.everything(), before);
    let done = place.homeostat(&["test", "--name", "strict", "site_test.mcl"]);
    assert!(done.ends_with(0).stdout.ends_with("1 test: 1 ok, 0 failed\n"));
    place.homeostat(&["test", "--name", "nobody"]).ends_with(2);
}

#[test]
fn what_is_not_as_expected_is_shown_at_its_expectation() {
    let place = place(&TESTS.replace("\"blog on 8080\"", "\"blog on 80\"").replace("print \"blog\" {}", ""));
    assert_eq!(
        found(&place, 1),
        [("unmet-expectation".to_owned(), 12), ("unmet-expectation".to_owned(), 33)]
    );
    let done = place.homeostat(&["test"]);
    let said = &done.ends_with(1).stderr;
    assert!(
        said.contains(
            "`content` of `file[/srv/blog]` is `\"blog on 8080\"`, and `\"blog on 80\"` is expected"
        ),
        "{said}"
    );
    assert!(said.contains("site_test.mcl:12:"), "{said}");
    assert!(done.stdout.contains("FAILED  a page has its port"), "{done:?}");
}

#[test]
fn an_edge_and_a_resource_that_are_missing_are_unmet_and_one_too_many_as_well() {
    let tests = TESTS
        .replace("File[\"/srv/blog\"] -> Print[\"blog\"]", "Print[\"blog\"] -> File[\"/srv/blog\"]")
        .replace("file \"/srv/wiki\" {}", "print \"blog\" {}")
        .replace("print \"blog\" {}\n\t}\n}\n", "print \"block\" {}\n\t}\n}\n");
    let lines: Vec<u64> = found(&place(&tests), 1).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, [18, 21, 37, 33]);
}

#[test]
fn what_is_asked_and_not_given_is_an_error_and_nothing_is_read() {
    let tests =
        TESTS.replace("os.readfile(\"/etc/strict\") => \"no\",", "os.readfile(\"/etc/other\") => \"no\",");
    let place = place(&tests);
    let done = place.homeostat(&["test"]);
    let said = &done.ends_with(1).stderr;
    assert!(
        said.contains("`os.readfile(\"/etc/strict\")` asks the world, and the test does not give it"),
        "{said}"
    );
    assert!(said.contains("site.mcl:8:"), "{said}");
}

#[test]
fn a_file_of_tests_that_cannot_be_meant_is_refused() {
    for (wrong, line) in [
        (TESTS.replace("=> \"no\"", "=> 3"), 6),
        (TESTS.replace("=> \"no\"", "=> \"n\" + \"o\""), 6),
        (TESTS.replace("os.readfile(\"/etc/strict\") => \"no\"", "$other => \"no\""), 6),
        (TESTS.to_owned() + "test \"x\" {\n}\n", 40),
        (TESTS.to_owned() + "print \"x\" {}\n", 40),
        (TESTS.to_owned() + "test \"strict\" {\n\texpect not {}\n}\n", 40),
        (TESTS.to_owned() + "given {\n}\n", 40),
        (TESTS.replace("include site.page(\"blog\")", "include site.nobody(\"blog\")"), 32),
    ] {
        let lines: Vec<u64> = found(&place(&wrong), 2).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, [line], "{wrong}");
    }
    let empty = Place::new();
    empty.homeostat(&["test"]).ends_with(2);
}

#[test]
fn what_is_wrong_with_a_test_before_and_while_it_is_evaluated_is_said_together() {
    let both = "test \"both\" {\n\tprint \"a\" {\n\t\tmsg => 3,\n\t}\n\tprint \"b\" {\n\t\tmsg => [\"x\"][1],\n\t}\n\texpect {\n\t\tprint \"a\" {}\n\t}\n}\n";
    let place = place(&(TESTS.to_owned() + both));
    assert_eq!(found(&place, 2), [("wrong-type".to_owned(), 42), ("failed".to_owned(), 45)]);
}

#[test]
fn files_of_tests_have_a_canonical_form() {
    let place = place(TESTS);
    place.homeostat(&["fmt", "--check", "site_test.mcl"]).ends_with(0);
    let loose = TESTS
        .replace("\t", "  ")
        .replace("expect not {", "expect   not{")
        .replace(" => \"no\",", "=>\"no\"  ,");
    place.write("site_test.mcl", &loose);
    place.homeostat(&["fmt", "site_test.mcl"]).ends_with(0);
    assert_eq!(place.read("site_test.mcl"), TESTS);
}

#[test]
fn a_program_that_is_only_called_like_a_file_of_tests_stays_a_program() {
    let place = Place::new();
    place.write("a_test.mcl", "test \"x\" {\n  int =>1,\n}\n");
    place.homeostat(&["fmt", "a_test.mcl"]).ends_with(0);
    assert_eq!(place.read("a_test.mcl"), "test \"x\" {\n\tint => 1,\n}\n");
    let graph = place.homeostat(&["graph", "--format", "json", "a_test.mcl"]).ends_with(0).json();
    assert_eq!(graph["resources"].as_array().unwrap().len(), 1);
}
