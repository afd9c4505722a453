//! Everything that must hold, in one command, from cold; CI runs nothing else.
//!
//! Checks run to the end even if one fails, so that one run tells all that is wrong. Tests are not run on
//! components that failed to build: they would only say it again, a hundred times.

mod on_postgres;

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use crate::{deny, fixtures, plugins, postgres, process, redis, toolchain::Toolchain, wit_check, workspace::Workspace};

/// Flags of `test`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Leaves out formatting, lints and dependency checks.
    #[arg(long)]
    quick: bool,
    /// Passed on to `cargo test`, as in `-- --package patchbay-hub`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs it all; the last line sums up.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("wit", || wit_check::run(workspace, &wit_check::Options::default()));
    if !options.quick {
        steps.run("format", || format(workspace));
        steps.run("lints", || {
            let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            process::run(process::cargo().current_dir(workspace.root()).args(lints))
        });
        steps.run("dependencies", || deny::run_if_possible(workspace).map(|_| ()));
    }
    let mut variables = Vec::new();
    let built = steps.run("components", || {
        let toolchain = Toolchain::ensure()?;
        println!("{toolchain}");
        variables = toolchain.variables();
        plugins::build(workspace, &toolchain)?;
        fixtures::all(workspace, &toolchain)
    });
    let built = built
        && steps.run("programs", || {
            // all targets, because that is what the tests are built with: dependencies with other features would
            // be compiled twice
            let build = ["build", "--workspace", "--all-targets"];
            process::run(process::cargo().current_dir(workspace.root()).args(build))
        });
    let (mut without_postgres, mut without_redis) = (None, None);
    let built = built
        && steps.run("postgresql", || {
            without_postgres = postgres::ensure(workspace)?;
            Ok(())
        })
        && steps.run("redis", || {
            without_redis = redis::ensure(workspace)?;
            Ok(())
        });
    let mut tally = Tally::default();
    if built {
        variables.extend([
            ("PATCHBAY_PLUGINS_DIR", workspace.packed_plugins().into()),
            ("PATCHBAY_FIXTURES_DIR", workspace.packed_fixtures().into()),
            ("PATCHBAY_BINARY", workspace.program("patchbay").into()),
        ]);
        steps.run("tests", || cargo_test(workspace, &options.arguments, &variables, &mut tally));
    }
    if built && without_postgres.is_none() && options.arguments.is_empty() {
        steps.run("tests, postgres", || on_postgres::run(workspace, &variables, &mut tally));
    }
    steps.print();
    println!("tests: {} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.ignored);
    if let Some(why) = without_postgres {
        println!("SKIPPED: all tests on PostgreSQL, which are counted as passed ({why})");
    }
    if let Some(why) = without_redis {
        println!("SKIPPED: tests of shared rate limits, which are counted as passed ({why})");
    }
    if let Some(failed) = steps.failed() {
        bail!("failed: {failed}");
    }
    Ok(())
}

/// The host's workspace, and that of the guests.
fn format(workspace: &Workspace) -> Result<()> {
    for folder in [workspace.root().to_owned(), workspace.fixtures().join("guests")] {
        if folder.join("Cargo.toml").is_file() {
            process::run(process::cargo().current_dir(&folder).args(["fmt", "--all", "--check"]))
                .with_context(|| format!("{} is not formatted: run `cargo fmt --all` there", folder.display()))?;
        }
    }
    Ok(())
}

/// What the test programs reported together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Counts in a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …`; others say nothing.
    fn count(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else { return };
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

fn cargo_test(
    workspace: &Workspace,
    arguments: &[String],
    variables: &[(&str, OsString)],
    tally: &mut Tally,
) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.current_dir(workspace.root()).args(["test", "--no-fail-fast"]);
    if arguments.is_empty() {
        cargo.arg("--workspace");
    }
    cargo.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    if std::env::var_os(THREADS).is_none() {
        cargo.env(THREADS, threads().to_string());
    }
    counted(&mut cargo, tally)?;
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Says how many tests run at once in one program.
const THREADS: &str = "RUST_TEST_THREADS";

/// Half as many more tests at once as there are cores: many wait, for leases to end or for a process to start.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores + cores.div_ceil(2)
}

/// Runs tests and counts what they report.
fn counted(tests: &mut Command, tally: &mut Tally) -> Result<()> {
    let name = process::name(tests);
    let mut child = tests.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {name}"))?;
    let stdout = child.stdout.take().with_context(|| format!("{name} has no standard output"))?;
    for line in BufReader::new(stdout).lines() {
        let line = line.with_context(|| format!("reading what {name} prints"))?;
        println!("{line}");
        tally.count(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

/// What was done so far.
#[derive(Debug, Default)]
struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: &'static str,
    seconds: f64,
    failure: Option<String>,
}

impl Steps {
    /// True if it went well.
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let failure = step().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            println!("{name} failed: {failure}");
        }
        let passed = failure.is_none();
        self.0.push(Step { name, seconds: start.elapsed().as_secs_f64(), failure });
        passed
    }

    fn print(&self) {
        println!();
        for step in &self.0 {
            let word = if step.failure.is_none() { "passed" } else { "FAILED" };
            println!("{:<14} {word} in {:>6.1} s", step.name, step.seconds);
        }
    }

    fn failed(&self) -> Option<String> {
        let failed: Vec<_> = self.0.iter().filter(|step| step.failure.is_some()).map(|step| step.name).collect();
        (!failed.is_empty()).then(|| failed.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_results_of_all_test_programs_are_summed() {
        let mut tally = Tally::default();
        tally.count("running 4 tests");
        tally.count("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally
            .count("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 2.50s");
        assert_eq!(tally, Tally { passed: 5, failed: 1, ignored: 1 });
    }

    #[test]
    fn a_failed_step_does_not_hide_the_next_one() {
        let mut steps = Steps::default();
        assert!(!steps.run("first", || Err(anyhow!("broken"))));
        assert!(steps.run("second", || Ok(())));
        assert!(!steps.run("third", || Err(anyhow!("broken too"))));
        assert_eq!(steps.failed().as_deref(), Some("first, third"));
    }
}
