//! `golang/runtime`: of a Go program's runtime there is only the machine here.

use crate::functions::declaration::{Function, answer, told};
use crate::functions::sources::{MachineFact, SourceRequest};

const NO_RUNTIME: &str = "this program has no Go runtime that could be asked";

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    Function::source(
        "golang/runtime.gomaxprocs",
        &["func(n int) int"],
        "How many processors are used: all. It cannot be changed from a program.",
        &[told("runtime.gomaxprocs(0)", "2", "2")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::CpuCount)),
        answer,
    ),
    Function::source(
        "golang/runtime.num_cpu",
        &["func() int"],
        "The number of processors.",
        &[told("runtime.num_cpu()", "2", "2")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::CpuCount)),
        answer,
    ),
    Function::absent("golang/runtime.cpu_profile", &["func() str"], "A profile.", NO_RUNTIME),
    Function::absent("golang/runtime.goroot", &["func() str"], "Where Go is installed.", NO_RUNTIME),
    Function::absent("golang/runtime.num_cgo_call", &["func() int"], "Calls from Go to C.", NO_RUNTIME),
    Function::absent(
        "golang/runtime.num_goroutine",
        &["func() int"],
        "The number of goroutines.",
        NO_RUNTIME,
    ),
    Function::absent("golang/runtime.read_trace", &["func() str"], "A trace.", NO_RUNTIME),
    Function::absent(
        "golang/runtime.set_mutex_profile_fraction",
        &["func(rate int) int"],
        "How often contention is recorded.",
        NO_RUNTIME,
    ),
    Function::absent("golang/runtime.stack", &["func(buf str, all bool) int"], "A stack trace.", NO_RUNTIME),
    Function::absent("golang/runtime.version", &["func() str"], "The version of Go.", NO_RUNTIME),
];
