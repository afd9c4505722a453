//! Cargo, natively and for wasm.
//!
//! What a guest is compiled with is decided here and not in its `Cargo.toml`, so that every connector is
//! small and starts fast whatever its author knows of profiles.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// What plugins are compiled for: no system interface, so that a plugin imports nothing but the contract.
const TARGET: &str = "wasm32-unknown-unknown";

/// Another compiler for guests than the one on the path.
const RUSTC: &str = "PATCHBAY_WASM_RUSTC";

/// Flags for it, separated by white space, as in `--sysroot /opt/wasm`.
const RUSTFLAGS: &str = "PATCHBAY_WASM_RUSTFLAGS";

/// Its linker, where it brings none.
const LINKER: &str = "PATCHBAY_WASM_LINKER";

/// A guest's stack in bytes. The default of 1 MiB is memory that each fresh instance pays for.
const STACK_BYTES: u32 = 128 * 1024;

/// The release profile of a guest: small, no unwinding, names kept for the traces of traps.
const PROFILE: [&str; 6] = [
    "profile.release.opt-level=\"s\"",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.debug=false",
    "profile.release.strip=\"debuginfo\"",
];

/// Cargo in a connector's folder.
pub(super) fn native(dir: &Path) -> Result<Command> {
    if !dir.join("Cargo.toml").is_file() {
        bail!(
            "there is no connector in {}: name its folder with --dir, or start one with `patchbay plugin new`",
            dir.display()
        );
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(dir);
    Ok(cargo)
}

/// Runs cargo to its end; its own messages say what went wrong.
pub(super) fn run(cargo: &mut Command) -> Result<()> {
    let status = cargo.status().context("starting cargo: is Rust installed and on the path?")?;
    if status.success() { Ok(()) } else { bail!("cargo ended with {status}") }
}

/// A compiler for guests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wasm {
    rustc: Option<OsString>,
    flags: Vec<OsString>,
}

impl Wasm {
    /// The one that the environment names, or else the present one if it has the target.
    pub(super) fn find() -> Result<Self> {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let (rustc, flags, linker) = (variable(RUSTC), variable(RUSTFLAGS), variable(LINKER));
        if rustc.is_none() && flags.is_none() && !present_compiler_has_target()? {
            bail!(
                "the Rust compiler has no standard library for {TARGET}: run `rustup target add {TARGET}`, \
                 or name another compiler in {RUSTC} and its flags in {RUSTFLAGS}"
            );
        }
        Self::with(rustc, flags.as_deref(), linker.as_deref())
    }

    fn with(rustc: Option<OsString>, flags: Option<&OsStr>, linker: Option<&OsStr>) -> Result<Self> {
        let mut all: Vec<OsString> = vec!["-C".into(), format!("link-arg=-zstack-size={STACK_BYTES}").into()];
        if let Some(flags) = flags {
            let flags = flags.to_str().with_context(|| format!("{RUSTFLAGS} is not UTF-8"))?;
            all.extend(flags.split_whitespace().map(OsString::from));
        }
        if let Some(linker) = linker {
            let mut flag = OsString::from("linker=");
            flag.push(linker);
            all.extend(["-C".into(), flag]);
        }
        Ok(Self { rustc, flags: all })
    }

    /// The core module of the crate in this folder.
    pub(super) fn compile(&self, dir: &Path) -> Result<PathBuf> {
        let mut cargo = self.prepared(native(dir)?);
        let mut child = cargo.stdout(Stdio::piped()).spawn().context("starting cargo: is Rust on the path?")?;
        let stdout = child.stdout.take().context("cargo has no standard output")?;
        let own = dir.join("Cargo.toml");
        let own = own.canonicalize().with_context(|| format!("finding {}", own.display()))?;
        let mut found = None;
        for line in BufReader::new(stdout).lines() {
            found = module(&line?, &own)?.or(found);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("cargo ended with {status}");
        }
        found.with_context(|| {
            format!("{} builds no module: its [lib] needs crate-type = [\"cdylib\", \"rlib\"]", own.display())
        })
    }

    fn prepared(&self, mut cargo: Command) -> Command {
        cargo.args(["build", "--lib", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
        for setting in PROFILE {
            cargo.args(["--config", setting]);
        }
        if let Some(rustc) = &self.rustc {
            cargo.env("RUSTC", rustc);
            // Rustup's libraries are not this compiler's.
            cargo.env_remove("LD_LIBRARY_PATH");
        }
        // With `--target` given, these reach guests only, not build scripts and procedural macros.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.flags.join(OsStr::new("\u{1f}")));
        cargo
    }
}

fn present_compiler_has_target() -> Result<bool> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = rustc
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("starting rustc: is Rust installed and on the path?")?;
    let folder = String::from_utf8(output.stdout).context("reading what rustc printed")?;
    Ok(Path::new(folder.trim_end()).read_dir().is_ok_and(|mut entries| entries.next().is_some()))
}

/// The parts of cargo's messages that matter here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The module that a message tells of, if it is of this package.
fn module(line: &str, own_manifest: &Path) -> Result<Option<PathBuf>> {
    let message: Message = serde_json::from_str(line).with_context(|| format!("reading cargo's message {line}"))?;
    if message.reason != "compiler-artifact" || message.manifest_path != own_manifest {
        return Ok(None);
    }
    Ok(message.filenames.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "wasm")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_another_compiler_go_with_the_stack_size() {
        let wasm = Wasm::with(
            Some("/opt/rustc".into()),
            Some("--sysroot  /opt/wasm".as_ref()),
            Some("/opt/rust lld".as_ref()),
        );
        let cargo = wasm.unwrap().prepared(Command::new("cargo"));
        let variables: Vec<_> = cargo.get_envs().collect();
        let flags =
            "-C\u{1f}link-arg=-zstack-size=131072\u{1f}--sysroot\u{1f}/opt/wasm\u{1f}-C\u{1f}linker=/opt/rust lld";
        assert!(variables.contains(&("CARGO_ENCODED_RUSTFLAGS".as_ref(), Some(flags.as_ref()))), "{variables:?}");
        assert!(variables.contains(&("RUSTC".as_ref(), Some("/opt/rustc".as_ref()))));
    }

    #[test]
    fn a_folder_without_a_connector_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = native(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()) && error.contains("plugin new"), "{error}");
    }

    #[test]
    fn the_plugins_module_is_told_from_those_of_its_dependencies() {
        let own = Path::new("/p/Cargo.toml");
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/libp.rlib","/t/p.wasm"]}"#;
        assert_eq!(module(line, own).unwrap(), Some("/t/p.wasm".into()));
        let other = r#"{"reason":"compiler-artifact","manifest_path":"/q/Cargo.toml","filenames":["/t/q.wasm"]}"#;
        assert_eq!(module(other, own).unwrap(), None);
        assert_eq!(module(r#"{"reason":"build-finished","success":true}"#, own).unwrap(), None);
    }
}
