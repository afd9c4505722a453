//! From a Rust crate to a packed plugin: compile, make a component of the core module, pack.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    files, process,
    toolchain::{TARGET, Toolchain},
    workspace::Workspace,
};

/// A core module that cargo has built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The name of cargo's target: a library's crate or an example.
    pub name: String,
    /// Its package's `Cargo.toml`.
    pub package: PathBuf,
    /// The module.
    pub path: PathBuf,
}

/// Compiles guests with the profile `plugin`. They have a folder of build output of their own, since their
/// compiler may be another than the host's.
pub fn compile(workspace: &Workspace, toolchain: &Toolchain, folder: &Path, what: &[String]) -> Result<Vec<Module>> {
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(folder)
        .args(["build", "--profile", "plugin", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(workspace.target("wasm"))
        .args(what);
    modules(&mut cargo)
}

/// Runs cargo and reads from its messages which modules there are now, new or not.
fn modules(cargo: &mut Command) -> Result<Vec<Module>> {
    let mut child =
        cargo.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {}", process::name(cargo)))?;
    let stdout = child.stdout.take().context("cargo has no standard output")?;
    let mut modules = Vec::new();
    for line in BufReader::new(stdout).lines() {
        modules.extend(module(&line?)?);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} ended with {status}", process::name(cargo));
    }
    Ok(modules)
}

/// The parts of cargo's messages that matter here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Default, Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

fn module(line: &str) -> Result<Option<Module>> {
    let message: Message = serde_json::from_str(line).with_context(|| format!("reading cargo's message {line}"))?;
    if message.reason != "compiler-artifact" || !message.target.crate_types.iter().any(|kind| kind == "cdylib") {
        return Ok(None);
    }
    let path = message.filenames.into_iter().find(|path| files::has_extension(path, "wasm"));
    Ok(path.map(|path| Module { name: message.target.name, package: message.manifest_path, path }))
}

/// Makes a component of a core module.
pub fn encode(module: &Module) -> Result<Vec<u8>> {
    let bytes = fs::read(&module.path).with_context(|| format!("reading {}", module.path.display()))?;
    patchbay_package::component::encode(&bytes)
        .with_context(|| format!("making a component of {}", module.path.display()))
}

/// Packs a component with the manifest of a folder and puts it in its place.
pub fn pack(component: &[u8], manifest_folder: &Path, to: &Path) -> Result<()> {
    let manifest = patchbay_package::load_manifest_dir(manifest_folder)
        .with_context(|| format!("reading the manifest in {}", manifest_folder.display()))?;
    let packed = patchbay_package::pack(component, &manifest).with_context(|| format!("packing {}", to.display()))?;
    if files::write_if_changed(to, &packed)? {
        println!("{}: {} {}, {} KiB", to.display(), manifest.id, manifest.version, packed.len().div_ceil(1024));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_told_from_the_libraries_that_it_is_built_of() {
        let guest = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"name":"endless-loop",
            "kind":["example"],"crate_types":["cdylib"]},"filenames":["/t/endless_loop.wasm"],"fresh":true}"#;
        let expected = Module {
            name: "endless-loop".into(),
            package: "/p/Cargo.toml".into(),
            path: "/t/endless_loop.wasm".into(),
        };
        assert_eq!(module(guest).unwrap(), Some(expected));

        let library = r#"{"reason":"compiler-artifact","manifest_path":"/s/Cargo.toml","target":{"name":"serde",
            "kind":["lib"],"crate_types":["lib"]},"filenames":["/t/libserde.rlib"]}"#;
        assert_eq!(module(library).unwrap(), None);
        assert_eq!(module(r#"{"reason":"build-finished","success":true}"#).unwrap(), None);
    }
}
