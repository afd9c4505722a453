//! A Redis of a test's own: found on the system, started on a socket in a folder of its own, and gone with the test.
//!
//! Where there is none, tests that need it are skipped and say so, unless `CI` is set: there they fail.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a library for tests only: a broken harness must stop the test at once"
)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

const MISSING: &str = "tests of shared rate limits need redis-server or valkey-server, and found neither in PATH: install Redis 6 or \
     newer, or Valkey (Debian: apt-get install redis-server)";

/// `$1`: the program; `$2`: the socket. The pipe's end is the sign to stop, whatever the test process dies of.
const KEEPER: &str = r#"
"$1" --port 0 --unixsocket "$2" --save '' --appendonly no --daemonize no --logfile '' 2>&1 &
cat >/dev/null
kill -9 $!
"#;

/// The server's program.
///
/// # Errors
/// There is none; says what to install.
pub fn program() -> Result<PathBuf, &'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]).collect();
    let programs = ["redis-server", "valkey-server"].into_iter();
    let all = programs.flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.into_iter().find(|program| program.is_file()).ok_or(MISSING)
}

/// A running server.
#[derive(Debug)]
pub struct TestRedis {
    folder: TempDir,
    keeper: Option<Child>,
}

impl TestRedis {
    /// Starts one; nothing where there is none, which is said.
    ///
    /// # Panics
    /// If there is none and `CI` is set, or if it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        match program() {
            Ok(_) => {}
            Err(missing) if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) => panic!("{missing}"),
            Err(missing) => {
                // Not by a macro, whose text is shown for failed tests only.
                let _ = writeln!(std::io::stderr(), "SKIPPED: {missing}");
                return None;
            }
        }
        // A socket's path may have 107 bytes, and TMPDIR is long on some systems.
        let folder = tempfile::Builder::new().prefix("patchbay-redis-").tempdir_in("/tmp").expect("a folder in /tmp");
        let mut redis = Self { folder, keeper: None };
        redis.resume();
        Some(redis)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills it, with all that it knew.
    pub fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it, if it was killed.
    ///
    /// # Panics
    /// If it does not start.
    pub fn resume(&mut self) {
        if self.keeper.is_some() {
            return;
        }
        let program = program().expect("it was here before");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(program).arg(self.socket());
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let keeper = self.keeper.insert(keeper.spawn().expect("a shell"));
        let lines = BufReader::new(keeper.stdout.take().expect("a pipe was asked for")).lines();
        let mut said = String::new();
        for line in lines.map_while(Result::ok) {
            if line.contains("connections at") || line.contains("eady to accept connections") {
                return;
            }
            said = said + &line + "\n";
        }
        panic!("the tests' Redis did not start:\n{said}");
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}
