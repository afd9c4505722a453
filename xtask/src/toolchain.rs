//! The compiler for guests, got without asking the developer for anything.
//!
//! Three ways, the cheapest first: the present compiler has the wasm standard library already; `rustup`
//! can fetch it; or it is built once from sources that match a compiler, those of Debian's packages if
//! need be (a network that lets only package registries through has no other way). Committing built
//! components was rejected: nobody could check them against their sources.

mod apt;
mod source;

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{files, lock, process};

/// What plugins are compiled for: no system interface at all, so that a plugin imports nothing but the
/// contract.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Forces a way: `rustup` (the present compiler, with rustup's help) or `source`.
const CHOICE: &str = "PATCHBAY_WASM_TOOLCHAIN";

/// A guest's stack in bytes. The default of 1 MiB is memory that each fresh instance pays for.
const STACK_BYTES: u32 = 128 * 1024;

/// For fetching about 20 MB; without a network it fails at once.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);

/// A compiler with a standard library for guests.
#[derive(Debug)]
pub struct Toolchain {
    /// None: whatever cargo finds by itself.
    rustc: Option<PathBuf>,
    /// Our own sysroot and the linker for it.
    built: Option<Built>,
    description: String,
}

/// A standard library that we built.
#[derive(Debug)]
struct Built {
    sysroot: PathBuf,
    linker: PathBuf,
}

impl Toolchain {
    /// Finds, fetches or builds it.
    pub fn ensure() -> Result<Self> {
        match env::var(CHOICE).as_deref() {
            Ok("rustup") => Self::present()?.map_or_else(Self::from_rustup, Ok),
            Ok("source") => Self::from_source(),
            Ok(other) if !other.is_empty() => bail!("{CHOICE} is {other}, and can be rustup or source"),
            _ => Self::automatic(),
        }
    }

    fn automatic() -> Result<Self> {
        if let Some(toolchain) = Self::present()? {
            return Ok(toolchain);
        }
        if process::exists("rustup") {
            match Self::from_rustup() {
                Ok(toolchain) => return Ok(toolchain),
                Err(error) => println!("rustup cannot give {TARGET} ({error:#}); building it from source"),
            }
        }
        Self::from_source()
    }

    /// The present compiler, if it has the target.
    fn present() -> Result<Option<Self>> {
        let sysroot = sysroot_of(Path::new("rustc"))?;
        if !has_standard_library(&sysroot)? {
            return Ok(None);
        }
        let description =
            format!("the present compiler, {}", version_of(Path::new("rustc"))?.lines().next().unwrap_or(""));
        Ok(Some(Self { rustc: None, built: None, description }))
    }

    fn from_rustup() -> Result<Self> {
        let _lock = lock::acquire(&cache()?)?;
        println!("fetching the standard library for {TARGET} by rustup");
        process::run_within(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT)?;
        Self::present()?.with_context(|| format!("rustup added {TARGET}, but the compiler does not have it"))
    }

    /// A compiler whose library's sources are here (by apt, where they are not yet), with that library
    /// built once into our cache.
    fn from_source() -> Result<Self> {
        let cache = cache()?;
        let _lock = lock::acquire(&cache)?;
        let compiler = match source::Compiler::find()? {
            Some(compiler) => compiler,
            None => {
                apt::install()?;
                source::Compiler::find()?
                    .context("the packages are installed, but no compiler with its sources is found")?
            }
        };
        let linker = linker()?;
        let sysroot = source::build(&compiler, &cache)?;
        let description = format!("{} with a standard library in {}", compiler.release(), sysroot.display());
        Ok(Self { rustc: Some(compiler.rustc), built: Some(Built { sysroot, linker }), description })
    }

    /// A cargo that compiles for [`TARGET`]: to be given `build --target` and what to build.
    pub fn cargo(&self) -> Command {
        let mut command = process::cargo();
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc);
            // Rustup's libraries are not this compiler's.
            command.env_remove("LD_LIBRARY_PATH");
        }
        // With `--target` given, these reach guests only, not build scripts and procedural macros.
        command.env("CARGO_ENCODED_RUSTFLAGS", encoded(&self.flags()));
        command
    }

    /// The environment in which `patchbay plugin build` takes this toolchain; empty if it finds it by itself.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let (Some(rustc), Some(built)) = (&self.rustc, &self.built) else { return Vec::new() };
        let mut flags = OsString::from("--sysroot ");
        flags.push(&built.sysroot);
        vec![
            ("PATCHBAY_WASM_RUSTC", rustc.clone().into_os_string()),
            ("PATCHBAY_WASM_RUSTFLAGS", flags),
            ("PATCHBAY_WASM_LINKER", built.linker.clone().into_os_string()),
        ]
    }

    /// Says which it is, and what a shell needs for `patchbay plugin build` to find it too.
    pub fn print(&self) {
        println!("{self}");
        for (name, value) in self.variables() {
            println!("export {name}='{}'", value.to_string_lossy());
        }
    }

    fn flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec!["-C".into(), format!("link-arg=-zstack-size={STACK_BYTES}").into()];
        if let Some(built) = &self.built {
            flags.extend(["--sysroot".into(), built.sysroot.clone().into_os_string()]);
            let mut linker = OsString::from("linker=");
            linker.push(&built.linker);
            flags.extend(["-C".into(), linker]);
        }
        flags
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm toolchain: {}", self.description)
    }
}

/// Joined as cargo wants it: a path in a flag may hold spaces.
fn encoded(flags: &[OsString]) -> OsString {
    let mut joined = OsString::new();
    for (index, flag) in flags.iter().enumerate() {
        if index > 0 {
            joined.push("\u{1f}");
        }
        joined.push(flag);
    }
    joined
}

/// The folder that a compiler takes its standard libraries from.
fn sysroot_of(rustc: &Path) -> Result<PathBuf> {
    let printed = process::output(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(printed.trim_end()))
}

/// What `rustc -vV` prints.
fn version_of(rustc: &Path) -> Result<String> {
    process::output(Command::new(rustc).arg("-vV"))
}

fn has_standard_library(sysroot: &Path) -> Result<bool> {
    let libraries = files::list(&sysroot.join("lib/rustlib").join(TARGET).join("lib"))?;
    Ok(libraries.iter().any(|path| {
        files::has_extension(path, "rlib")
            && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libstd-"))
    }))
}

/// The linker that comes with the present compiler; Debian's compiler has none for wasm.
fn linker() -> Result<PathBuf> {
    let folder = sysroot_of(Path::new("rustc"))?.join("lib/rustlib");
    for host in files::list(&folder)? {
        let linker = host.join("bin/rust-lld");
        if linker.is_file() {
            return Ok(linker);
        }
    }
    bail!("no rust-lld below {}: the compiler of `rustup` brings it", folder.display())
}

/// Ours, for all clones on this machine.
fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => env::home_dir().context("there is no home folder; set XDG_CACHE_HOME")?.join(".cache"),
    };
    Ok(base.join("patchbay/wasm-toolchain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_sysroot_and_linker_are_flags_of_the_guest_only() {
        let built = Built { sysroot: "/a folder/sysroot".into(), linker: "/opt/rust-lld".into() };
        let toolchain =
            Toolchain { rustc: Some("/usr/bin/rustc".into()), built: Some(built), description: String::new() };
        let flags = encoded(&toolchain.flags());
        let flags: Vec<&str> = flags.to_str().unwrap().split('\u{1f}').collect();
        assert_eq!(
            flags,
            ["-C", "link-arg=-zstack-size=131072", "--sysroot", "/a folder/sysroot", "-C", "linker=/opt/rust-lld"]
        );
    }

    #[test]
    fn a_sysroot_without_the_targets_library_is_not_enough() {
        let sysroot = tempfile::tempdir().unwrap();
        assert!(!has_standard_library(sysroot.path()).unwrap());
        let folder = sysroot.path().join("lib/rustlib").join(TARGET).join("lib");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("libcore-0123.rlib"), "").unwrap();
        assert!(!has_standard_library(sysroot.path()).unwrap());
        std::fs::write(folder.join("libstd-0123.rlib"), "").unwrap();
        assert!(has_standard_library(sysroot.path()).unwrap());
    }
}
