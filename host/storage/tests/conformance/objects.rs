//! Records of standard objects, what is told of them, and how they are found.

use patchbay_model::{
    filter::Filter,
    object::{ObjectChange, ObjectRecord, StandardObject, indexed_as},
};
use patchbay_storage::{Committed, RunCommit};
use serde_json::{Value, json};

use crate::{
    Store,
    store::{Home, plugin},
};

const CALL: StandardObject = StandardObject::Call;
const CONTACT: StandardObject = StandardObject::Contact;

fn change(id: &str, data: Option<Value>, expected: Option<u64>) -> ObjectChange {
    ObjectChange { object: CALL, id: id.to_owned(), data, expected }
}

fn call(status: &str) -> Value {
    json!({"direction": "inbound", "status": status, "from": "+15550100", "external_ids": {"telnyx": "7"}})
}

/// A run of a plugin that does this.
fn run_of(store: &Store, by: &str, changes: Vec<ObjectChange>) -> RunCommit {
    let mut commit = store.commit(store.ours);
    commit.run.plugin = plugin(by);
    commit.object_changes = changes;
    commit
}

async fn write(store: &Store, by: &str, changes: Vec<ObjectChange>) -> RunCommit {
    let commit = run_of(store, by, changes);
    assert_eq!(store.journal().commit(commit.clone()).await.unwrap(), Committed::All);
    commit
}

async fn get(store: &Store, id: &str) -> Option<ObjectRecord> {
    let mut tx = store.database.read().await.unwrap();
    tx.org(store.ours).objects().get(CALL, id).await.unwrap()
}

async fn found(store: &Store, filter: Value) -> Vec<String> {
    let filter = Filter::parse(&filter).unwrap();
    let mut tx = store.database.read().await.unwrap();
    let page = tx.org(store.ours).objects().find(CALL, &filter, None, 1_000).await.unwrap();
    assert_eq!(page.next, None);
    page.records.into_iter().map(|record| record.id).collect()
}

/// Type, subject and data of what was published.
async fn published(store: &Store) -> Vec<(String, String, Value)> {
    let mut tx = store.database.read().await.unwrap();
    let events = tx.org(store.ours).events().list(0, &[], 1_000).await.unwrap();
    events.into_iter().map(|(_, event)| (event.kind, event.subject, event.data)).collect()
}

/// Who changed each field last.
fn fields(record: &ObjectRecord) -> Vec<(String, String)> {
    let of = record.sources.iter();
    let mut fields: Vec<_> =
        of.flat_map(|one| one.fields.iter().map(|field| (field.clone(), one.stamp.plugin.to_string()))).collect();
    fields.sort();
    fields
}

pub async fn a_record_says_who_made_changed_and_deleted_it(store: Store) {
    let made = write(&store, "telnyx", vec![change("telnyx:7", Some(call("ringing")), Some(0))]).await;
    let mut with_contact = call("ringing");
    with_contact["contact_id"] = json!("hubspot:1");
    let changed = write(&store, "hubspot", vec![change("telnyx:7", Some(with_contact.clone()), Some(1))]).await;

    let record = get(&store, "telnyx:7").await.unwrap();
    assert_eq!((record.version, record.data.as_ref()), (2, Some(&with_contact)));
    assert_eq!((record.created.plugin.as_str(), record.created.run), ("telnyx", made.run.id));
    assert_eq!((record.updated.plugin.as_str(), record.updated.run), ("hubspot", changed.run.id));
    assert_eq!((record.created.at, record.updated.at), (made.run.finished_at, changed.run.finished_at));
    let by = |field: &str, plugin: &str| (field.to_owned(), plugin.to_owned());
    let expected = [
        by("contact_id", "hubspot"),
        by("direction", "telnyx"),
        by("external_ids", "telnyx"),
        by("from", "telnyx"),
        by("status", "telnyx"),
    ];
    assert_eq!(fields(&record), expected);

    let deleted = write(&store, "telnyx", vec![change("telnyx:7", None, Some(2))]).await;
    let record = get(&store, "telnyx:7").await.unwrap();
    assert_eq!((record.version, record.data, record.sources), (2, None, vec![]));
    assert_eq!((record.created.run, record.updated.run), (made.run.id, deleted.run.id));

    write(&store, "vapi", vec![change("telnyx:7", Some(call("queued")), Some(0))]).await;
    let record = get(&store, "telnyx:7").await.unwrap();
    assert_eq!((record.version, record.created.plugin.as_str()), (1, "vapi"), "a record that is made anew is new");
}

pub async fn what_came_of_a_record_is_published_with_it(store: Store) {
    let mut commit = run_of(&store, "telnyx", vec![change("telnyx:7", Some(call("ringing")), None)]);
    commit.events = vec![store.event(store.ours, "telnyx.call.initiated", None)];
    commit.hops = 3;
    store.journal().commit(commit.clone()).await.unwrap();
    write(&store, "telnyx", vec![change("telnyx:7", Some(call("completed")), None)]).await;
    write(&store, "telnyx", vec![change("telnyx:7", None, None)]).await;

    let told = |version: u64, changed: &[&str], record: Value| json!({"object": "call", "id": "telnyx:7", "version": version, "changed": changed, "record": record});
    let published = published(&store).await;
    let kinds: Vec<_> = published.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, ["call.created", "telnyx.call.initiated", "call.updated", "call.deleted"]);
    assert!(
        published.iter().filter(|(kind, ..)| kind.starts_with("call.")).all(|(_, subject, _)| subject == "telnyx:7")
    );
    let all = &["direction", "external_ids", "from", "status"];
    assert_eq!(published[0].2, told(1, all, call("ringing")));
    assert_eq!(published[2].2, told(2, &["status"], call("completed")));
    assert_eq!(published[3].2, told(2, &[], Value::Null));

    let mut tx = store.database.read().await.unwrap();
    let (_, event) = tx.org(store.ours).events().list(0, &[], 1).await.unwrap().remove(0);
    assert_eq!((event.source, event.run, event.hops), (Some(plugin("telnyx")), Some(commit.run.id), 3));
    assert_eq!(event.at, commit.run.finished_at);
    assert_eq!(event.id.0.get_version_num(), 7);
}

pub async fn a_write_that_changes_nothing_is_no_news(store: Store) {
    for _ in 0..3 {
        write(&store, "telnyx", vec![change("telnyx:7", Some(call("ringing")), None)]).await;
    }
    write(&store, "telnyx", vec![change("telnyx:8", None, None)]).await;
    assert_eq!(get(&store, "telnyx:7").await.unwrap().version, 3, "each write counts");
    assert_eq!(get(&store, "telnyx:8").await, None, "what was not there is not deleted");
    assert_eq!(published(&store).await.len(), 1);
}

pub async fn a_run_that_loses_changes_and_tells_nothing(store: Store) {
    write(&store, "telnyx", vec![change("telnyx:7", Some(call("ringing")), None)]).await;
    for expected in [Some(0), Some(2)] {
        let mut commit = run_of(
            &store,
            "telnyx",
            vec![change("telnyx:6", Some(call("queued")), None), change("telnyx:7", Some(call("failed")), expected)],
        );
        commit.events = vec![store.event(store.ours, "telnyx.call.failed", None)];
        let lost = Committed::Conflict { collection: "call".to_owned(), id: "telnyx:7".to_owned() };
        assert_eq!(store.journal().commit(commit).await.unwrap(), lost);
    }
    assert_eq!(get(&store, "telnyx:6").await, None);
    assert_eq!(get(&store, "telnyx:7").await.unwrap().data, Some(call("ringing")));
    assert_eq!(published(&store).await.len(), 1);
}

pub async fn runs_of_one_batch_write_one_after_the_other(store: Store) {
    let journal = store.journal();
    let blocking = store.database.begin().await.unwrap();
    let mut waiting = vec![];
    for (by, status) in [("telnyx", "queued"), ("telnyx", "ringing"), ("vapi", "in-progress"), ("vapi", "in-progress")]
    {
        let commit = run_of(&store, by, vec![change("telnyx:7", Some(call(status)), None)]);
        let journal = journal.clone();
        let mut commit = Box::pin(async move { journal.commit(commit).await });
        assert!(futures::poll!(tokio::task::unconstrained(&mut commit)).is_pending());
        waiting.push(commit);
    }
    drop(blocking);
    for commit in waiting {
        assert_eq!(commit.await.unwrap(), Committed::All);
    }
    let record = get(&store, "telnyx:7").await.unwrap();
    assert_eq!((record.version, record.created.plugin.as_str(), record.updated.plugin.as_str()), (4, "telnyx", "vapi"));
    let told: Vec<_> =
        published(&store).await.into_iter().map(|(kind, _, data)| (kind, data["version"].clone())).collect();
    let expected = [("call.created", 1), ("call.updated", 2), ("call.updated", 3)];
    assert_eq!(told, expected.map(|(kind, version)| (kind.to_owned(), json!(version))));
    assert_eq!(found(&store, json!({"status": "in-progress"})).await, ["telnyx:7"]);
    assert_eq!(found(&store, json!({"status": "ringing"})).await, Vec::<String>::new());
}

pub async fn records_are_found_by_what_they_are_now(store: Store) {
    let with = |status: &str, from: &str, id: &str| json!({"direction": "inbound", "status": status, "from": from, "duration_s": 61, "external_ids": {"telnyx": id}});
    write(
        &store,
        "telnyx",
        vec![
            change("telnyx:a", Some(with("completed", "+15550100", "a")), None),
            change("telnyx:b", Some(with("completed", "+15550199", "b")), None),
            change("telnyx:c", Some(with("ringing", "+15550100", "c")), None),
        ],
    )
    .await;
    assert_eq!(found(&store, json!({})).await, ["telnyx:a", "telnyx:b", "telnyx:c"]);
    assert_eq!(found(&store, json!({"from": "+15550100"})).await, ["telnyx:a", "telnyx:c"]);
    assert_eq!(found(&store, json!({"from": "+15550100", "status": "ringing"})).await, ["telnyx:c"]);
    assert_eq!(found(&store, json!({"status": {"in": ["ringing", "completed"]}})).await.len(), 3);
    assert_eq!(found(&store, json!({"external_ids.telnyx": "b"})).await, ["telnyx:b"]);
    assert_eq!(found(&store, json!({"from": "+15550100", "not": {"status": "ringing"}})).await, ["telnyx:a"]);
    assert_eq!(found(&store, json!({"duration_s": {"gt": 60}})).await.len(), 3, "by a field without an index");
    assert_eq!(found(&store, json!({"parent_id": null, "status": "ringing"})).await, ["telnyx:c"]);

    write(
        &store,
        "telnyx",
        vec![change("telnyx:a", Some(with("completed", "+15550111", "a")), None), change("telnyx:c", None, None)],
    )
    .await;
    assert_eq!(found(&store, json!({"from": "+15550100"})).await, Vec::<String>::new());
    assert_eq!(found(&store, json!({"from": "+15550111"})).await, ["telnyx:a"]);
    assert_eq!(found(&store, json!({})).await, ["telnyx:a", "telnyx:b"], "a deleted one is not found");
    let mut tx = store.database.read().await.unwrap();
    let ids = ["telnyx:c", "telnyx:b", "telnyx:x"].map(str::to_owned);
    let many = tx.org(store.ours).objects().get_many(CALL, &ids).await.unwrap();
    assert_eq!(many.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["telnyx:b"]);
}

fn contact(id: &str, data: Option<Value>) -> ObjectChange {
    ObjectChange { object: CONTACT, id: id.to_owned(), data, expected: None }
}

async fn people(store: &Store, filter: Value) -> Vec<String> {
    let filter = Filter::parse(&filter).unwrap();
    let mut tx = store.database.read().await.unwrap();
    let page = tx.org(store.ours).objects().find(CONTACT, &filter, None, 1_000).await.unwrap();
    assert_eq!(page.next, None);
    page.records.into_iter().map(|record| record.id).collect()
}

pub async fn a_person_is_found_by_each_of_their_numbers(store: Store) {
    let ada = json!({"phone": "+15550100", "phones": ["+15550100", "+15550101"], "emails": ["ada@example.com"]});
    let grace = json!({"phone": "+15550101", "status": "customer"});
    write(&store, "hubspot", vec![contact("hubspot:1", Some(ada)), contact("hubspot:2", Some(grace))]).await;
    assert_eq!(people(&store, json!({"phone": "+15550100"})).await, ["hubspot:1"]);
    assert_eq!(people(&store, json!({"phone": "+15550101"})).await, ["hubspot:1", "hubspot:2"], "in order of id");
    assert_eq!(people(&store, json!({"phone": "+15550101", "status": "customer"})).await, ["hubspot:2"]);
    assert_eq!(people(&store, json!({"phone": "+15550101", "email": "ada@example.com"})).await, ["hubspot:1"]);
    let both = json!({"phone": {"in": ["+15550100", "+15550101"]}});
    assert_eq!(people(&store, both).await, ["hubspot:1", "hubspot:2"], "each once");
    let value = indexed_as(&json!("+15550101")).unwrap();
    let mut tx = store.database.read().await.unwrap();
    let same = tx.org(store.ours).objects().ids_having(CONTACT, "phone", std::slice::from_ref(&value)).await.unwrap();
    assert_eq!(same, [(value, "hubspot:2".to_owned())], "who shares a second number is not the same person");
    drop(tx);

    let moved = json!({"phone": "+15550101", "phones": ["+15550102"]});
    write(&store, "hubspot", vec![contact("hubspot:1", Some(moved)), contact("hubspot:2", None)]).await;
    assert_eq!(people(&store, json!({"phone": "+15550100"})).await, Vec::<String>::new());
    for number in ["+15550101", "+15550102"] {
        assert_eq!(people(&store, json!({"phone": number})).await, ["hubspot:1"]);
    }
    assert_eq!(people(&store, json!({"email": "ada@example.com"})).await, Vec::<String>::new());
}

/// More people than are read at once share a number, some as their main one and some beside it.
pub async fn all_who_share_a_number_are_found_page_by_page(store: Store) {
    let shared = |number: usize| match number % 3 {
        0 => json!({"phone": "+15550100"}),
        1 => json!({"phone": format!("+1555{number:07}"), "phones": ["+15550100"]}),
        _ => json!({"phone": "+15550100", "phones": ["+15550100", format!("+1555{number:07}")]}),
    };
    let all = (0..180).map(|number| contact(&format!("hubspot:{number:03}"), Some(shared(number))));
    write(&store, "hubspot", all.collect()).await;
    let filter = Filter::parse(&json!({"phone": "+15550100"})).unwrap();
    let (mut found, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let mut tx = store.database.read().await.unwrap();
        let page = tx.org(store.ours).objects().find(CONTACT, &filter, after.as_deref(), 70).await.unwrap();
        found.extend(page.records.into_iter().map(|record| record.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, (0..180).map(|number| format!("hubspot:{number:03}")).collect::<Vec<_>>());
}

pub async fn those_that_were_there_before_are_found_by_their_lists_as_well(store: Store) {
    let ada =
        json!({"phone": "+15550100", "phones": ["+15550100", "+15550101", "+15550101"], "emails": ["a@example.com"]});
    let grace = json!({"email": "grace@example.com", "phones": ["+15550102"]});
    let nobody = json!({"name": "Nobody"});
    let gone = json!({"phones": ["+15550103"]});
    let all = [ada, grace, nobody, gone].into_iter().enumerate();
    write(&store, "hubspot", all.map(|(number, data)| contact(&format!("hubspot:{number}"), Some(data))).collect())
        .await;
    write(&store, "hubspot", vec![contact("hubspot:3", None)]).await;
    let index = "SELECT object || ' ' || field || ' ' || value || ' ' || id FROM object_index ORDER BY 1";
    let without = "DELETE FROM object_index WHERE field IN ('phones', 'emails')";
    let (indexed, again): (Vec<String>, Vec<String>) = match &store.home {
        Home::Sqlite(folder) => {
            let url = format!("sqlite:{}", folder.path().join("patchbay.db").display());
            let mut file = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
            let indexed: Vec<String> = sqlx::query_scalar(index).fetch_all(&mut file).await.unwrap();
            sqlx::query(without).execute(&mut file).await.unwrap();
            let migration = include_str!("../../../../migrations/sqlite/0039_contact_lists.sql");
            sqlx::raw_sql(migration).execute(&mut file).await.unwrap();
            (indexed, sqlx::query_scalar(index).fetch_all(&mut file).await.unwrap())
        }
        Home::Postgres(database) => {
            let mut superuser = database.connect("postgres").await;
            let indexed: Vec<String> = sqlx::query_scalar(index).fetch_all(&mut superuser).await.unwrap();
            sqlx::query(without).execute(&mut superuser).await.unwrap();
            let migration = include_str!("../../../../migrations/postgres/0039_contact_lists.sql");
            // as whoever migrates does: for them, too, row-level security holds
            let mut owner = database.connect(patchbay_test_postgres::OWNER).await;
            sqlx::raw_sql(migration).execute(&mut owner).await.unwrap();
            (indexed, sqlx::query_scalar(index).fetch_all(&mut superuser).await.unwrap())
        }
    };
    assert_eq!(indexed.iter().filter(|row| row.contains("phones") || row.contains("emails")).count(), 3, "{indexed:?}");
    assert_eq!(again, indexed);
    if let Home::Postgres(database) = &store.home {
        database.end_connections().await;
    }
}

pub async fn a_page_is_as_long_as_asked_and_ends_early_where_little_matches(store: Store) {
    let status = |number: usize| if number.is_multiple_of(100) { "failed" } else { "completed" };
    let all = (0..5_200).map(|number| {
        let data = json!({"direction": "inbound", "status": status(number), "duration_s": number});
        change(&format!("telnyx:{number:05}"), Some(data), None)
    });
    write(&store, "telnyx", all.collect()).await;

    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let failed = Filter::parse(&json!({"status": "failed"})).unwrap();
    let first = ours.objects().find(CALL, &failed, None, 50).await.unwrap();
    assert_eq!((first.records.len(), first.next.as_deref()), (50, Some("telnyx:04900")));
    let rest = ours.objects().find(CALL, &failed, first.next.as_deref(), 50).await.unwrap();
    assert_eq!((rest.records.len(), rest.next), (2, None));

    let last = Filter::parse(&json!({"duration_s": 5_199})).unwrap();
    let first = ours.objects().find(CALL, &last, None, 50).await.unwrap();
    assert_eq!((first.records.len(), first.next.as_deref()), (0, Some("telnyx:04999")), "it has looked at enough");
    let rest = ours.objects().find(CALL, &last, first.next.as_deref(), 50).await.unwrap();
    assert_eq!((rest.records.len(), rest.next), (1, None));
}

pub async fn an_org_does_not_see_anothers_records_of_objects(store: Store) {
    write(&store, "telnyx", vec![change("telnyx:7", Some(call("ringing")), None)]).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.objects().get(CALL, "telnyx:7").await.unwrap(), None);
    for filter in [json!({}), json!({"from": "+15550100"})] {
        let filter = Filter::parse(&filter).unwrap();
        assert_eq!(theirs.objects().find(CALL, &filter, None, 10).await.unwrap().records, []);
    }
    assert_eq!(theirs.objects().get_many(CALL, &["telnyx:7".to_owned()]).await.unwrap(), []);
    drop(tx);

    let mut commit = store.commit(store.theirs);
    commit.object_changes = vec![change("telnyx:7", Some(call("failed")), Some(0))];
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All, "each org has its own");
    assert_eq!(get(&store, "telnyx:7").await.unwrap().data, Some(call("ringing")));
}

pub async fn who_deleted_a_record_is_forgotten_with_time(store: Store) {
    for id in ["telnyx:1", "telnyx:2", "telnyx:3"] {
        write(&store, "telnyx", vec![change(id, Some(call("failed")), None)]).await;
    }
    write(&store, "telnyx", vec![change("telnyx:1", None, None), change("telnyx:2", None, None)]).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.objects().clear_deleted_before(store.now(), 10).await.unwrap(), 0, "it was just now");
    let later = store.later(60_000);
    assert_eq!(ours.objects().clear_deleted_before(later, 1).await.unwrap(), 1);
    assert_eq!(ours.objects().clear_deleted_before(later, 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!((get(&store, "telnyx:1").await, get(&store, "telnyx:2").await), (None, None));
    assert!(get(&store, "telnyx:3").await.is_some(), "what is there stays");
}

pub async fn a_record_is_read_back_to_the_letter(store: Store) {
    let id = "telnyx:a \"b\" é 😀";
    let data = json!({"direction": "inbound", "status": "x\u{0}y", "extra": {"n": 18_446_744_073_709_551_615_u64, "f": 1e300}});
    write(&store, "telnyx", vec![change(id, Some(data.clone()), None)]).await;
    assert_eq!(get(&store, id).await.unwrap().data.unwrap().to_string(), data.to_string());
    assert_eq!(found(&store, json!({"status": "x\u{0}y"})).await, [id]);
    assert_eq!(published(&store).await[0].2["record"].to_string(), data.to_string());
}
