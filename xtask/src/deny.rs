//! `cargo deny`: licences, bans and sources always, advisories where their database can be fetched.

use std::{env, path::PathBuf, process::Command, time::Duration};

use anyhow::{Result, bail};

use crate::{process, workspace::Workspace};

/// What is installed where there is none.
const VERSION: &str = "0.20.2";

/// For fetching the advisories: a git repository that not every network lets through.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// Flags of `deny`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Compiles cargo-deny into target/tools if it is missing, which takes minutes.
    #[arg(long)]
    install: bool,
}

/// Checks the dependencies; fails if there is no cargo-deny and none may be installed.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Some(program) = find_or_install(workspace, options.install)? else {
        bail!("cargo-deny is not installed: run `cargo xtask deny --install`, which compiles it for some minutes");
    };
    check(workspace, &program)
}

/// The same as a part of `cargo xtask test`: installs under CI, and elsewhere does without. False if it was
/// left out.
pub fn run_if_possible(workspace: &Workspace) -> Result<bool> {
    let ci = env::var("CI").is_ok_and(|value| value == "true");
    match find_or_install(workspace, ci)? {
        Some(program) => check(workspace, &program).map(|()| true),
        None => {
            println!("cargo-deny is not installed, so this is left out; `cargo xtask deny --install` compiles it");
            Ok(false)
        }
    }
}

fn find_or_install(workspace: &Workspace, install: bool) -> Result<Option<PathBuf>> {
    if process::exists("cargo-deny") {
        return Ok(Some("cargo-deny".into()));
    }
    let tools = workspace.target("tools");
    let program = tools.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(Some(program));
    }
    if !install {
        return Ok(None);
    }
    println!("compiling cargo-deny {VERSION} into {}", tools.display());
    let mut cargo = process::cargo();
    cargo.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]).arg(&tools);
    process::run(cargo.arg("--target-dir").arg(tools.join("build")))?;
    Ok(Some(program))
}

fn check(workspace: &Workspace, program: &PathBuf) -> Result<()> {
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(workspace.root()).args(["--workspace", "--all-features"]).args(arguments);
        command
    };
    process::run(&mut deny(&["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    if let Err(error) = process::run_within(&mut deny(&["fetch", "db"]), FETCH_LIMIT) {
        println!("ADVISORIES ARE NOT CHECKED: their database cannot be fetched here ({error:#})");
        return Ok(());
    }
    process::run(&mut deny(&["check", "--disable-fetch", "advisories"]))
}
