//! PostgreSQL alone: who may do what. Roles are shared by all databases of a server, so each test here has its own.

use patchbay_storage::{
    Database, DatabaseUrl, StorageError,
    rls::{self, GapKind},
};
use patchbay_test_postgres::{TestDatabase, database_alone};

use crate::rls::superuser;

/// A server of its own with a migrated database.
async fn alone() -> Option<(TestDatabase, DatabaseUrl)> {
    let database = database_alone().await?;
    let url: DatabaseUrl = database.url().parse().unwrap();
    Database::open(&url).await.unwrap().migrate().await.unwrap();
    Some((database, url))
}

#[tokio::test]
async fn a_role_that_policies_do_not_hold_for_is_found_closed_and_not_served_with() {
    let Some((database, url)) = alone().await else { return };
    for (kind, role, planted) in [
        (GapKind::Superuser, "patchbay_app", "ALTER ROLE patchbay_app SUPERUSER"),
        (GapKind::BypassRls, "patchbay_journal", "ALTER ROLE patchbay_journal BYPASSRLS"),
        (GapKind::Owner, "patchbay_app", "ALTER TABLE run OWNER TO patchbay_app"),
        (GapKind::Member, "patchbay_app", "GRANT patchbay_hub TO patchbay_app"),
    ] {
        superuser(&database, planted).await;
        let Err(StorageError::Unsafe(why)) = Database::open(&url).await else { panic!("it opens after {planted}") };
        assert!(why.contains(role), "{why}");
        // As a superuser, because the owner of the tables may not be asked about one that is not his any more.
        let found = rls::audit(&database.url_of("postgres").parse().unwrap()).await.unwrap().gaps;
        assert!(found.iter().any(|gap| gap.kind == kind && gap.object == role), "{planted}: {found:#?}");
        for gap in &found {
            superuser(&database, &gap.fix).await;
        }
        superuser(&database, "ALTER TABLE run OWNER TO patchbay_owner").await;
        // Whoever owned it has lost the rights that he was granted.
        for gap in rls::audit(&url).await.unwrap().gaps {
            assert_eq!(gap.kind, GapKind::MissingRight, "{gap:?}");
            superuser(&database, &gap.fix).await;
        }
        Database::open(&url).await.unwrap();
        assert_eq!(rls::audit(&url).await.unwrap().gaps, [], "after {planted}");
    }
}

#[tokio::test]
async fn a_hub_serves_as_a_user_that_has_the_roles_and_nothing_else() {
    let Some((database, _)) = alone().await else { return };
    superuser(
        &database,
        "CREATE ROLE hub LOGIN; GRANT patchbay_app, patchbay_hub, patchbay_journal TO hub;
         REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    .await;
    let url: DatabaseUrl = database.url_of("hub").parse().unwrap();
    let hub = Database::open(&url).await.unwrap();
    hub.migrate().await.unwrap();
    assert_eq!(hub.begin().await.unwrap().hub().orgs(None, 10).await.unwrap(), []);
    assert_eq!(rls::audit(&url).await.unwrap().gaps, []);
    let org = patchbay_model::OrgId(uuid::Uuid::from_u128(7));
    for first in [true, false] {
        let mut tx = hub.begin().await.unwrap();
        if !first {
            tx.hub().orgs(None, 1).await.unwrap();
        }
        let refused = tx.operator(org).destroy_keys_before(9).await;
        assert!(matches!(refused, Err(StorageError::NotOperator)), "{refused:?}");
    }
    superuser(&database, "CREATE ROLE stranger LOGIN").await;
    let audit = rls::audit(&database.url_of("stranger").parse().unwrap()).await;
    assert!(matches!(audit, Err(StorageError::Unsafe(_))), "{audit:?}");

    superuser(&database, "DELETE FROM _sqlx_migrations WHERE version = 7").await;
    let Err(StorageError::Unsafe(why)) = hub.migrate().await else { panic!("a migration is missing") };
    assert!(why.contains('7') && why.contains("patchbay db migrate"), "{why}");
}

#[tokio::test]
async fn a_user_that_may_not_make_the_roles_is_told_what_to_do() {
    let Some(database) = database_alone().await else { return };
    superuser(&database, "CREATE ROLE weak LOGIN; GRANT CREATE ON SCHEMA public TO weak").await;
    let url: DatabaseUrl = database.url_of("weak").parse().unwrap();
    let Err(StorageError::Unsafe(why)) = Database::open(&url).await else { panic!("it opens") };
    assert!(why.contains("patchbay_journal") && why.contains("GRANT"), "{why}");
}

#[tokio::test]
async fn hubs_that_start_at_once_on_new_databases_make_the_roles_together() {
    let Some(database) = database_alone().await else { return };
    let url: DatabaseUrl = database.url().parse().unwrap();
    let start = async || {
        let database = Database::open(&url).await.unwrap();
        database.migrate().await.unwrap();
    };
    tokio::join!(start(), start(), start(), start());
    assert_eq!(rls::audit(&url).await.unwrap().gaps, []);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so_without_the_password() {
    let url: DatabaseUrl = "postgres://hub:hunter2@127.0.0.1:1/patchbay".parse().unwrap();
    let error = Database::open(&url).await.unwrap_err();
    assert!(matches!(error, StorageError::Unreachable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
