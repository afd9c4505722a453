//! The hub under test: the release binary as a process of its own, with the OpenAI connector installed and
//! the bench's upstream in the vendor's place.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::{Places, client::Call};

/// A running process that ends with its handle.
pub(crate) struct Process(Child);

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

impl Process {
    pub(crate) fn rss_kib(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most that it had since it was started, or since [`Process::forget_peak`].
    pub(crate) fn peak_rss_kib(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        // 5: the peak becomes what there is now; see proc_pid_clear_refs(5)
        Ok(fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5")?)
    }

    fn status(&self, what: &str) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find(|line| line.starts_with(what)).with_context(|| format!("no {what}"))?;
        line.split_whitespace().nth(1).context("no value")?.parse().context("a number of KiB")
    }
}

impl Process {
    /// Ends it, if it has not ended yet.
    pub(crate) fn stop(&mut self) -> std::io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("a process stays behind: {error}");
        }
    }
}

/// The hub, its upstream, and a key for it.
pub(crate) struct Hub {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) upstream: SocketAddr,
    pub(crate) key: String,
    pub(crate) plugins: PathBuf,
    pub(crate) config: PathBuf,
    /// Its data folder.
    pub(crate) data: PathBuf,
    /// Where its database is, if that is not in the data folder.
    database: Option<String>,
    _upstream: Process,
    _directory: tempfile::TempDir,
}

/// A further hub on the database of another one, as a process of its own.
pub(crate) struct Sibling {
    pub(crate) address: SocketAddr,
    _process: Process,
    _directory: tempfile::TempDir,
}

/// What a hub is started with.
#[derive(Default)]
pub(crate) struct Start<'a> {
    /// The URL of its database; none: SQLite, in its data folder.
    pub(crate) database: Option<&'a str>,
    /// What is in its folder of plugins.
    pub(crate) packages: &'a [PathBuf],
    /// Further lines of `[limits]`.
    pub(crate) limits: &'a str,
    /// Further vendors' hosts, and who is in their place.
    pub(crate) vendors: &'a [(&'a str, SocketAddr)],
    /// Further sections.
    pub(crate) more: &'a str,
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(crate) const CHAT: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello to the engineers who read benchmarks."}]}"#;
pub(crate) const STREAMED_CHAT: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Count."}]}"#;

impl Hub {
    /// Starts everything with these packages in the plugin folder, on SQLite.
    pub(crate) async fn start(places: &Places, packages: &[PathBuf]) -> anyhow::Result<Self> {
        Self::start_with(places, &Start { packages, ..Start::default() }).await
    }

    /// Starts everything: a database that is new, an upstream, a hub.
    pub(crate) async fn start_with(places: &Places, start: &Start<'_>) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir_in("target")?;
        let plugins = directory.path().join("plugins");
        fs::create_dir(&plugins)?;
        for package in start.packages {
            fs::copy(package, plugins.join(package.file_name().context("a package has a name")?))
                .with_context(|| format!("copying {}", package.display()))?;
        }
        let upstream = free_address()?;
        let upstream_process =
            Command::new(std::env::current_exe()?).args(["upstream", "--listen", &upstream.to_string()]).spawn()?;
        let upstream_process = Process(upstream_process);
        let address = free_address()?;
        let config = directory.path().join("patchbay.toml");
        let data = directory.path().join("data");
        let database = start.database.map(|url| format!("database = {url:?}\n")).unwrap_or_default();
        let kept = format!("dir = {data:?}\n{database}");
        fs::write(&config, configuration(address, &kept, &plugins, upstream, start))?;
        let output = Command::new(&places.patchbay).arg("init").arg("--config").arg(&config).arg("--json").output()?;
        ensure!(output.status.success(), "patchbay init: {}", String::from_utf8_lossy(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout)?;
        let key = made.get("api_key").and_then(Value::as_str).context("no api_key")?.to_owned();
        let process = serve(&places.patchbay, &config)?;
        let hub = Self {
            process,
            address,
            upstream,
            key,
            plugins,
            config,
            data,
            database: start.database.map(str::to_owned),
            _upstream: upstream_process,
            _directory: directory,
        };
        hub.wait_ready().await?;
        Ok(hub)
    }

    /// A further hub on the same PostgreSQL, with the same keys, files and plugins.
    pub(crate) async fn beside(&self, places: &Places) -> anyhow::Result<Sibling> {
        let database = self.database.as_deref().context("several hubs need a PostgreSQL")?;
        let directory = tempfile::tempdir_in("target")?;
        let address = free_address()?;
        let config = directory.path().join("patchbay.toml");
        let kept = format!(
            "dir = {:?}\ndatabase = {database:?}\nkeys = {:?}\nblobs = {:?}\n",
            directory.path().join("data"),
            self.data.join("keys"),
            self.data.join("blobs"),
        );
        fs::write(&config, configuration(address, &kept, &self.plugins, self.upstream, &Start::default()))?;
        let process = serve(&places.patchbay, &config)?;
        ready(address).await?;
        Ok(Sibling { address, _process: process, _directory: directory })
    }

    /// The hub with the OpenAI connector, installed and connected.
    pub(crate) async fn with_openai(places: &Places) -> anyhow::Result<Self> {
        Self::with_openai_on(None, places).await
    }

    /// As [`Self::with_openai`], on the database of this URL.
    pub(crate) async fn with_openai_on(database: Option<&str>, places: &Places) -> anyhow::Result<Self> {
        let packages = [places.plugins.join("openai.wasm")];
        let hub = Self::start_with(places, &Start { database, packages: &packages, ..Start::default() }).await?;
        hub.put("/v1/installations/openai", &json!({ "config": {} })).await?;
        hub.put("/v1/connections/openai", &json!({ "credentials": { "secret_key": "sk-bench" } })).await?;
        Ok(hub)
    }

    /// The hub with the ElevenLabs connector, installed and connected.
    pub(crate) async fn with_elevenlabs(places: &Places) -> anyhow::Result<Self> {
        let hub = Self::start(places, &[places.plugins.join("elevenlabs.wasm")]).await?;
        hub.put("/v1/installations/elevenlabs", &json!({ "config": {} })).await?;
        hub.put("/v1/connections/elevenlabs", &json!({ "credentials": { "api_key": "sk_bench" } })).await?;
        Ok(hub)
    }

    /// The hub with the AssemblyAI connector, installed and connected.
    pub(crate) async fn with_assemblyai(places: &Places) -> anyhow::Result<Self> {
        let hub = Self::start(places, &[places.plugins.join("assemblyai.wasm")]).await?;
        hub.put("/v1/installations/assemblyai", &json!({ "config": {} })).await?;
        hub.put("/v1/connections/assemblyai", &json!({ "credentials": { "api_key": "key-of-the-bench" } })).await?;
        Ok(hub)
    }

    pub(crate) async fn wait_ready(&self) -> anyhow::Result<Duration> {
        ready(self.address).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
        self.send_as(&self.key, method, path, body).await
    }

    /// As [`Self::send`], with another org's key.
    pub(crate) async fn send_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        ask(self.address, key, method, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        self.put_as(&self.key, path, body).await
    }

    /// As [`Self::put`], with another org's key.
    pub(crate) async fn put_as(&self, key: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let (status, answer) = self.send_as(key, "PUT", path, Some(body)).await?;
        ensure!((200..300).contains(&status), "PUT {path}: {status} {answer}");
        Ok(())
    }

    /// The same chat straight to the upstream.
    pub(crate) fn direct(&self, body: &'static str) -> Call {
        Call {
            address: self.upstream,
            path: "/v1/chat/completions".into(),
            key: "sk-bench".into(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    /// The same chat through the proxy.
    pub(crate) fn proxied(&self, body: &'static str) -> Call {
        Call {
            address: self.address,
            path: "/v1/proxy/openai/v1/chat/completions".into(),
            key: self.key.clone(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    /// The newest 50 runs.
    pub(crate) fn runs(&self) -> Call {
        Call { address: self.address, path: "/v1/runs?limit=50".into(), key: self.key.clone(), body: Bytes::new() }
    }

    /// The same chat as an action.
    pub(crate) fn action(&self) -> Call {
        Call {
            address: self.address,
            path: "/v1/actions/openai/create-chat-completion".into(),
            key: self.key.clone(),
            body: Bytes::from_static(CHAT.as_bytes()),
        }
    }
}

/// The text of a hub's configuration; `kept`: the lines of `[data]`. Limits are far beyond what is measured, and are counted all the same.
fn configuration(listen: SocketAddr, kept: &str, plugins: &Path, upstream: SocketAddr, start: &Start<'_>) -> String {
    let Start { limits, vendors, more, .. } = start;
    let vendors: String =
        vendors.iter().map(|(host, address)| format!("\"{host}\" = \"http://{address}\"\n")).collect();
    format!(
        "[server]\nlisten = \"{listen}\"\npublic_url = \"http://{listen}\"\n[data]\n{kept}[plugins]\ndir = \
         {plugins:?}\nallow_unsigned = true\n[upstreams]\n\"api.openai.com\" = \"http://{upstream}\"\n\
         \"api.elevenlabs.io\" = \"http://{upstream}\"\n\"api.assemblyai.com\" = \"http://{upstream}\"\n\
         \"api.stripe.com\" = \"http://{upstream}\"\n{vendors}[limits]\n\
         max_calls = 1500\nmax_calls_per_org = 1500\n{limits}\n[limits.call]\nconcurrency = 1500\n[limits.ceiling]\n\
         concurrency = 1500\n[rate_limits]\nkey = \"100000000/min\"\norg = \"100000000/min\"\n[rate_limits.addresses]\n\
         webhooks = \"100000000/min\"\n[endpoints]\nallow_http = true\nallow_addresses = [\"127.0.0.0/8\"]\nports = []\n\
         [log]\nfilter = \"warn\"\n{more}"
    )
}

/// Asks until the hub of this address is ready; gives how long that took.
async fn ready(address: SocketAddr) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(120) {
        if let Ok((200, _)) = ask(address, "", "GET", "/readyz", None).await {
            return Ok(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("the hub does not become ready")
}

/// A request on a connection of its own: its status and what it answers.
pub(crate) async fn ask(
    address: SocketAddr,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<(u16, Value)> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let body = body.map(ToString::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", address.to_string())
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

pub(crate) fn serve(patchbay: &Path, config: &Path) -> anyhow::Result<Process> {
    Ok(Process(Command::new(patchbay).arg("serve").arg("--config").arg(config).stdout(Stdio::null()).spawn()?))
}
