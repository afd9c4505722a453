//! Prints the program that the tests' Redis would be started from; fails if there is none.

use std::process::ExitCode;

fn main() -> ExitCode {
    match patchbay_test_redis::program() {
        Ok(program) => {
            println!("{}", program.display());
            ExitCode::SUCCESS
        }
        Err(missing) => {
            eprintln!("{missing}");
            ExitCode::FAILURE
        }
    }
}
