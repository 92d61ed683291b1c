//! Every kind.

use homeostat_engine::Kind;

mod exec;
mod file;
mod kv;
mod line;
mod method;
mod msg;
mod noop;
mod print;
mod remote;
mod test;
mod timer;
mod value;

/// The documentation of a kind: the first comment of its file.
macro_rules! doc_of {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name, ".md"))
    };
}
use doc_of;

/// Every kind that an agent knows.
pub static KINDS: &[Kind] = &[
    Kind::of::<exec::Exec>(),
    Kind::of::<file::File>(),
    Kind::of::<kv::Kv>(),
    Kind::of::<line::Line>(),
    Kind::of::<method::Method>(),
    Kind::of::<msg::Msg>(),
    Kind::of::<noop::Noop>(),
    Kind::of::<print::Print>(),
    Kind::of::<remote::Remote>(),
    Kind::of::<test::Test>(),
    Kind::of::<timer::Timer>(),
    Kind::of::<value::Value>(),
];

#[cfg(test)]
mod tests {
    use homeostat_engine::Registry;
    use homeostat_model::collect::runs_code;

    use super::KINDS;

    /// A new kind has to be named here or in `homeostat_model::collect`: one that runs what it is given is collected from named
    /// hosts only.
    #[test]
    fn of_every_kind_it_is_known_whether_it_runs_what_it_is_given() {
        let harmless = ["file", "kv", "line", "msg", "noop", "print", "remote", "test", "timer", "value"];
        for name in Registry::new(KINDS.iter().copied()).names() {
            assert_ne!(runs_code(name), harmless.contains(&name), "{name}");
        }
    }

    #[test]
    fn every_kind_is_documented_and_so_is_each_of_its_parameters() {
        let registry = Registry::new(KINDS.iter().copied());
        for name in registry.names() {
            let schema = registry.schema(name).unwrap();
            for heading in ["Example", "Watches", "Automatic edges", "Sends and receives", "Limits"] {
                assert!(schema.doc.contains(&format!("\n## {heading}\n")), "{name} has no `{heading}`");
            }
            for param in &schema.params {
                assert!(!param.doc.is_empty(), "`{}` of {name} has no doc", param.name);
            }
        }
    }
}
