//! A hub in a process of its own, which a test can kill.

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use super::{Org, TestHub};

/// A running `patchbay serve`; it is killed when this is dropped.
pub struct HubProcess {
    /// `http://127.0.0.1:port`.
    pub url: String,
    child: Child,
    _directory: TempDir,
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
        let directory = tempfile::tempdir().expect("a temporary folder");
        let data = hub.data_dir();
        let upstreams: String = upstreams.iter().map(|(host, url)| format!("\"{host}\" = \"{url}\"\n")).collect();
        let text = format!(
            "[data]\ndir = \"data\"\nkeys = {:?}\nblobs = {:?}\n[plugins]\nallow_unsigned = true\n[log]\nformat = \
             \"json\"\n[upstreams]\n{upstreams}{more}",
            data.join("keys"),
            data.join("blobs"),
        );
        let config = directory.path().join("patchbay.toml");
        std::fs::write(&config, text).expect("a file in a temporary folder");
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&config);
        command.env("DATABASE_URL", hub.postgres().expect("a hub on PostgreSQL").url());
        let mut child =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the hub's program");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe was asked for")).lines();
        let mut said = String::new();
        let serving = async {
            while let Some(line) = lines.next_line().await.expect("the log is text") {
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                if event["message"] == "serving" {
                    return event["address"].as_str().expect("where it listens").to_owned();
                }
                said = said.clone() + &line + "\n";
            }
            panic!("the hub did not start:\n{said}");
        };
        let address = tokio::time::timeout(Duration::from_secs(60), serving).await.expect("the hub starts in time");
        // a pipe that nobody reads would hold it up
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url: format!("http://{address}"), child, _directory: directory }
    }

    /// Ends it as a crash would: `SIGKILL`.
    ///
    /// # Panics
    /// If there is no such process.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process to kill");
    }

    /// An org as this hub sees it.
    #[must_use]
    pub fn see(&self, org: &Org) -> Org {
        org.at_url(&self.url)
    }
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
