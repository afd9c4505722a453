//! Says where the tests find PostgreSQL's programs, for `cargo xtask test`; fails if they do not.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

fn main() -> ExitCode {
    match patchbay_test_postgres::binaries() {
        Ok(folder) => {
            let said = writeln!(io::stdout(), "PostgreSQL: {}", folder.display());
            if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(missing) => {
            let _ = writeln!(io::stderr(), "{missing}");
            ExitCode::FAILURE
        }
    }
}
