//! `util`: what fits nowhere else.

use super::args::Args;
use super::datetime::field;
use super::declaration::{Function, told};
use super::sources::SourceRequest;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[Function::source(
    "util.hostname_mapper",
    &["func(map map{str: str}) str"],
    "The name that the map gives to one of this machine's hardware addresses; empty if it knows none.",
    &[told(
        "util.hostname_mapper({\"00:00:5e:00:53:01\" => \"ann\"})",
        "[struct{name: \"eth0\"; mac: \"00:00:5e:00:53:01\"; cidrs: []; wired: true}]",
        "\"ann\"",
    )],
    |_, _| Ok(SourceRequest::Interfaces),
    |_, args, found| {
        let names = args.map(0)?;
        let interfaces = Args(std::slice::from_ref(found)).list(0)?;
        let mut macs = interfaces.iter().filter_map(|one| field(one, "mac").ok());
        let name = macs.find_map(|mac| names.get(mac)).cloned();
        Ok(name.unwrap_or_else(|| Value::from("")))
    },
)];
