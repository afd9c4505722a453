//! A peer that is gone without a word: the server's, as a hub sees it, and a hub, as the server does.

use std::{future::pending, path::PathBuf, time::Duration};

use chrono::DateTime;
use patchbay_model::{
    Digest, EventId, OrgId, RunId,
    event::Event,
    org::Org,
    run::{Figures, Run, RunKind},
};
use patchbay_test_postgres::{OWNER, TestDatabase};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
    sync::watch,
    time::timeout,
};
use uuid::Uuid;

use super::{PgTx, Scope, Server, org, ours};
use crate::{Committed, Database, DatabaseUrl, Journal, RunCommit, StorageError, postgres::Patience};

/// Longer than any of these may take, and shorter than any of the real bounds.
const SOON: Duration = Duration::from_secs(8);

fn short() -> Patience {
    Patience {
        answer: Duration::from_secs(2),
        statement: Duration::from_secs(1),
        lock: Duration::from_millis(200),
        // a busy machine takes its time between two statements
        idle_in_batch: Duration::from_secs(1),
        ..Patience::default()
    }
}

/// A network between a hub and its server, of which the cable can be pulled.
struct Cable {
    port: u16,
    pulled: watch::Sender<()>,
}

impl Cable {
    async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pulled, pulls) = watch::channel(());
        tokio::spawn(async move {
            loop {
                let (mut hub, _) = listener.accept().await.unwrap();
                let mut server = UnixStream::connect(&socket).await.unwrap();
                let mut pulls = pulls.clone();
                pulls.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut hub, &mut server) => {}
                        // Neither end is told: both are kept open, and nothing passes.
                        _ = pulls.changed() => pending().await,
                    }
                });
            }
        });
        Self { port, pulled }
    }

    /// What is connected now hears nothing any more. What connects later does.
    fn pull(&self) {
        self.pulled.send_replace(());
    }
}

/// A server behind a cable, and what keeps both.
async fn behind_a_cable(connections: u32) -> Option<(TestDatabase, Cable, Server)> {
    let database = patchbay_test_postgres::database().await?;
    Database::open(&database.url().parse().unwrap()).await.unwrap().migrate().await.unwrap();
    let url = database.url();
    let (before, folder) = url.split_once("?host=").unwrap();
    let cable = Cable::to(PathBuf::from(folder).join(".s.PGSQL.5432")).await;
    let name = before.rsplit('/').next().unwrap();
    let port = cable.port;
    let url = format!("postgres://{OWNER}@127.0.0.1:{port}/{name}?sslmode=disable&max_connections={connections}");
    let DatabaseUrl::Postgres(url) = url.parse().unwrap() else { panic!("not PostgreSQL") };
    let server = Server::open_with(&url, short()).await.unwrap();
    Some((database, cable, server))
}

async fn begun(server: &Server) -> PgTx {
    let mut tx = server.begin();
    tx.speak_for(ours());
    let told = timeout(SOON, org(&mut tx)).await.expect("in time");
    assert!(told.is_some());
    tx
}

#[tokio::test]
async fn connections_in_the_pool_that_lead_nowhere_are_replaced() {
    let Some((_database, cable, server)) = behind_a_cable(2).await else { return };
    let both = (begun(&server).await, begun(&server).await);
    both.0.commit().await.unwrap();
    both.1.commit().await.unwrap();
    cable.pull();
    begun(&server).await.commit().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for() {
    let Some((_database, cable, server)) = behind_a_cable(1).await else { return };
    for what in ["statement", "speak", "commit", "lock"] {
        let mut tx = begun(&server).await;
        cable.pull();
        let ended = async {
            match what {
                "commit" => tx.commit().await,
                "lock" => tx.lock(OrgId(Uuid::from_u128(7))).await,
                "speak" => {
                    tx.speak_for(Scope::Hub);
                    tx.connection().await.map(drop)
                }
                _ => {
                    let mut tx = crate::Tx::Postgres(tx);
                    execute!(&mut tx, "UPDATE org SET name = name").map(drop)
                }
            }
        };
        let ended = timeout(SOON, ended).await.expect("in time");
        assert!(matches!(ended, Err(StorageError::Unreachable(_))), "{what}: {ended:?}");
        // Its place in the pool is free again.
        begun(&server).await.commit().await.unwrap();
    }
}

#[tokio::test]
async fn who_can_do_without_does_not_wait_for_long() {
    let Some((_database, cable, server)) = behind_a_cable(1).await else { return };
    begun(&server).await.commit().await.unwrap();
    cable.pull();
    let mut tx = server.read().within(Duration::from_millis(100));
    tx.speak_for(ours());
    // less than any of the server's own bounds here
    let asked = timeout(short().statement, tx.connection()).await.expect("in time");
    assert!(matches!(asked, Err(StorageError::Busy | StorageError::Unreachable(_))), "{:?}", asked.map(drop));
}

const OURS: OrgId = OrgId(Uuid::from_u128(7));
const THEIRS: OrgId = OrgId(Uuid::from_u128(8));

async fn with_orgs(server: Server) -> Database {
    let database = Database::on(server);
    let mut tx = database.begin().await.unwrap();
    for id in [OURS, THEIRS] {
        tx.hub().insert_org(&Org { id, name: "an org".to_owned(), created_at: DateTime::UNIX_EPOCH }).await.unwrap();
    }
    tx.commit().await.unwrap();
    database
}

/// A run that publishes an event.
fn publishing(org: OrgId, number: u128) -> RunCommit {
    let (at, plugin) = (DateTime::UNIX_EPOCH, "openai".parse().unwrap());
    let run = Run {
        id: RunId(Uuid::from_u128(number)),
        org,
        plugin,
        version: "1.0.0".to_owned(),
        digest: Digest([1; 32]),
        kind: RunKind::Action,
        operation: "do".to_owned(),
        parent: None,
        error_code: None,
        error_detail: None,
        upstream_status: None,
        figures: Figures::default(),
        log: Vec::new(),
        started_at: at,
        finished_at: at,
    };
    let event = Event {
        id: EventId(Uuid::from_u128(number)),
        org,
        source: None,
        kind: "a.b".to_owned(),
        subject: String::new(),
        data: serde_json::json!({}),
        dedupe: None,
        run: None,
        at,
        hops: 0,
    };
    RunCommit {
        run,
        usage: vec![],
        spent: vec![],
        events: vec![event],
        plugin_changes: vec![],
        object_changes: vec![],
        sync: None,
        sync_hints: vec![],
        hops: 0,
        webhook: None,
        job: None,
        jobs: vec![],
        idempotency: None,
        told: vec![],
    }
}

#[tokio::test]
async fn a_batch_of_a_hub_that_is_gone_holds_nobody_up_for_long() {
    let Some((server_process, cable, server)) = behind_a_cable(2).await else { return };
    let database = with_orgs(server.clone()).await;
    let mut gone = server.begin_batch(None);
    gone.speak_for(Scope::Journal(vec![OURS]));
    let numbers = sqlx::query("INSERT INTO event_sequence (org_id, last) VALUES ($1, 1)").bind(OURS.0);
    numbers.execute(gone.connection().await.unwrap()).await.unwrap();
    cable.pull();
    let other = Database::open(&server_process.url().parse().unwrap()).await.unwrap();
    let journal = Journal::start(other);
    assert_eq!(timeout(SOON, journal.commit(publishing(OURS, 1))).await.expect("in time").unwrap(), Committed::All);
    drop((gone, database));
}

#[tokio::test]
async fn an_entry_whose_row_is_held_does_not_take_its_neighbours_with_it() {
    let Some((server_process, _cable, server)) = behind_a_cable(2).await else { return };
    let database = with_orgs(server.clone()).await;
    let journal = Journal::start(database);
    let mut holder = server_process.connect("postgres").await;
    sqlx::raw_sql("BEGIN; INSERT INTO event_sequence VALUES ('00000000-0000-0000-0000-000000000007', 1)")
        .execute(&mut holder)
        .await
        .unwrap();
    let both = async {
        tokio::join!(
            journal.commit(publishing(OURS, 1)),
            journal.commit(publishing(THEIRS, 2)),
            journal.commit(publishing(OURS, 3)),
            journal.commit(publishing(THEIRS, 4)),
        )
    };
    let (held, free, held_too, free_too) = timeout(SOON, both).await.expect("in time");
    assert!(matches!(held, Err(StorageError::Locked)), "{held:?}");
    assert!(matches!(held_too, Err(StorageError::Locked)), "{held_too:?}");
    assert_eq!((free.unwrap(), free_too.unwrap()), (Committed::All, Committed::All));
}
