//! Compiling, apart from the serving process.
//!
//! Wasmtime does not promise that compiling hostile input ends soon or within little memory, so the hub
//! has a child process do it, with limits that the kernel enforces, and a clock that the hub watches. The
//! artefact is native code that will run in the hub: it is kept on disk under a name made of the
//! component's digest and the engine's settings, with a MAC over that name and the code, and nothing without a
//! good MAC is loaded. Without the name in it, one plugin's code would be good in the place of another's.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use patchbay_model::Digest;
use patchbay_vault::ArtefactMac;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    sync::Semaphore,
};
use wasmtime::{Engine, component::Component};

use crate::engine::compile_config;

/// The name of the subcommand that runs [`child_main`].
pub const SUBCOMMAND: &str = "compile-component";

/// Who compiles.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// A child process: this executable, called with [`SUBCOMMAND`].
    Child(PathBuf),
    /// This process, without limits: for tests and benchmarks of components that are trusted.
    InProcess,
}

/// Why there is no native code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler refused it.
    #[error("{0}")]
    Refused(String),
    /// The compiler passed a limit.
    #[error("compiling took more than {0}")]
    Limit(String),
    /// The child could not be run, or its artefact not be kept or loaded.
    #[error("{0}")]
    Host(String),
}

impl CompileError {
    fn host(doing: &str, error: impl std::fmt::Display) -> Self {
        Self::Host(format!("{doing}: {error}"))
    }
}

/// Turns components into native code, once each.
pub(crate) struct Compilation {
    pub(crate) compiler: Compiler,
    pub(crate) cache_dir: PathBuf,
    pub(crate) mac: ArtefactMac,
    pub(crate) timeout: Duration,
    pub(crate) memory: u64,
    /// The most native code that one component may become, in bytes.
    pub(crate) artefact_bytes: u64,
    /// One at a time: a compile uses every core that it gets.
    pub(crate) turn: Semaphore,
}

impl Compilation {
    /// The component as native code: from the cache if it is there, else compiled and put there.
    pub(crate) async fn component(&self, engine: &Engine, bytes: &[u8]) -> Result<Component, CompileError> {
        let path = self.artefact_path(engine, patchbay_package::digest(bytes));
        if let Some(component) = self.cached(engine, &path).await? {
            return Ok(component);
        }
        let _turn = self.turn.acquire().await.map_err(|error| CompileError::host("waiting to compile", error))?;
        if let Some(component) = self.cached(engine, &path).await? {
            return Ok(component);
        }
        let artefact = match &self.compiler {
            Compiler::Child(executable) => self.compile_in_child(executable, bytes).await?,
            Compiler::InProcess => compile_here(bytes.to_vec()).await?,
        };
        // what the compiler made and the engine does not take asks for more than a slot of its pools has
        let component = deserialize(engine, &artefact).map_err(|error| CompileError::Refused(error.to_string()))?;
        self.keep(&path, &artefact).await?;
        Ok(component)
    }

    fn artefact_path(&self, engine: &Engine, digest: Digest) -> PathBuf {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.cache_dir.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    async fn cached(&self, engine: &Engine, path: &Path) -> Result<Option<Component>, CompileError> {
        let file = match tokio::fs::read(path).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CompileError::host("reading the compile cache", error)),
        };
        let Some(artefact) = open_sealed(&self.mac, name(path), &file) else {
            tracing::warn!(path = %path.display(), "an artefact of the compile cache is not ours, compiling again");
            return Ok(None);
        };
        deserialize(engine, artefact).map(Some).or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "an artefact of the compile cache does not load, compiling again");
            Ok(None)
        })
    }

    async fn keep(&self, path: &Path, artefact: &[u8]) -> Result<(), CompileError> {
        let sealed = [&self.mac.sign(&sealed_part(name(path), artefact))[..], artefact].concat();
        let parent = self.cache_dir.clone();
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&parent)?;
            let partial = path.with_extension(format!("{}.partial", std::process::id()));
            std::fs::write(&partial, &sealed)?;
            std::fs::rename(&partial, &path)
        })
        .await
        .map_err(|error| CompileError::host("writing the compile cache", error))?
        .map_err(|error| CompileError::host("writing the compile cache", error))
    }

    async fn compile_in_child(&self, executable: &Path, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let mut child = Command::new(executable)
            .arg(SUBCOMMAND)
            .arg(self.memory.to_string())
            .arg(self.timeout.as_secs().max(1).to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| CompileError::host("starting the compiler", error))?;
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Host("the compiler has no pipes".to_owned()));
        };
        let work = async {
            let mut artefact = Vec::new();
            let mut complaint = Vec::new();
            let mut stderr = stderr.take(64 << 10);
            let write = async {
                // a child that fails early closes its end; its exit status tells more than this error
                let _ = stdin.write_all(bytes).await;
                drop(stdin);
            };
            let read = async {
                // one byte more shows that there is more
                let read = (&mut stdout).take(self.artefact_bytes.saturating_add(1)).read_to_end(&mut artefact).await;
                // a child that goes on writing fails now, and does not wait for a reader
                drop(stdout);
                read
            };
            let ((), read, read_error) = tokio::join!(write, read, stderr.read_to_end(&mut complaint));
            read.and(read_error).map_err(|error| CompileError::host("reading from the compiler", error))?;
            if artefact.len() as u64 > self.artefact_bytes {
                return Err(CompileError::Limit(format!("{} MiB of native code", self.artefact_bytes >> 20)));
            }
            let status = child.wait().await.map_err(|error| CompileError::host("waiting for the compiler", error))?;
            Ok::<_, CompileError>((status, artefact, complaint))
        };
        let (status, artefact, complaint) = tokio::time::timeout(self.timeout, work)
            .await
            .map_err(|_| CompileError::Limit(format!("{:?}", self.timeout)))??;
        let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
        match status.code() {
            Some(0) => Ok(artefact),
            Some(code) if code == i32::from(REFUSED) => Err(CompileError::Refused(complaint)),
            // by a signal: out of CPU time (SIGXCPU), out of memory (SIGABRT)
            _ => Err(CompileError::Limit(format!(
                "{:?} of CPU time or {} MiB of memory ({status})",
                self.timeout,
                self.memory >> 20
            ))),
        }
    }
}

async fn compile_here(bytes: Vec<u8>) -> Result<Vec<u8>, CompileError> {
    tokio::task::spawn_blocking(move || compile(&bytes))
        .await
        .map_err(|error| CompileError::host("compiling", error))?
        .map_err(|error| CompileError::Refused(format!("{error:#}")))
}

fn compile(bytes: &[u8]) -> wasmtime::Result<Vec<u8>> {
    Engine::new(&compile_config())?.precompile_component(bytes)
}

#[expect(unsafe_code, reason = "native code is loaded only from our own compiler or with our own MAC")]
fn deserialize(engine: &Engine, artefact: &[u8]) -> Result<Component, CompileError> {
    // SAFETY: `artefact` came out of `compile` in this process or in our child, either just now or by way
    // of a file whose MAC was just verified over these very bytes.
    unsafe { Component::deserialize(engine, artefact) }
        .map_err(|error| CompileError::Host(format!("loading native code: {error:#}")))
}

/// The child's exit code for a component that does not compile.
const REFUSED: u8 = 3;

/// What the child process does: limits itself, reads a component, writes native code.
///
/// `arguments` are the memory limit in bytes and the CPU time limit in seconds.
#[must_use]
pub fn child_main(arguments: &[String]) -> ExitCode {
    match child(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(REFUSED)
        }
    }
}

fn child(arguments: &[String]) -> wasmtime::Result<()> {
    let [memory, seconds] = arguments else {
        wasmtime::bail!("expected the memory limit in bytes and the CPU time limit in seconds");
    };
    let limit = |maximum: u64| Rlimit { current: Some(maximum), maximum: Some(maximum) };
    setrlimit(Resource::As, limit(memory.parse()?))?;
    setrlimit(Resource::Cpu, limit(seconds.parse()?))?;
    setrlimit(Resource::Core, limit(0))?;
    setrlimit(Resource::Fsize, limit(0))?;
    // calls that are being served come first
    rustix::process::nice(10)?;
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let artefact = compile(&bytes)?;
    std::io::stdout().lock().write_all(&artefact)?;
    Ok(())
}

/// Length of the MAC that stands before an artefact, in bytes.
const MAC_LENGTH: usize = 32;

/// The artefact in a file of the cache, if we put it there under this name.
fn open_sealed<'a>(mac: &ArtefactMac, name: &[u8], file: &'a [u8]) -> Option<&'a [u8]> {
    let (tag, artefact) = file.split_at_checked(MAC_LENGTH)?;
    mac.verify(&sealed_part(name, artefact), tag).then_some(artefact)
}

/// What the MAC is made over. The digest has one length, so there is one way to take it apart.
fn sealed_part(name: &[u8], artefact: &[u8]) -> Vec<u8> {
    [&patchbay_package::digest(artefact).0[..], name].concat()
}

/// The name of an artefact's file: the component's digest and the engine's settings.
fn name(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::serving_engine;

    /// The smallest component, and one with a custom section named `x`.
    const A: &[u8] = b"\0asm\x0d\0\x01\0";
    const B: &[u8] = b"\0asm\x0d\0\x01\0\0\x02\x01x";

    fn compilation(compiler: Compiler, folder: &Path) -> Compilation {
        Compilation {
            compiler,
            cache_dir: folder.to_owned(),
            mac: ArtefactMac::new([7; 32]),
            timeout: Duration::from_secs(60),
            memory: 4 << 30,
            artefact_bytes: 1 << 20,
            turn: Semaphore::new(1),
        }
    }

    #[tokio::test]
    async fn one_components_code_is_not_loaded_in_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let compilation = compilation(Compiler::InProcess, folder.path());
        let engine = serving_engine(1, 1 << 20).unwrap();
        compilation.component(&engine, A).await.unwrap();
        compilation.component(&engine, B).await.unwrap();
        let path = |bytes| compilation.artefact_path(&engine, patchbay_package::digest(bytes));
        assert!(compilation.cached(&engine, &path(B)).await.unwrap().is_some());
        std::fs::copy(path(A), path(B)).unwrap();
        assert!(compilation.cached(&engine, &path(B)).await.unwrap().is_none());
        assert!(compilation.cached(&engine, &path(A)).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_compiler_that_writes_without_end_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let endless = Compiler::Child(PathBuf::from("/usr/bin/yes"));
        let engine = serving_engine(1, 1 << 20).unwrap();
        let error = compilation(endless, folder.path()).component(&engine, A).await.unwrap_err();
        assert!(matches!(error, CompileError::Limit(_)), "{error}");
    }
}
