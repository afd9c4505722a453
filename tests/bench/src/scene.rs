//! A hub, or two, on a database of its own, with organizations that publish and have endpoints.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use patchbay_hub::{HubConfig, NewApiKey};
use patchbay_model::{EndpointId, OrgId, SystemClock, SystemRandom, org::Scope};
use patchbay_runtime::Compiler;
use patchbay_storage::{Database, DatabaseUrl, Journal, RunCommit};
use patchbay_test_postgres::TestDatabase;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::{
    Places,
    client::{Call, Client},
    hub::{Hub, Sibling, Start, ask},
    rows,
};

/// Events that one transaction puts into the database.
const AT_ONCE: usize = 5_000;
/// Connections by which a steady rate of events is published.
const PUBLISHERS: usize = 32;
/// How late a call may be sent and count from when it was sent; a later one counts from when it was due.
pub(crate) const LATE: Duration = Duration::from_millis(2);

/// Which database, and how many hubs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
    PostgresByTwo,
}

impl On {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::PostgresByTwo];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::PostgresByTwo => "PostgreSQL, two hubs",
        }
    }

    /// As the command line has it.
    const fn flag(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::PostgresByTwo => "two-hubs",
        }
    }

    pub(crate) const fn hubs(self) -> usize {
        match self {
            Self::Sqlite | Self::Postgres => 1,
            Self::PostgresByTwo => 2,
        }
    }

    /// A new one; none for SQLite, which is a file.
    pub(crate) async fn server(self) -> anyhow::Result<Option<TestDatabase>> {
        if self == Self::Sqlite {
            return Ok(None);
        }
        let server = patchbay_test_postgres::database_that_keeps().await;
        Ok(Some(server.context("this needs PostgreSQL's programs")?))
    }
}

impl FromStr for On {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|on| on.flag() == text);
        found.ok_or_else(|| format!("one of {}", Self::ALL.map(Self::flag).join(", ")))
    }
}

/// An organization, and a key of it that may do everything.
pub(crate) struct Publisher {
    pub(crate) id: OrgId,
    pub(crate) key: SecretString,
}

impl Publisher {
    pub(crate) fn key(&self) -> &str {
        self.key.expose_secret()
    }
}

/// Hubs, and their database as this process sees it.
pub(crate) struct Scene {
    pub(crate) siblings: Vec<Sibling>,
    pub(crate) hub: Hub,
    pub(crate) database: Database,
    pub(crate) journal: Journal,
    url: Option<String>,
    plugin: String,
    /// Ends last.
    pub(crate) server: Option<TestDatabase>,
}

impl Scene {
    /// `package`: of the plugin that organizations have switched on. `limits`: further lines of that section.
    pub(crate) async fn start(places: &Places, on: On, package: &Path, limits: &str) -> anyhow::Result<Self> {
        Self::start_with(places, on, &[package.to_owned()], limits).await
    }

    /// As [`Self::start`], with further packages behind that one, whose plugins nobody has switched on.
    pub(crate) async fn start_with(
        places: &Places,
        on: On,
        packages: &[PathBuf],
        limits: &str,
    ) -> anyhow::Result<Self> {
        let package = packages.first().context("a package")?;
        let server = on.server().await?;
        let url = server.as_ref().map(TestDatabase::url);
        let hub =
            Hub::start_with(places, &Start { database: url.as_deref(), packages, limits, ..Start::default() }).await?;
        let mut siblings = Vec::new();
        for _ in 1..on.hubs() {
            siblings.push(hub.beside(places).await?);
        }
        let of_file: DatabaseUrl = match &url {
            Some(url) => url.parse()?,
            None => DatabaseUrl::sqlite(hub.data.join("patchbay.db")),
        };
        let database = Database::open(&of_file).await?;
        let journal = Journal::start(database.clone());
        let plugin = package.file_stem().and_then(|name| name.to_str()).context("a package has a name")?.to_owned();
        Ok(Self { siblings, hub, database, journal, url, plugin, server })
    }

    /// Ends what this process began; the hubs and the database end with the scene.
    pub(crate) async fn close(self) {
        self.journal.shutdown().await;
        self.database.close().await;
    }

    /// Where the hubs are.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        [self.hub.address].into_iter().chain(self.siblings.iter().map(|sibling| sibling.address)).collect()
    }

    /// New organizations with the plugin switched on, which all hubs know of.
    pub(crate) async fn orgs(&self, count: usize) -> anyhow::Result<Vec<Publisher>> {
        let mut config = HubConfig::new(self.hub.data.clone(), Compiler::InProcess);
        config.database_url = self.url.as_deref().map(str::parse).transpose()?;
        let beside = patchbay_hub::Hub::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
        let mut orgs = Vec::with_capacity(count);
        for number in 0..count {
            let org = beside.create_org(&format!("bench {number}")).await?;
            let new = NewApiKey { name: "bench".to_owned(), scopes: Scope::ALL.to_vec(), ..NewApiKey::default() };
            orgs.push(Publisher { id: org.id, key: beside.create_api_key(org.id, new).await?.1 });
        }
        beside.shutdown().await;
        let path = format!("/v1/installations/{}", self.plugin);
        for org in &orgs {
            self.hub.put_as(org.key(), &path, &json!({ "config": {} })).await?;
            for address in self.addresses() {
                self.wait_installed(address, org, &path).await?;
            }
        }
        Ok(orgs)
    }

    async fn wait_installed(&self, address: SocketAddr, org: &Publisher, path: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let (status, installed) = ask(address, org.key(), "GET", path, None).await?;
            if installed.get("version").is_some_and(Value::is_string) {
                return Ok(());
            }
            ensure!(begun.elapsed() < Duration::from_secs(30), "{path} of {address}: {status} {installed}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// An endpoint for events of one type.
    pub(crate) async fn endpoint(
        &self,
        org: &Publisher,
        address: SocketAddr,
        kind: &str,
    ) -> anyhow::Result<EndpointId> {
        let body = json!({ "url": format!("http://{address}/hook"), "types": [kind] });
        let (status, answer) = self.hub.send_as(org.key(), "POST", "/v1/endpoints", Some(&body)).await?;
        ensure!(status == 201, "POST /v1/endpoints: {status} {answer}");
        let id = answer.pointer("/endpoint/id").and_then(Value::as_str).context("an endpoint has an id")?;
        Ok(id.parse()?)
    }

    pub(crate) async fn switch(&self, org: &Publisher, endpoint: EndpointId, enabled: bool) -> anyhow::Result<()> {
        let (path, body) = (format!("/v1/endpoints/{endpoint}"), json!({ "enabled": enabled }));
        let (status, answer) = self.hub.send_as(org.key(), "PATCH", &path, Some(&body)).await?;
        ensure!(status == 200, "PATCH {path}: {status} {answer}");
        Ok(())
    }

    /// Puts events into the database. Hubs find them when they look, or when something else of the org is published.
    pub(crate) async fn put_events(&self, org: OrgId, count: usize) -> anyhow::Result<()> {
        let mut left = count;
        while left > 0 {
            let portion = left.min(AT_ONCE);
            let events = (0..portion).map(|_| rows::event(org)).collect();
            self.journal.commit(RunCommit { events, ..rows::commit(org, &self.plugin)? }).await?;
            left -= portion;
        }
        Ok(())
    }

    /// Publishes one event by a call, so that the hub of this address looks at the org's events now.
    pub(crate) async fn kick(&self, address: SocketAddr, org: &Publisher) -> anyhow::Result<()> {
        let path = format!("/v1/actions/{}/run", self.plugin);
        let (status, answer) = ask(address, org.key(), "POST", &path, Some(&json!({ "text": "go" }))).await?;
        ensure!(status == 200, "POST {path}: {status} {answer}");
        Ok(())
    }

    /// Publishes at a steady rate by calls, to each hub in turn; each event tells when its call was made, in microseconds since
    /// `begun`. A call that the load could not make in time counts from when it was due.
    pub(crate) async fn publish(&self, org: &Publisher, begun: Instant, rate: u32, count: usize) -> anyhow::Result<()> {
        let addresses = self.addresses();
        let every = Duration::from_secs(1) / rate.max(1);
        let started = Instant::now() + Duration::from_millis(50);
        let path = format!("/v1/actions/{}/run", self.plugin);
        let workers = (0..PUBLISHERS).map(|worker| {
            let (path, key) = (path.clone(), org.key().to_owned());
            let address = addresses.get(worker % addresses.len()).copied().unwrap_or(self.hub.address);
            async move {
                let mut client = Client::connect(address).await?;
                for number in (worker..count).step_by(PUBLISHERS) {
                    let due = started + every * u32::try_from(number)?;
                    tokio::time::sleep_until(due.into()).await;
                    let now = Instant::now();
                    let at = if now - due > LATE { due } else { now };
                    let body = json!({ "text": (at - begun).as_micros().to_string() }).to_string().into();
                    let call = Call { address, path: path.clone(), key: key.clone(), body };
                    client.time(&call).await?;
                }
                anyhow::Ok(())
            }
        });
        futures::future::try_join_all(workers).await?;
        Ok(())
    }
}
