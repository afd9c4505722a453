//! Two orgs on one database: what one has, the other can neither read nor change, not even by its exact id.

use patchbay_model::{
    ApiKeyId, AuditId, BlobId, ConnectionId, InstallationId,
    installation::{Installation, SealedConnection, VersionPolicy},
    org::{ApiKey, AuditEntry, Scope},
    record::Blob,
    webhook::WebhookStatus,
};
use patchbay_storage::{AuditFilter, OrgKey, RunFilter, UsageFilter, WebhookFilter, WebhookOutcome};
use serde_json::json;

use crate::{
    Store,
    store::{plugin, put},
};

pub fn api_key(store: &Store, org: patchbay_model::OrgId) -> ApiKey {
    store.tick();
    ApiKey {
        id: ApiKeyId::new(&store.clock, &store.random),
        org,
        name: "ci".to_owned(),
        scopes: vec![Scope::Invoke, Scope::Read],
        expires_at: Some(store.later(1_000)),
        revoked_at: None,
        created_at: store.now(),
        made_by: Some("operator".to_owned()),
        used_at: None,
        replaces: None,
        spends_as: Some(ApiKeyId::new(&store.clock, &store.random)),
    }
}

pub fn installation(store: &Store, org: patchbay_model::OrgId, id: &str) -> Installation {
    store.tick();
    let own = InstallationId::new(&store.clock, &store.random);
    Installation {
        id: own,
        org,
        plugin: plugin(id),
        enabled: true,
        config: json!({ "region": "eu" }),
        policy: VersionPolicy::Track("^1".to_owned()),
        approved: Some(["reaches api.example.com: GET /v1/**".to_owned()].into_iter().collect()),
        hook_token: format!("token-of-{own}"),
        created_at: store.now(),
        updated_at: store.now(),
    }
}

pub fn connection(store: &Store, org: patchbay_model::OrgId) -> SealedConnection {
    store.tick();
    SealedConnection {
        id: ConnectionId::new(&store.clock, &store.random),
        org,
        plugin: plugin("openai"),
        credentials: vec!["secret_key".to_owned()],
        account: Some("acme".to_owned()),
        sealed: vec![0, 255, 1],
        created_at: store.now(),
        updated_at: store.now(),
    }
}

pub fn blob(store: &Store, org: patchbay_model::OrgId, sha256: &str) -> Blob {
    Blob {
        id: BlobId::new(&store.clock, &store.random),
        org,
        plugin: plugin("openai"),
        content_type: "audio/mpeg".to_owned(),
        size: 3,
        sha256: sha256.to_owned(),
        created_at: store.now(),
    }
}

pub fn audit(store: &Store, org: patchbay_model::OrgId) -> AuditEntry {
    store.tick();
    AuditEntry {
        id: AuditId::new(&store.clock, &store.random),
        org,
        actor: "operator".to_owned(),
        action: "installation.put".to_owned(),
        subject: "openai".to_owned(),
        detail: json!({ "old": null, "new": { "enabled": true } }),
        at: store.now(),
        request: None,
    }
}

pub async fn an_org_does_not_see_anothers_api_keys(store: Store) {
    let key = api_key(&store, store.ours);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).api_keys().insert(&key, &[1; 32]).await.unwrap();

    assert_eq!(tx.org(store.theirs).api_keys().get(key.id).await.unwrap(), None);
    assert_eq!(tx.org(store.theirs).api_keys().list(None, 10).await.unwrap(), []);
    assert!(!tx.org(store.theirs).api_keys().revoke(key.id, store.now()).await.unwrap());
    assert_eq!(tx.org(store.ours).api_keys().get(key.id).await.unwrap(), Some(key.clone()));
    assert_eq!(tx.org(store.ours).api_keys().list(None, 10).await.unwrap(), [key]);
}

pub async fn an_org_does_not_see_anothers_installations(store: Store) {
    let installation = installation(&store, store.ours, "openai");
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).installations().put(&installation).await.unwrap();

    assert_eq!(tx.org(store.theirs).installations().get(&installation.plugin).await.unwrap(), None);
    assert_eq!(tx.org(store.theirs).installations().list().await.unwrap(), []);
    assert!(!tx.org(store.theirs).installations().delete(&installation.plugin).await.unwrap());
    let found = tx.org(store.ours).installations().get(&installation.plugin).await.unwrap();
    assert_eq!(found, Some(installation.clone()));
    assert_eq!(tx.org(store.ours).installations().list().await.unwrap(), [installation]);
}

pub async fn an_org_does_not_see_anothers_connections(store: Store) {
    let connection = connection(&store, store.ours);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).connections().put(&connection).await.unwrap();

    assert_eq!(tx.org(store.theirs).connections().get(&connection.plugin).await.unwrap(), None);
    assert_eq!(tx.org(store.theirs).connections().list().await.unwrap(), []);
    assert!(!tx.org(store.theirs).connections().delete(&connection.plugin).await.unwrap());
    assert_eq!(tx.org(store.ours).connections().get(&connection.plugin).await.unwrap(), Some(connection));
}

pub async fn an_org_does_not_see_anothers_data_keys(store: Store) {
    let key = OrgKey { version: 1, kek_version: 1, wrapped: vec![1, 2, 3] };
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(store.ours).keys().insert(&key).await.unwrap());

    assert_eq!(tx.org(store.theirs).keys().current().await.unwrap(), None);
    assert_eq!(tx.org(store.theirs).keys().get(1).await.unwrap(), None);
    assert_eq!(tx.org(store.ours).keys().current().await.unwrap(), Some(key));
}

pub async fn an_org_does_not_see_anothers_runs_and_usage(store: Store) {
    let mut commit = store.commit(store.ours);
    commit.usage = vec![store.usage(&commit.run, "tokens", 5, None)];
    store.journal().commit(commit.clone()).await.unwrap();
    let filter = RunFilter { limit: 10, ..RunFilter::default() };

    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.org(store.theirs).runs().get(commit.run.id).await.unwrap(), None);
    assert_eq!(tx.org(store.theirs).runs().list(&filter).await.unwrap(), []);
    assert_eq!(tx.org(store.theirs).usage().list(&UsageFilter::default(), None, 10).await.unwrap(), []);
    assert_eq!(tx.org(store.theirs).usage().totals(&UsageFilter::default()).await.unwrap(), []);
    assert_eq!(tx.org(store.ours).runs().get(commit.run.id).await.unwrap(), Some(commit.run.clone()));
    let listed = patchbay_model::run::Run { log: vec![], ..commit.run };
    assert_eq!(tx.org(store.ours).runs().list(&filter).await.unwrap(), [listed]);
    assert_eq!(tx.org(store.ours).usage().list(&UsageFilter::default(), None, 10).await.unwrap(), commit.usage);
}

pub async fn an_org_does_not_see_anothers_events(store: Store) {
    let event = store.event(store.ours, "openai.done", None);
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(store.ours).events().append(&event).await.unwrap(), Some(1));

    assert_eq!(tx.org(store.theirs).events().list(0, &[], 10).await.unwrap(), []);
    assert_eq!(tx.org(store.ours).events().list(0, &[], 10).await.unwrap(), [(1, event)]);
    let other = store.event(store.theirs, "openai.done", None);
    assert_eq!(tx.org(store.theirs).events().append(&other).await.unwrap(), Some(1), "each org counts for itself");
}

pub async fn an_org_does_not_see_anothers_records(store: Store) {
    let openai = plugin("openai");
    let mut commit = store.commit(store.ours);
    commit.plugin_changes = vec![put("c1", json!({ "n": 1 }), None)];
    store.journal().commit(commit).await.unwrap();

    let mut tx = store.database.read().await.unwrap();
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.records(&openai).get("calls", "c1").await.unwrap(), None);
    assert_eq!(theirs.records(&openai).get_many("calls", &["c1".to_owned()]).await.unwrap(), []);
    assert_eq!(theirs.records(&openai).query("calls", &[], None, 10).await.unwrap(), []);
    assert!(tx.org(store.ours).records(&openai).get("calls", "c1").await.unwrap().is_some());
}

pub async fn an_org_does_not_see_anothers_small_values(store: Store) {
    let openai = plugin("openai");
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).kv(&openai).set("cursor", b"7", None, None, now).await.unwrap();

    assert_eq!(tx.org(store.theirs).kv(&openai).get("cursor", now).await.unwrap(), None);
    assert!(!tx.org(store.theirs).kv(&openai).delete("cursor", now).await.unwrap());
    assert_eq!(tx.org(store.theirs).kv(&openai).add("cursor", 1, None, now).await.unwrap(), 1);
    assert_eq!(tx.org(store.ours).kv(&openai).get("cursor", now).await.unwrap().unwrap().value, b"7");
}

pub async fn an_org_does_not_see_anothers_blobs(store: Store) {
    let blob = blob(&store, store.ours, "aa");
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).blobs().insert(&blob).await.unwrap();

    assert_eq!(tx.org(store.theirs).blobs().find(blob.id).await.unwrap(), None);
    assert_eq!(tx.org(store.theirs).blobs().references("aa").await.unwrap(), 0);
    assert!(!tx.org(store.theirs).blobs().delete(&blob.plugin, blob.id).await.unwrap());
    assert_eq!(tx.org(store.ours).blobs().find(blob.id).await.unwrap(), Some(blob));
}

pub async fn an_org_does_not_see_anothers_webhooks(store: Store) {
    let webhook = store.webhook(store.ours, "evt_1");
    let outcome = WebhookOutcome {
        id: webhook.id,
        lease: webhook.next_attempt_at.unwrap(),
        status: WebhookStatus::Processed,
        reason: None,
        attempts: 1,
        next_attempt_at: None,
    };
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(store.ours).webhooks().insert_if_new(&webhook).await.unwrap());

    assert_eq!(tx.org(store.theirs).webhooks().get(webhook.id).await.unwrap(), None);
    let filter = WebhookFilter { limit: 10, ..WebhookFilter::default() };
    assert_eq!(tx.org(store.theirs).webhooks().list(&filter).await.unwrap(), []);
    assert!(!tx.org(store.theirs).webhooks().settle(&outcome).await.unwrap());
    assert_eq!(tx.org(store.ours).webhooks().get(webhook.id).await.unwrap(), Some(webhook));
}

pub async fn an_org_does_not_see_anothers_audit_log(store: Store) {
    let entry = audit(&store, store.ours);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).audit().append(&entry).await.unwrap();

    let all = AuditFilter { limit: 10, ..AuditFilter::default() };
    assert_eq!(tx.org(store.theirs).audit().list(&all).await.unwrap(), []);
    assert_eq!(tx.org(store.theirs).audit().after(0, 10).await.unwrap(), []);
    assert_eq!(tx.org(store.theirs).audit().head().await.unwrap(), None);
    let lines = tx.org(store.ours).audit().list(&all).await.unwrap();
    assert_eq!(lines.into_iter().map(|line| line.entry).collect::<Vec<_>>(), [entry]);
}

pub async fn a_plugin_does_not_see_anothers_data(store: Store) {
    let (openai, stripe) = (plugin("openai"), plugin("stripe"));
    let blob = blob(&store, store.ours, "aa");
    let mut commit = store.commit(store.ours);
    commit.plugin_changes = vec![put("c1", json!({ "n": 1 }), None)];
    store.journal().commit(commit).await.unwrap();
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    ours.kv(&openai).set("cursor", b"7", None, None, now).await.unwrap();
    ours.blobs().insert(&blob).await.unwrap();

    assert_eq!(ours.records(&stripe).get("calls", "c1").await.unwrap(), None);
    assert_eq!(ours.records(&stripe).query("calls", &[], None, 10).await.unwrap(), []);
    assert_eq!(ours.kv(&stripe).get("cursor", now).await.unwrap(), None);
    assert_eq!(ours.blobs().get(&stripe, blob.id).await.unwrap(), None);
    assert!(!ours.blobs().delete(&stripe, blob.id).await.unwrap());
    assert_eq!(ours.blobs().get(&openai, blob.id).await.unwrap(), Some(blob));
}

pub async fn the_same_ids_in_two_orgs_do_not_collide(store: Store) {
    let journal = store.journal();
    let mut first = store.commit(store.ours);
    first.plugin_changes = vec![put("c1", json!({ "whose": "ours" }), Some(0))];
    first.usage = vec![store.usage(&first.run, "tokens", 1, Some("same"))];
    first.events = vec![store.event(store.ours, "openai.done", Some("same"))];
    let mut second = first.clone();
    second.run.org = store.theirs;
    second.plugin_changes = vec![put("c1", json!({ "whose": "theirs" }), Some(0))];
    let webhook = store.webhook(store.ours, "evt_1");
    let mut copy = webhook.clone();
    copy.org = store.theirs;

    assert_eq!(journal.commit(first.clone()).await.unwrap(), patchbay_storage::Committed::All);
    assert_eq!(journal.commit(second).await.unwrap(), patchbay_storage::Committed::All);
    assert!(journal.receive(webhook).await.unwrap());
    assert!(journal.receive(copy).await.unwrap());

    let mut tx = store.database.read().await.unwrap();
    for (org, whose) in [(store.ours, "ours"), (store.theirs, "theirs")] {
        let mut tx = tx.org(org);
        assert_eq!(tx.runs().get(first.run.id).await.unwrap().unwrap().org, org);
        assert_eq!(tx.usage().totals(&UsageFilter::default()).await.unwrap().len(), 1);
        assert_eq!(tx.events().list(0, &[], 10).await.unwrap().len(), 1);
        let record = tx.records(&first.run.plugin).get("calls", "c1").await.unwrap().unwrap();
        assert_eq!(record.data, json!({ "whose": whose }));
    }
}
