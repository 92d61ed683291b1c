//! What programs export, through an etcd, to hosts that collect it.

use homeostat_cluster::testing::EtcdServer;

use super::place::{Place, Running, wait_until};

const PROGRAM: &str = r#"import "os"
file "DIR/a/files/offered" {
	state => "exists",
	content => os.readfile("DIR/word"),

	Meta:hidden => true,
	Meta:export => ["*"],
}
file "DIR/a/files/both" {
	state => "exists",
	content => "here and there",

	Meta:export => ["*"],
}
"#;

const FOR_ONE: &str = r#"file "DIR/a/files/one" {
	state => "exists",
	content => "for b alone",

	Meta:hidden => true,
	Meta:export => ["b"],
}
"#;

fn start(place: &Place, etcd: &str, host: &str, text: &str) -> Running {
    std::fs::create_dir_all(place.path(&format!("{host}/files"))).unwrap();
    let (prefix, text) = (format!("DIR/{host}/prefix"), format!("DIR/{text}"));
    place.start(&["run", "--prefix", &prefix, "--hostname", host, "--etcd", etcd, &text])
}

#[test]
fn what_a_program_exports_follows_the_world_and_the_program_on_every_host_that_it_is_for() {
    let Some(server) = EtcdServer::start() else { return };
    let (place, etcd) = (Place::new(), server.url());
    place.write("word", "one");
    place.write("a.mcl", &format!("{PROGRAM}{FOR_ONE}"));
    for host in ["b", "c"] {
        let text = format!("graph: {host}\ncollect:\n- kind: file\n  pattern: DIR/{host}/files/\n");
        place.write(&format!("{host}.yaml"), &text);
    }
    let agents = [("a", "a.mcl"), ("b", "b.yaml"), ("c", "c.yaml")];
    let agents = agents.map(|(host, text)| start(&place, &etcd, host, text));
    let read = |host: &str, name: &str| place.read(&format!("{host}/files/{name}"));
    let have = |name: &str, content: &str| ["b", "c"].iter().all(|host| read(host, name) == content);
    wait_until("all have what is for all", || have("offered", "one") && have("both", "here and there"));
    wait_until("one has what is for it", || read("b", "one") == "for b alone");
    assert_eq!((read("a", "offered"), read("a", "both")), (String::new(), "here and there".into()));

    place.write("word", "two");
    wait_until("the world is followed", || have("offered", "two"));
    assert_eq!(read("c", "one"), "");

    // It is kept where it was collected, for as long as the program offers it.
    std::fs::remove_file(place.path("b/files/one")).unwrap();
    wait_until("it is repaired", || read("b", "one") == "for b alone");
    place.write("a.mcl", PROGRAM);
    wait_until("it is withdrawn", || {
        std::fs::remove_file(place.path("b/files/one")).ok();
        let resources = place.homeostat(&["status", "--prefix", "DIR/b/prefix", "--format", "json"]);
        let status: serde_json::Value = serde_json::from_str(&resources.stdout).unwrap_or_default();
        status["exchange"]["collected"] == 2
    });
    assert!(have("offered", "two") && have("both", "here and there"));
    for agent in agents {
        agent.signal("TERM");
        agent.finish();
    }
}
