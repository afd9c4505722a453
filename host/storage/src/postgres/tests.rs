//! No connection takes an org along into the pool, however its transaction ended. The pool here has one connection,
//! so that the next transaction gets it.

mod dead_peers;

use std::{future::poll_fn, pin::pin, task::Poll};

use futures::poll;
use patchbay_model::OrgId;
use patchbay_test_postgres::TestDatabase;
use sqlx::{Row as _, raw_sql};
use uuid::Uuid;

use super::{PgTx, Scope, Server};
use crate::{Database, DatabaseUrl};

async fn server() -> Option<(TestDatabase, Server)> {
    let database = patchbay_test_postgres::database().await?;
    let url: DatabaseUrl = format!("{}&max_connections=1", database.url()).parse().unwrap();
    Database::open(&url).await.unwrap().migrate().await.unwrap();
    let DatabaseUrl::Postgres(url) = url else { panic!("not PostgreSQL") };
    let server = Server::open(&url).await.unwrap();
    Some((database, server))
}

fn ours() -> Scope {
    Scope::Org(OrgId(Uuid::from_u128(7)))
}

async fn begun(server: &Server) -> PgTx {
    let mut tx = server.begin();
    tx.speak_for(ours());
    assert_eq!(org(&mut tx).await.as_deref(), Some("00000000-0000-0000-0000-000000000007"));
    tx
}

async fn org(tx: &mut PgTx) -> Option<String> {
    let connection = tx.connection().await.unwrap();
    let (org,) =
        sqlx::query_as("SELECT NULLIF(current_setting('app.org_id', true), '')").fetch_one(connection).await.unwrap();
    org
}

/// What the one who comes next finds.
async fn is_clean(server: &Server) {
    // Past any transaction of ours: what the bare connection has.
    let mut connection = server.pool().acquire().await.unwrap();
    // In one message: with a prepared statement, the transaction is a little older than the statement.
    let found = raw_sql(
        "SELECT NULLIF(current_setting('app.org_id', true), ''), NULLIF(current_setting('app.org_ids', true), ''),
           current_user::text, now() = statement_timestamp()",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    let setting = |column| found.get::<Option<String>, usize>(column);
    assert_eq!([setting(0), setting(1), setting(2)], [None, None, Some("patchbay_app".to_owned())], "orgs and role");
    assert!(found.get::<bool, usize>(3), "no transaction is open");
    drop(connection);
    let mut tx = server.begin();
    tx.speak_for(Scope::Nobody);
    assert_eq!(org(&mut tx).await, None);
}

#[tokio::test]
async fn after_a_commit_and_after_a_rollback() {
    let Some((_database, server)) = server().await else { return };
    begun(&server).await.commit().await.unwrap();
    is_clean(&server).await;
    drop(begun(&server).await);
    is_clean(&server).await;
}

#[tokio::test]
async fn after_a_failure_whose_commit_fails_too() {
    let Some((_database, server)) = server().await else { return };
    let mut tx = begun(&server).await;
    let failed = sqlx::query("SELECT 1 / 0").execute(tx.connection().await.unwrap()).await;
    assert!(tx.note(failed).is_err());
    let error = tx.commit().await.unwrap_err();
    assert!(error.to_string().contains("division by zero"), "{error}");
    is_clean(&server).await;
}

#[tokio::test]
async fn after_a_panic() {
    let Some((_database, server)) = server().await else { return };
    let inside = server.clone();
    let task = tokio::spawn(async move {
        let _tx = begun(&inside).await;
        panic!("as planned");
    });
    assert!(task.await.unwrap_err().is_panic());
    is_clean(&server).await;
}

#[tokio::test]
async fn after_a_statement_that_is_cancelled() {
    let Some((_database, server)) = server().await else { return };
    let mut tx = begun(&server).await;
    {
        let slow = sqlx::query("SELECT pg_sleep(0.05)").execute(tx.connection().await.unwrap());
        let mut slow = pin!(slow);
        assert!(poll!(&mut slow).is_pending());
    }
    drop(tx);
    is_clean(&server).await;
}

#[tokio::test]
async fn who_was_cancelled_while_speaking_for_another_says_anew_for_whom() {
    let Some((_database, server)) = server().await else { return };
    let mut tx = begun(&server).await;
    tx.speak_for(Scope::Nobody);
    // The server of a busy machine may have answered already: then nothing is cancelled, and the same has to hold.
    let _ = poll!(pin!(tx.connection()));
    tx.speak_for(ours());
    assert!(org(&mut tx).await.is_some(), "the server may have heard of the change");
}

/// Each is polled as often as it is woken, up to a number that grows: so it is cancelled at each point at which it waits.
#[tokio::test]
async fn after_beginning_speaking_and_committing_are_cancelled_wherever_they_wait() {
    let Some((_database, server)) = server().await else { return };
    let mut cancelled = 0;
    for what in ["begin", "speak", "commit"] {
        let mut polls = 0;
        loop {
            let mut tx = if what == "begin" { server.begin() } else { begun(&server).await };
            tx.speak_for(if what == "commit" { ours() } else { Scope::Hub });
            let whole = async {
                match what {
                    "commit" => tx.commit().await.unwrap(),
                    _ => drop(tx.connection().await.unwrap()),
                }
            };
            let mut whole = Box::pin(whole);
            let mut left = polls;
            let done = poll_fn(|context| match whole.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(true),
                Poll::Pending if left == 0 => Poll::Ready(false),
                Poll::Pending => {
                    left -= 1;
                    Poll::Pending
                }
            })
            .await;
            drop(whole);
            is_clean(&server).await;
            if done {
                break;
            }
            polls += 1;
        }
        cancelled += polls;
    }
    assert!(cancelled > 0, "something had to wait");
}
