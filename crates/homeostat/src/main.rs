//! The program. Everything is in the library, so that the reference and the man pages come from the same declarations.

use std::process::ExitCode;

fn main() -> ExitCode {
    homeostat::main(std::env::args_os())
}
