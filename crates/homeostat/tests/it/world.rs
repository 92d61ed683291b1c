//! What programs ask of stores and of their own files: values of this host, values and exports of all.

use homeostat_cluster::testing::EtcdServer;

use super::place::{Place, Running, wait_until};

fn agent(place: &Place, etcd: &str, host: &str) -> Running {
    let (prefix, program) = (format!("DIR/{host}/prefix"), format!("DIR/{host}.mcl"));
    std::fs::create_dir_all(place.path(host)).unwrap();
    place.start(&["run", "--prefix", &prefix, "--hostname", host, "--etcd", etcd, &program])
}

#[test]
fn what_a_value_stored_comes_back_into_the_program() {
    let place = Place::new();
    place.write(
        "site.mcl",
        r#"import "value"
$port = value.get_int("port")
$list = value.get("list")
value "port" {
	any => 8080,
}
value "list" {
	any => ["a", "b"],
}
if $port->ready {
	file "DIR/port" {
		state => "exists",
		content => "${$port->value + 1}",
	}
}
if $list->ready {
	for $i, $name in $list->value {
		file "DIR/item-${name}" {
			state => "exists",
			content => "${i + 0}",
		}
	}
}
"#,
    );
    let run = place.start_run(&["site.mcl"]);
    wait_until("the values came back", || place.read("port") == "8081" && place.read("item-b") == "1");
    run.signal("TERM");
    run.finish().ends_with(0);
    // It is known at once when it is started again.
    std::fs::remove_file(place.path("port")).unwrap();
    place.homeostat(&["run", "--once", "--prefix", "DIR/prefix", "site.mcl"]).ends_with(0);
    assert_eq!(place.read("port"), "8081");
}

#[test]
fn values_of_the_store_are_followed() {
    let place = Place::new();
    place.write(
        "site.mcl",
        r#"import "world"
$motd = world.getval("motd")
file "DIR/motd" {
	state => "exists",
	content => if $motd->exists { $motd->value } else { "none" },
}
kv "role" {
	value => "web",
	mapped => true,
}
forkv $host, $role in world.kvlookup("role") {
	file "DIR/role-of-${host}" {
		state => "exists",
		content => $role,
	}
}
"#,
    );
    let _run = place.start_run(&["site.mcl"]);
    wait_until("all is made", || place.read("motd") == "none" && place.read("role-of-test") == "web");
    let kv = |args: &[&str]| place.homeostat(&[&["kv", "--prefix", "DIR/prefix"], args].concat());
    kv(&["put", "motd", "be kind"]).ends_with(0);
    wait_until("it is said", || place.read("motd") == "be kind");
    kv(&["del", "motd"]).ends_with(0);
    wait_until("it is gone", || place.read("motd") == "none");
}

#[test]
fn numbers_and_directories_of_a_host_stay() {
    let place = Place::new();
    let program = |names: &str| {
        format!(
            r#"import "local"
import "fmt"
for $i, $name in {names} {{
	file "DIR/number-${{name}}" {{
		state => "exists",
		content => fmt.printf("%d in %s", local.pool("ports", $name), local.vardir("web/")),
	}}
}}
"#
        )
    };
    let once = || place.homeostat(&["run", "--once", "--prefix", "DIR/prefix", "site.mcl"]).ends_with(0).code;
    let text = |number: usize| place.fill(&format!("{number} in DIR/prefix/var/web/"));
    place.write("site.mcl", &program(r#"["a"]"#));
    // Whoever only looks takes nothing.
    place.homeostat(&["plan", "--prefix", "DIR/prefix", "site.mcl"]);
    assert!(!place.path("prefix/var/web").exists());
    once();
    assert!(place.path("prefix/var/web").is_dir());
    place.write("site.mcl", &program(r#"["b", "a"]"#));
    once();
    assert_eq!((place.read("number-a"), place.read("number-b")), (text(0), text(1)));
    place.write("site.mcl", &program(r#"["b"]"#));
    std::fs::remove_file(place.path("number-b")).unwrap();
    once();
    assert_eq!(place.read("number-b"), text(1));
}

#[test]
fn a_check_reads_the_files_of_a_program_and_no_others() {
    let place = Place::new();
    place.write("files/page", "hello");
    place.write("other", "secret");
    place.write(
        "site.mcl",
        r#"import "deploy"
import "os"
file "DIR/page" {
	state => if deploy.file_exists("/files/page") { "exists" } else { "absent" },
	content => deploy.readfile("/files/page"),
}
file "DIR/copy" {
	content => os.readfile("DIR/other"),
}
"#,
    );
    let done = place.homeostat(&["graph", "--format", "json", "site.mcl"]);
    let graph = done.ends_with(0).json();
    let resources = graph["resources"].as_array().unwrap();
    let content = |at: usize| resources[at]["params"]["content"].as_str();
    assert_eq!([content(0), content(1)].into_iter().flatten().collect::<Vec<_>>(), ["hello"]);
    assert!(done.stderr.contains("is not known before it runs"), "{}", done.stderr);
    place.write(
        "site.mcl",
        "import \"deploy\"\nfile \"DIR/x\" {\n\tcontent => deploy.readfile(\"/none\"),\n}\n",
    );
    let done = place.homeostat(&["check", "site.mcl"]);
    assert!(done.ends_with(2).stderr.contains("cannot read"), "{}", done.stderr);
}

const EXPORTER: &str = r#"import "value"
file "offered-1" {
	path => "DIR/HOST/one",
	content => "TEXT",
	mode => "0640",
	Meta:hidden => true,
	Meta:export => ["*"],
}
file "offered-2" {
	path => "DIR/HOST/two",
	content => "two",
	Meta:hidden => true,
	Meta:export => ["b"],
}
kv "size" {
	value => "HOST is large",
	mapped => true,
}
"#;

const COLLECTOR: &str = r#"import "world"
import "world/collect"
import "fmt"
file "DIR/b/first" {
	state => "exists",
	content => "first",
}
collect file ["offered-1", "never"] {
	path => "DIR/b/collected-one",
	Depend => File["DIR/b/first"],
}
File["offered-1"] -> File["DIR/b/last"]
file "DIR/b/last" {
	state => "exists",
	content => "last",
}
$all = collect.res("file")
for $i, $one in $all {
	file "DIR/b/seen-${$one->name}-of-${$one->host}" {
		state => "exists",
		content => "seen",
	}
}
$named = [$one for $one in $all if $one->name == "offered-2"]
collect file $named {
	path => "DIR/b/collected-two",
}
forkv $host, $size in world.kvlookup("size") {
	file "DIR/b/size-of-${host}" {
		state => "exists",
		content => $size,
	}
}
"#;

#[test]
fn a_program_collects_what_programs_of_other_hosts_export() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("b.mcl", COLLECTOR);
    let collector = agent(&place, &etcd, "b");
    wait_until("what needs nobody is there", || place.read("b/last") == "last");
    let exporter_text = |text: &str| EXPORTER.replace("HOST", "a").replace("TEXT", text);
    place.write("a.mcl", &exporter_text("one"));
    let _exporter = agent(&place, &etcd, "a");
    wait_until("the exports are there", || {
        place.read("b/collected-one") == "one" && place.read("b/collected-two") == "two"
    });
    wait_until("they are seen by name and host", || {
        place.read("b/seen-offered-1-of-a") == "seen" && place.read("b/seen-offered-2-of-a") == "seen"
    });
    wait_until("values of other hosts are there", || place.read("b/size-of-a") == "a is large");
    assert!(!place.path("a/one").exists(), "what is hidden is not made where it is exported");
    place.write("a.mcl", &exporter_text("changed"));
    wait_until("a change is followed", || place.read("b/collected-one") == "changed");
    // Cut off, the next start begins with what was known last.
    collector.signal("TERM");
    collector.finish();
    drop(server);
    for name in ["collected-one", "collected-two", "size-of-a", "seen-offered-1-of-a"] {
        std::fs::remove_file(place.path(&format!("b/{name}"))).unwrap();
    }
    let _collector = agent(&place, &etcd, "b");
    wait_until("it is made without the store", || {
        place.read("b/collected-one") == "changed"
            && place.read("b/collected-two") == "two"
            && place.read("b/size-of-a") == "a is large"
            && place.read("b/seen-offered-1-of-a") == "seen"
    });
}

#[test]
fn a_host_without_others_collects_what_it_exports_itself() {
    let place = Place::new();
    place.write(
        "site.mcl",
        r#"import "world/collect"
file "offered" {
	path => "DIR/offered",
	content => "hello",
	Meta:hidden => true,
	Meta:export => ["*"],
}
collect file "offered" {
	content => "collected",
}
$names = [$one->name for $one in collect.res("file")]
file ["DIR/seen-" + $name for $name in $names] {
	content => "",
	state => "exists",
}
"#,
    );
    let run = place.start_run(&["site.mcl"]);
    wait_until("it is collected and seen", || {
        place.read("offered") == "collected" && place.path("seen-offered").exists()
    });
    run.signal("TERM");
    run.finish().ends_with(0);
    place.homeostat(&["plan", "--prefix", "DIR/prefix", "site.mcl"]).ends_with(0);
}
