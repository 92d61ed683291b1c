//! What the world says while the vectors run: a host without anything in it.

use homeostat_lang::Value;
use homeostat_lang::eval::naive::{Answers, Asked};
use homeostat_lang::functions::{Answer, Error, MachineFact, ProcessFact, SourceRequest as Request};

use crate::archive::Archive;

impl Answers for Archive {
    fn answer(&self, asked: &Asked) -> Option<Answer> {
        let file = |path: &str| self.files.get(path.trim_start_matches('/'));
        let texts = || Value::list([]);
        Some(Ok(match &asked.request {
            Request::ModuleFile { path } => match file(path) {
                Some(text) => Value::from(text.as_str()),
                None => return Some(Err(Error::permanent(format!("can't read file `{path}`")))),
            },
            Request::ModuleFileExists { path } => Value::Bool(file(path).is_some()),
            Request::ModuleDirectory { path } => Value::Str(path.clone()),
            Request::File { path } => {
                return Some(Err(Error::catchable(format!("open {path}: no such file or directory"))));
            }
            Request::FileExists { .. } => Value::Bool(false),
            Request::Clock { .. } => Value::structure([
                ("epoch", Value::Int(1_700_000_000)),
                ("offset", Value::Int(0)),
                ("zone", Value::from("UTC")),
            ]),
            Request::Zone { .. } => {
                Value::structure([("offset", Value::Int(0)), ("zone", Value::from("UTC"))])
            }
            Request::Counter { .. } => Value::Int(0),
            Request::Environment => Value::map([]),
            Request::Command { script } => match &**script {
                script if script.starts_with("echo ") => Value::from(script[5..].trim()),
                _ => Value::from(""),
            },
            Request::Process(fact) => match fact {
                ProcessFact::Arguments => texts(),
                ProcessFact::Pid
                | ProcessFact::ParentPid
                | ProcessFact::Uid
                | ProcessFact::EffectiveUid
                | ProcessFact::Gid
                | ProcessFact::EffectiveGid
                | ProcessFact::PageSize => Value::Int(0),
                _ => Value::from("/"),
            },
            Request::Machine(fact) => match fact {
                MachineFact::Hostname => Value::from(""),
                MachineFact::Uptime | MachineFact::CpuCount => Value::Int(1),
                MachineFact::Load => {
                    Value::structure(["x1", "x5", "x15"].map(|name| (name, Value::Float(0.5))))
                }
                MachineFact::IsVirtual | MachineFact::FirmwareRestart => Value::Bool(false),
                MachineFact::KernelModules => texts(),
            },
            Request::User { .. } => Value::structure([
                ("exists", Value::Bool(false)),
                ("uid", Value::from("")),
                ("home", Value::from("")),
            ]),
            Request::Interfaces | Request::Schedule { .. } | Request::Exports { .. } => texts(),
            Request::Link { path } | Request::RealPath { path } => Value::Str(path.clone()),
            Request::Program { name } => Value::Str(name.clone()),
            Request::NewDirectory { .. } => Value::from("/tmp/new"),
            Request::Random { bytes } => Value::from("0".repeat(bytes * 2)),
            Request::Delayed { value, .. } => value.clone(),
            Request::StoredValue { .. } => Value::structure([("ready", Value::Bool(false))]),
            Request::HttpResponse { .. } => {
                Value::structure([("status", Value::Int(0)), ("output", Value::from(""))])
            }
            Request::StoreValue { .. } => {
                Value::structure([("value", Value::from("")), ("exists", Value::Bool(false))])
            }
            Request::StoreByHost { .. } => Value::map([]),
            Request::Pool { .. } => Value::Int(0),
            Request::VarDirectory { path } => Value::Str(path.clone()),
        }))
    }
}
