//! The standard library for guests, built from the sources that match a compiler.
//!
//! The result is a sysroot of our own: the compiler's is left as its packages made it. It is built the way
//! that cargo's `-Zbuild-std` does it, once, rather than with each guest: a guest's build then needs no
//! unstable flag, and all of them share it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context as _, Result};
use semver::Version;

use super::{TARGET, has_standard_library, sysroot_of, version_of};
use crate::{digest, files, process};

/// Part of the cache's key: another way of building makes another sysroot.
const RECIPE: &str = "1";

/// The crate whose build brings the library with it.
const CRATE: &str = r#"[package]
name = "sysroot"
version = "0.0.0"
edition = "2024"

[workspace]

[profile.release]
panic = "abort"
debug = false
"#;

/// A compiler whose library's sources are on this machine.
#[derive(Debug)]
pub struct Compiler {
    /// The program.
    pub rustc: PathBuf,
    version: String,
    library: PathBuf,
}

impl Compiler {
    /// The present compiler if it came with its sources, or else the system's; only one that is new
    /// enough for this workspace.
    pub fn find() -> Result<Option<Self>> {
        for rustc in ["rustc", "/usr/bin/rustc"] {
            if !process::exists(rustc) {
                continue;
            }
            let compiler = Self::at(Path::new(rustc))?;
            if compiler.library.join("std/Cargo.toml").is_file() && new_enough(&compiler.version) {
                return Ok(Some(compiler));
            }
        }
        Ok(None)
    }

    fn at(rustc: &Path) -> Result<Self> {
        let library = sysroot_of(rustc)?.join("lib/rustlib/src/rust/library");
        Ok(Self { rustc: rustc.to_owned(), version: version_of(rustc)?, library })
    }

    /// As in `rustc 1.96.0 (ac68faa20 2026-05-25)`.
    pub fn release(&self) -> &str {
        self.version.lines().next().unwrap_or("rustc")
    }

    /// Changes with the compiler, with where it lies, and with a new build of its sources' package.
    fn key(&self) -> Result<String> {
        let manifest = self.library.join("Cargo.lock");
        let changed = fs::metadata(&manifest)
            .and_then(|metadata| metadata.modified())
            .with_context(|| format!("reading {}", manifest.display()))?;
        let changed = changed.duration_since(UNIX_EPOCH).context("sources older than time")?.as_secs().to_string();
        let rustc = self.rustc.to_string_lossy();
        let key = digest::of_all([RECIPE, TARGET, &self.version, &rustc, &changed]);
        Ok(key.chars().take(16).collect())
    }
}

/// True if the compiler that printed this can compile the workspace.
fn new_enough(version: &str) -> bool {
    let release = version.lines().find_map(|line| line.strip_prefix("release: "));
    let release = release.and_then(|text| Version::parse(text).ok());
    let needed = Version::parse(&format!("{}.0", env!("CARGO_PKG_RUST_VERSION"))).ok();
    release.zip(needed).is_some_and(|(release, needed)| (release.major, release.minor) >= (needed.major, needed.minor))
}

/// The sysroot for a compiler, built unless it is in the cache. The caller holds the cache's lock.
pub fn build(compiler: &Compiler, cache: &Path) -> Result<PathBuf> {
    let sysroot = cache.join(compiler.key()?);
    if has_standard_library(&sysroot)? {
        return Ok(sysroot);
    }
    println!("building the standard library for {TARGET} with {} (about a minute, once)", compiler.release());
    let work = tempfile::tempdir_in(cache).context("making a folder to build in")?;
    fs::create_dir(work.path().join("src"))?;
    fs::write(work.path().join("Cargo.toml"), CRATE)?;
    fs::write(work.path().join("src/lib.rs"), "")?;
    compile(compiler, work.path())?;

    let made = work.path().join("sysroot");
    let libraries = made.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&libraries)?;
    for path in files::list(&work.path().join("target").join(TARGET).join("release/deps"))? {
        let name = files::file_name(&path)?;
        if name.ends_with(".rlib") && !name.starts_with("libsysroot-") {
            fs::copy(&path, libraries.join(name))?;
        }
    }
    // By rename, so that a folder with this name is always whole.
    fs::rename(&made, &sysroot).with_context(|| format!("putting {} in its place", sysroot.display()))?;
    Ok(sysroot)
}

fn compile(compiler: &Compiler, work: &Path) -> Result<()> {
    let mut cargo = process::cargo();
    cargo
        .current_dir(work)
        .args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET, "--target-dir", "target"])
        // The library is built with unstable features, by whatever compiler it belongs to.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", &compiler.rustc)
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", &compiler.library)
        // Guests are optimised together with the library.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("LD_LIBRARY_PATH");
    // Debian packs the library's own dependencies beside it; rustup's sources need the registry.
    let vendored = compiler.library.join("vendor");
    if vendored.is_dir() {
        let folder = toml::Value::String(vendored.to_string_lossy().into_owned());
        cargo.args(["--offline", "--config", "source.crates-io.replace-with='vendored'"]);
        cargo.args(["--config", &format!("source.vendored.directory={folder}")]);
    }
    process::run(&mut cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(release: &str) -> String {
        format!(
            "rustc {release} (0123456 2026-01-01)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: {release}\n"
        )
    }

    #[test]
    fn an_old_system_compiler_is_passed_by() {
        assert!(!new_enough(&printed("1.63.0")));
        assert!(!new_enough("rustc of unknown age"));
        assert!(new_enough(&printed("1.95.0")));
        assert!(new_enough(&printed("1.98.0-nightly")));
    }
}
