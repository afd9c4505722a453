//! A hub in a process of its own, which a test can kill.

use std::{
    collections::VecDeque,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use patchbay_storage::Database;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use super::{Org, TestHub, kept::Kept};

/// How long it may take until it serves.
const STARTS_IN: Duration = Duration::from_secs(60);
/// So many lines of its log are kept, the last ones.
const LINES: usize = 100;

/// A running `patchbay serve`; it is killed when this is dropped.
pub struct HubProcess {
    /// `http://127.0.0.1:port`.
    pub url: String,
    child: Child,
    log: Log,
    settings: Settings,
}

/// The end of its log.
type Log = Arc<Mutex<VecDeque<String>>>;

/// What it is started from, and started again.
struct Settings {
    /// With its configuration; and with its data, if it is beside another hub.
    folder: TempDir,
    /// The URL of its database; none: a file in its data.
    postgres: Option<String>,
    /// What the hub has left that it is in the place of.
    kept: Option<Kept>,
}

impl HubProcess {
    /// Starts one on the database of this hub, which is on PostgreSQL, with its keys and files; `upstreams` maps
    /// vendors' hosts to simulators.
    ///
    /// # Panics
    /// If the hub is on SQLite, or the program was not built.
    pub async fn beside(hub: &TestHub, upstreams: &[(&str, String)]) -> Self {
        Self::configured(hub, upstreams, "").await
    }

    /// The same, with further sections of its configuration.
    ///
    /// # Panics
    /// As [`HubProcess::beside`], and if the configuration is refused.
    pub async fn configured(hub: &TestHub, upstreams: &[(&str, String)], more: &str) -> Self {
        let data = hub.data_dir();
        let upstreams: String = upstreams.iter().map(|(host, url)| format!("\"{host}\" = \"{url}\"\n")).collect();
        let data = format!("dir = \"data\"\nkeys = {:?}\nblobs = {:?}", data.join("keys"), data.join("blobs"));
        let postgres = hub.postgres().expect("a hub on PostgreSQL").url();
        let settings = Settings::new(&data, &format!("[upstreams]\n{upstreams}{more}"), Some(postgres), None);
        Self::start(settings).await
    }

    /// Stops this hub, and starts one in its place, on all that it kept, whichever database that is; with further sections of
    /// its configuration.
    ///
    /// # Panics
    /// If the program was not built, or the configuration is refused.
    pub async fn in_place_of(hub: TestHub, more: &str) -> Self {
        let kept = hub.started.kept.clone();
        hub.stop().await;
        let postgres = kept.postgres().map(|database| database.url());
        Self::start(Settings::new(&format!("dir = {:?}", kept.data()), more, postgres, Some(kept))).await
    }

    async fn start(settings: Settings) -> Self {
        let (url, child, log) = settings.launch().await;
        Self { url, child, log, settings }
    }

    /// Starts it again on what it left when it was killed, at another address.
    ///
    /// # Panics
    /// If it does not start: on what a crash leaves it has to.
    pub async fn start_again(&mut self) {
        (self.url, self.child, self.log) = self.settings.launch().await;
    }

    /// Ends it as a crash would: `SIGKILL`.
    ///
    /// # Panics
    /// If there is no such process.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process to kill");
    }

    /// How much memory it has, and the most that it had since [`HubProcess::forget_peak`], in KiB.
    ///
    /// # Panics
    /// If it has ended, or the system is not Linux.
    #[must_use]
    pub fn memory_kib(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process on Linux");
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of proc_pid_status(5)");
            line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number of KiB")
        };
        (value("VmRSS:"), value("VmHWM:"))
    }

    /// From here on the most memory is what it has now.
    ///
    /// # Panics
    /// As [`HubProcess::memory_kib`].
    pub fn forget_peak(&self) {
        // see proc_pid_clear_refs(5)
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("a process on Linux");
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("a process that runs")
    }

    /// An org as this hub sees it.
    #[must_use]
    pub fn see(&self, org: &Org) -> Org {
        org.at_url(&self.url)
    }

    /// The database of the hub that it is in the place of, opened beside it.
    ///
    /// # Panics
    /// If it is in no hub's place.
    pub async fn database(&self) -> Database {
        self.settings.kept.as_ref().expect("a hub in the place of another one").open().await
    }

    /// The end of its log since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap().iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

impl Settings {
    fn new(data: &str, more: &str, postgres: Option<String>, kept: Option<Kept>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = format!("[data]\n{data}\n[plugins]\nallow_unsigned = true\n[log]\nformat = \"json\"\n{more}");
        std::fs::write(folder.path().join("patchbay.toml"), text).expect("a file in a temporary folder");
        Self { folder, postgres, kept }
    }

    async fn launch(&self) -> (String, Child, Log) {
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(self.folder.path().join("patchbay.toml"));
        match &self.postgres {
            Some(url) => command.env("DATABASE_URL", url),
            None => command.env_remove("DATABASE_URL"),
        };
        let mut child =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the hub's program");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe was asked for")).lines();
        let log = Log::default();
        let serving = async {
            while let Some(line) = lines.next_line().await.expect("the log is text") {
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                if event["message"] == "serving" {
                    return event["address"].as_str().expect("where it listens").to_owned();
                }
                note(&log, line);
            }
            panic!("the hub did not start:\n{:#?}", log.lock().unwrap());
        };
        let address = tokio::time::timeout(STARTS_IN, serving).await.expect("the hub starts in time");
        let rest = Arc::clone(&log);
        // a pipe that nobody reads would hold it up
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                note(&rest, line);
            }
        });
        (format!("http://{address}"), child, log)
    }
}

fn note(log: &Log, line: String) {
    let mut log = log.lock().unwrap();
    if log.len() == LINES {
        log.pop_front();
    }
    log.push_back(line);
}

/// The program `patchbay`: beside this test, or the one that is named; nothing if it was not built.
pub(super) fn find_program() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|test| Some(test.parent()?.parent()?.join("patchbay")));
    let named = std::env::var_os("PATCHBAY_BINARY").map(PathBuf::from);
    named.or(beside).filter(|path| path.exists())
}

/// The program `patchbay`.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn program() -> PathBuf {
    find_program().expect("the program was built: run `cargo build --package patchbay` or `cargo xtask test`")
}
