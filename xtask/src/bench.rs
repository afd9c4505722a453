//! Benchmarks: the program is `tests/bench`, which prints the facts of the machine beside its figures; here is
//! only what must be built before.

use std::process::Command;

use anyhow::Result;

use crate::{fixtures, plugins, process, toolchain::Toolchain, workspace::Workspace};

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Passed on to the benchmark program; `--help` for what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the hub in the release profile, plugins and guests, then runs the program.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let toolchain = Toolchain::ensure()?;
    plugins::build(workspace, &toolchain)?;
    fixtures::guests(workspace, &toolchain)?;
    let programs = ["--package", "patchbay", "--package", "patchbay-bench"];
    process::run(process::cargo().current_dir(workspace.root()).args(["build", "--release"]).args(programs))?;
    // not by `cargo run`: a selection of packages of its own has features of its own, and builds all of it again
    let mut bench = Command::new(workspace.target("release").join("patchbay-bench"));
    process::run(bench.current_dir(workspace.root()).args(&options.arguments))
}
