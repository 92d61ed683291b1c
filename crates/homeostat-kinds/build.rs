//! Makes the documentation of each kind out of the first comment of its file, so that it stands in one place.

use std::path::Path;
use std::{env, fs};

fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    println!("cargo::rerun-if-changed=src/kinds");
    for entry in fs::read_dir("src/kinds").expect("the kinds are here") {
        let path = entry.expect("a directory can be read").path();
        let source = if path.is_dir() { path.join("mod.rs") } else { path.clone() };
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let text = fs::read_to_string(&source).expect("a source file is text");
        fs::write(Path::new(&out).join(format!("{name}.md")), module_doc(&text))
            .expect("OUT_DIR can be written");
    }
}

fn module_doc(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}
