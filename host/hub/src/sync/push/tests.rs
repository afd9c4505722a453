//! What becomes of rows of the outbox, and of what vendors answer, as far as no plugin is asked.

use patchbay_model::{
    RunId, SyncRunId,
    object::{ObjectChange, Stamp},
    sync::{OnDelete, SyncSettings, SyncState},
};
use patchbay_runtime::{SyncChange, SyncWritten};
use patchbay_storage::{Committed, SyncCommit};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::testing::TestHub;

const CONTACT: StandardObject = StandardObject::Contact;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

fn sync(settings: SyncSettings) -> Sync {
    let state = SyncState { version: 1, wanted: 1, ..SyncState::new("hubspot".parse().unwrap(), CONTACT, settings) };
    Sync { org: OrgId(Uuid::from_u128(7)), state }
}

fn decl() -> SyncDecl {
    serde_json::from_value(json!({
        "object": "contact", "resource": "contacts", "title": "Contacts", "directions": ["in", "out"],
        "deletes": ["in", "out"],
        "mapping": {
            "fields": [
                {"hub": "/name", "vendor": "fullname"},
                {"hub": "/email", "vendor": "email"},
                {"hub": "/company_id", "vendor": "company", "transforms": [{"kind": "reference", "object": "company"}]},
            ],
            "join": ["/email"],
        },
    }))
    .unwrap()
}

fn record(id: &str, version: u64, data: Value) -> ObjectRecord {
    let stamp = Stamp { plugin: "telnyx".parse().unwrap(), run: RunId(Uuid::nil()), at: at(1_000) };
    ObjectRecord {
        object: CONTACT,
        id: id.to_owned(),
        version,
        data: Some(data),
        created: stamp.clone(),
        updated: stamp,
        sources: Vec::new(),
    }
}

fn link(record_id: &str, vendor_id: &str, base: Value) -> SyncLink {
    let base: BTreeMap<String, Value> = serde_json::from_value(base).unwrap();
    SyncLink {
        vendor_id: vendor_id.to_owned(),
        record_id: record_id.to_owned(),
        base: base.into_iter().collect(),
        vendor_at: Some(at(2_000)),
        url: None,
        seen_in: Some(SyncRunId(Uuid::from_u128(3))),
        version: 4,
        synced_at: at(2_000),
        gone_at: None,
    }
}

fn stored(records: Vec<ObjectRecord>, links: Vec<SyncLink>) -> Stored {
    Stored {
        records: records.into_iter().map(|record| (record.id.clone(), record)).collect(),
        links: links.into_iter().map(|link| (link.record_id.clone(), link)).collect(),
        known: Known::default(),
    }
}

fn sorted(settings: SyncSettings, stored: &Stored, ids: &[&str]) -> Sorted {
    let (sync, decl) = (sync(settings), decl());
    let out = Out::of(&sync, &decl).unwrap();
    sort(&out, ids.iter().map(|id| ((*id).to_owned(), 9)).collect(), stored)
}

fn done(sorted: &Sorted) -> Vec<&str> {
    sorted.stepped.commit.outbox_done.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn of_a_linked_record_what_differs_is_written_and_of_an_echo_nothing() {
    let base = json!({"/name": "Ada", "/email": "ada@example.com"});
    let changed = record("telnyx:1", 5, json!({"name": "Ada L.", "email": "ada@example.com"}));
    let echo = record("telnyx:2", 5, json!({"name": "Ada", "email": "ada@example.com"}));
    let links = vec![link("telnyx:1", "151", base.clone()), link("telnyx:2", "152", base)];
    let sorted = sorted(SyncSettings::default(), &stored(vec![changed, echo], links), &["telnyx:1", "telnyx:2"]);
    assert_eq!(sorted.updates.len(), 1);
    let write = &sorted.updates[0].write;
    assert_eq!(
        (write.id.as_deref(), Value::Object(write.fields.clone())),
        (Some("151"), json!({"fullname": "Ada L."}))
    );
    assert_eq!(done(&sorted), ["telnyx:2"]);
    assert_eq!(sorted.stepped.counts.unchanged, 1);
}

#[test]
fn a_record_that_names_one_without_a_counterpart_is_written_without_it_and_that_one_is_asked_for() {
    let data = json!({"name": "Ada", "company_id": "telnyx:9"});
    let sorted = sorted(SyncSettings::default(), &stored(vec![record("telnyx:1", 1, data)], vec![]), &["telnyx:1"]);
    let write = &sorted.creates[0].write;
    assert_eq!((write.id.clone(), Value::Object(write.fields.clone())), (None, json!({"fullname": "Ada"})));
    let missing: Vec<_> = sorted.missing.iter().collect();
    assert_eq!(missing, [&(StandardObject::Company, "telnyx:9".to_owned())]);
    assert!(done(&sorted).is_empty(), "the row stays until it is written");
}

#[test]
fn what_the_settings_leave_out_is_done_with() {
    let only = Filter::parse(&json!({"status": "customer"})).unwrap();
    let one = || stored(vec![record("telnyx:1", 1, json!({"name": "Ada", "status": "lead"}))], vec![]);
    let filtered = sorted(SyncSettings { only: Some(only), ..SyncSettings::default() }, &one(), &["telnyx:1"]);
    let not_made = sorted(SyncSettings { create_there: false, ..SyncSettings::default() }, &one(), &["telnyx:1"]);
    let nothing_goes = stored(vec![record("telnyx:1", 1, json!({"title": "Countess"}))], vec![]);
    let empty = sorted(SyncSettings::default(), &nothing_goes, &["telnyx:1"]);
    for left_out in [filtered, not_made, empty] {
        assert!(left_out.creates.is_empty());
        assert_eq!((done(&left_out), left_out.stepped.counts.skipped), (vec!["telnyx:1"], 1));
    }
}

#[test]
fn a_record_that_was_deleted_here_is_deleted_there_only_if_the_org_wants_that() {
    let gone = || stored(vec![], vec![link("telnyx:1", "151", json!({}))]);
    let kept = sorted(SyncSettings::default(), &gone(), &["telnyx:1", "telnyx:2"]);
    assert!(kept.deletes.is_empty());
    assert!(kept.stepped.commit.links.is_empty(), "by its link it is known when it is read again");
    assert_eq!(done(&kept), ["telnyx:1", "telnyx:2"]);
    let written_only =
        sorted(SyncSettings { direction: Direction::Out, ..SyncSettings::default() }, &gone(), &["telnyx:1"]);
    assert_eq!(written_only.stepped.commit.links, [LinkChange::Remove { vendor_id: "151".to_owned() }]);
    let deleted = sorted(SyncSettings { push_deletes: true, ..SyncSettings::default() }, &gone(), &["telnyx:1"]);
    let write = &deleted.deletes[0].write;
    assert!(write.delete && write.fields.is_empty());
    assert_eq!(write.id.as_deref(), Some("151"));
    assert!(deleted.stepped.commit.links.is_empty(), "not before the vendor has done it");
}

#[test]
fn what_the_vendor_deleted_is_not_made_anew_because_it_is_edited_here() {
    let gone = || SyncLink { gone_at: Some(at(2_500)), ..link("telnyx:1", "151", json!({"/name": "Ada"})) };
    let edited = || stored(vec![record("telnyx:1", 5, json!({"name": "Ada L."}))], vec![gone()]);
    let left = sorted(SyncSettings::default(), &edited(), &["telnyx:1"]);
    assert!(left.creates.is_empty() && left.updates.is_empty());
    assert_eq!((done(&left), left.stepped.counts.skipped), (vec!["telnyx:1"], 1));
    assert!(left.stepped.commit.links.is_empty(), "it is remembered");
    // whoever wants it back says so
    let anew = SyncSettings { deletes: OnDelete::Ignore, ..SyncSettings::default() };
    let made = sorted(anew, &edited(), &["telnyx:1"]);
    let forgotten = [LinkChange::Remove { vendor_id: "151".to_owned() }];
    assert_eq!((made.creates.len(), made.creates[0].write.id.as_deref()), (1, None));
    assert_eq!(made.stepped.commit.links, forgotten);
    // of a record that is not there any more there is nothing to remember, and nothing to delete there
    let settings = SyncSettings { push_deletes: true, ..SyncSettings::default() };
    let deleted = sorted(settings, &stored(vec![], vec![gone()]), &["telnyx:1"]);
    assert!(deleted.deletes.is_empty());
    assert_eq!(deleted.stepped.commit.links, forgotten);
}

#[test]
fn a_record_is_made_there_under_one_key_whatever_becomes_of_it_meanwhile() {
    let key = |version, settings: SyncSettings, links: Vec<SyncLink>| {
        let stored = stored(vec![record("telnyx:1", version, json!({"name": format!("Ada {version}")}))], links);
        let sorted = sorted(settings, &stored, &["telnyx:1"]);
        sorted.creates.into_iter().chain(sorted.updates).next().unwrap().write.key
    };
    let made = key(1, SyncSettings::default(), vec![]);
    assert_eq!(made, key(2, SyncSettings::default(), vec![]));
    let linked = || vec![link("telnyx:1", "151", json!({"/name": "Ada"}))];
    let changed = key(2, SyncSettings::default(), linked());
    assert_eq!(changed, key(2, SyncSettings::default(), linked()));
    assert_ne!(changed, key(3, SyncSettings::default(), linked()));
    assert_ne!(changed, made);
}

#[test]
fn a_sync_that_only_comes_in_writes_nothing_there() {
    let (sync, decl) = (sync(SyncSettings { direction: Direction::In, ..SyncSettings::default() }), decl());
    assert!(Out::of(&sync, &decl).is_none());
}

/// What is stored of writes that are answered so, of records whose present version is given.
fn settled(settings: SyncSettings, present: settle::Present, all: Vec<(PlannedWrite, SyncWritten)>) -> settle::Settled {
    let (sync, decl) = (sync(settings), decl());
    let out = Out::of(&sync, &decl).unwrap();
    let stepped = Stepped::of(sync.commit(), Then::Again(None));
    settle::settled(&out, present, stepped, at(3_000), all.iter().map(|(planned, written)| (planned, written.clone())))
}

fn created(id: &str) -> SyncWritten {
    SyncWritten::Done {
        id: id.to_owned(),
        modified_at: Some(2_900_000),
        created: true,
        url: Some("https://app.example.com/1".to_owned()),
    }
}

fn first(mut sorted: Sorted) -> PlannedWrite {
    sorted.creates.append(&mut sorted.updates);
    sorted.creates.append(&mut sorted.deletes);
    sorted.creates.remove(0)
}

fn to_make(id: &str) -> PlannedWrite {
    let stored = stored(vec![record(id, 1, json!({"name": "Ada", "email": "ada@example.com"}))], vec![]);
    first(sorted(SyncSettings::default(), &stored, &[id]))
}

#[test]
fn what_the_vendor_made_is_linked_with_what_it_was_told_and_written_down_in_the_record() {
    let present = settle::Present::of(vec![], vec![record("telnyx:1", 6, json!({"name": "Ada L."}))]);
    let settled = settled(SyncSettings::default(), present, vec![(to_make("telnyx:1"), created("151"))]);
    let commit = &settled.stepped.commit;
    let LinkChange::Put { link, expected } = &commit.links[0] else { panic!("no link") };
    assert_eq!((link.vendor_id.as_str(), link.vendor_at, *expected), ("151", Some(at(2_900)), Some(0)));
    assert_eq!(link.base.values()["/name"], "Ada", "as it was written, whatever it is now");
    let change = &settled.stepped.records[0];
    assert_eq!(change.expected, Some(6));
    assert_eq!(change.data.as_ref().unwrap()["name"], "Ada L.");
    assert_eq!(change.data.as_ref().unwrap()["external_ids"]["hubspot"], "151");
    assert_eq!(commit.outbox_done, [("telnyx:1".to_owned(), 9)]);
    assert_eq!(settled.stepped.counts.pushed, 1);
}

#[test]
fn one_of_the_vendors_is_the_counterpart_of_one_record() {
    let present = settle::Present::of(vec![link("telnyx:7", "151", json!({}))], vec![]);
    let twice = vec![
        (to_make("telnyx:1"), created("151")),
        (to_make("telnyx:2"), created("152")),
        (to_make("telnyx:3"), created("152")),
    ];
    let settled = settled(SyncSettings::default(), present, twice);
    let commit = &settled.stepped.commit;
    let told: Vec<_> =
        commit.failures.iter().map(|failure| (failure.record_id.as_deref(), failure.code.as_str())).collect();
    assert_eq!(told, [(Some("telnyx:1"), DUPLICATE), (Some("telnyx:3"), DUPLICATE)]);
    assert_eq!((commit.links.len(), settled.stepped.counts.failed), (1, 2));
    assert_eq!(commit.outbox_done.len(), 3, "none of them is tried again before it changes");
}

#[test]
fn what_the_vendor_does_not_take_is_told_and_not_tried_again() {
    let refused = SyncWritten::Refused { message: "is taken".to_owned(), field: Some("email".to_owned()) };
    let settled = settled(SyncSettings::default(), settle::Present::default(), vec![(to_make("telnyx:1"), refused)]);
    let commit = &settled.stepped.commit;
    assert_eq!((commit.failures[0].code.as_str(), commit.failures[0].detail.as_str()), (REFUSED, "`email`: is taken"));
    assert_eq!(commit.outbox_done.len(), 1);
    assert!(commit.links.is_empty());
}

#[test]
fn what_is_gone_there_is_handled_as_deleted_or_made_anew() {
    let update = || {
        let records = vec![record("telnyx:1", 2, json!({"name": "Ada L."}))];
        let stored = stored(records, vec![link("telnyx:1", "151", json!({"/name": "Ada"}))]);
        first(sorted(SyncSettings::default(), &stored, &["telnyx:1"]))
    };
    let gone = |settings| settled(settings, settle::Present::default(), vec![(update(), SyncWritten::Gone)]);
    let by_policy = gone(SyncSettings::default());
    assert_eq!(by_policy.gone, [SyncChange::Deleted("151".to_owned())]);
    assert_eq!(by_policy.stepped.commit.outbox_done.len(), 1);
    let anew = gone(SyncSettings { deletes: OnDelete::Ignore, ..SyncSettings::default() });
    assert!(anew.gone.is_empty());
    assert_eq!(anew.stepped.commit.links, [LinkChange::Remove { vendor_id: "151".to_owned() }]);
    assert!(anew.stepped.commit.outbox_done.is_empty(), "the row stays, and the next step makes it");
}

fn item(id: &str, modified_at: u64, fields: Value) -> patchbay_runtime::SyncItem {
    let fields = fields.as_object().cloned().unwrap();
    patchbay_runtime::SyncItem { id: id.to_owned(), modified_at: Some(modified_at), url: None, fields }
}

#[test]
fn what_the_vendor_has_already_is_found_by_what_joins_them_each_once() {
    let records = vec![
        record("telnyx:1", 1, json!({"name": "Ada", "email": "ada@example.com"})),
        record("telnyx:2", 1, json!({"name": "Ada again", "email": "ada@example.com"})),
        record("telnyx:3", 1, json!({"name": "Bob", "email": "bob@example.com"})),
    ];
    let stored = stored(records, vec![]);
    let creates = sorted(SyncSettings::default(), &stored, &["telnyx:1", "telnyx:2", "telnyx:3"]).creates;
    let (sync, decl) = (sync(SyncSettings::default()), decl());
    let out = Out::of(&sync, &decl).unwrap();
    let wanted = look_up::wanted(&out, &creates, &stored);
    assert_eq!(wanted.iter().map(|(field, by)| (field.as_str(), by.len())).collect::<Vec<_>>(), [("email", 2)]);
    let items = vec![
        item("150", 1_000, json!({"email": "Ada@Example.com"})),
        item("151", 2_000, json!({"email": "ada@example.com"})),
        item("152", 2_000, json!({"email": "carol@example.com"})),
    ];
    let pairs = look_up::pair(&out, items, "email", &wanted[0].1, &creates, &stored);
    let pairs: Vec<_> = pairs.iter().map(|pair| (pair.record.id.as_str(), pair.item.id.as_str())).collect();
    assert_eq!(pairs, [("telnyx:1", "151"), ("telnyx:2", "150")], "what changed last first");
}

#[test]
fn only_what_changed_there_since_is_news() {
    let records = vec![record("telnyx:1", 2, json!({"name": "Ada L."}))];
    let stored = stored(records, vec![link("telnyx:1", "151", json!({"/name": "Ada"}))]);
    let updates = sorted(SyncSettings::default(), &stored, &["telnyx:1"]).updates;
    let links: HashMap<&str, &PlannedWrite> = [("151", &updates[0])].into();
    let found = |at: u64| SyncChange::Found(item("151", at, json!({"fullname": "Ada Lovelace"})));
    assert!(!look_up::is_news(&found(2_000_000), &links), "as it was read last");
    assert!(!look_up::is_news(&found(1_000_000), &links), "an older view of it");
    assert!(look_up::is_news(&found(2_000_001), &links));
    assert!(look_up::is_news(&SyncChange::Deleted("151".to_owned()), &links));
    assert!(!look_up::is_news(&SyncChange::Deleted("152".to_owned()), &links));
}

#[test]
fn what_was_news_is_none_the_next_time() {
    let records = vec![record("telnyx:1", 2, json!({"name": "Ada L."}))];
    let stored = stored(records, vec![link("telnyx:1", "151", json!({"/name": "Ada"}))]);
    let updates = sorted(SyncSettings::default(), &stored, &["telnyx:1"]).updates;
    let links: HashMap<&str, &PlannedWrite> = [("151", &updates[0])].into();
    let sync = sync(SyncSettings::default());
    let after = |change: SyncChange, is_made_anew: bool| {
        let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
        look_up::settle_link(&mut stepped, &links, &change, is_made_anew);
        stepped.commit
    };
    let seen = after(SyncChange::Found(item("151", 2_500_000, json!({}))), false);
    let LinkChange::Put { link, expected } = &seen.links[0] else { panic!("no link") };
    assert_eq!((link.vendor_at, *expected), (Some(at(2_500)), Some(4)));
    assert!(seen.outbox_done.is_empty(), "what changed here is still to be written");
    let gone = [LinkChange::Remove { vendor_id: "151".to_owned() }];
    let deleted = after(SyncChange::Deleted("151".to_owned()), false);
    assert_eq!((&deleted.links[..], deleted.outbox_done.len()), (&gone[..], 1), "it is not made there anew");
    let anew = after(SyncChange::Deleted("151".to_owned()), true);
    assert_eq!((&anew.links[..], anew.outbox_done.len()), (&gone[..], 0));
}

#[tokio::test]
async fn of_records_that_the_vendor_would_take_for_one_one_is_made_there() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let hub = &*test.hub.0;
    let mut sync = sync(SyncSettings::default());
    sync.org = org.id;
    let mut tx = hub.database.begin().await.unwrap();
    tx.org(org.id).syncs().put_settings(sync.plugin(), CONTACT, &sync.state.settings, None, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let email = |id: &str, email: &str| (id.to_owned(), json!({"name": "Ada", "email": email}));
    let long = |end: &str| format!("{}@{end}.example.com", "a".repeat(200));
    let records = [
        email("telnyx:1", "ada@example.com"),
        email("telnyx:2", "ada@example.com"),
        email("telnyx:3", "bob@example.com"),
        email("telnyx:4", "bob@example.com"),
        email("telnyx:5", &long("one")),
        email("telnyx:6", &long("other")),
        ("telnyx:7".to_owned(), json!({"name": "Ada"})),
        ("telnyx:8".to_owned(), json!({"name": "Ada"})),
    ];
    let change = |(id, data)| ObjectChange { object: CONTACT, id, data: Some(data), expected: None };
    let mut commit = test.commit(&org, "telnyx", None);
    commit.object_changes = records.into_iter().map(change).collect();
    assert_eq!(hub.journal.commit(commit).await.unwrap(), Committed::All);
    let linked = ["telnyx:4", "telnyx:6"];
    let put = |id: &str| LinkChange::Put { link: link(id, &format!("of {id}"), json!({})), expected: Some(0) };
    let mut commit = test.commit(&org, "hubspot", None);
    commit.sync = Some(SyncCommit { links: linked.map(put).to_vec(), ..sync.commit() });
    assert_eq!(hub.journal.commit(commit).await.unwrap(), Committed::All);

    let decl = decl();
    let out = Out::of(&sync, &decl).unwrap();
    let rows: Vec<_> = [1, 2, 3, 5, 7, 8].map(|number| (format!("telnyx:{number}"), 9)).to_vec();
    let stored = hub.load_rows(&out, &rows).await.unwrap();
    let Sorted { creates, mut stepped, .. } = sort(&out, rows, &stored);
    let made = hub.without_twins(&out, creates, &mut stepped).await.unwrap();
    let made: Vec<_> = made.iter().map(|planned| planned.write.record.as_str()).collect();
    assert_eq!(made, ["telnyx:1", "telnyx:5", "telnyx:7", "telnyx:8"], "what is alike only at first is another one");
    let commit = &stepped.commit;
    let told: Vec<_> =
        commit.failures.iter().map(|failure| (failure.record_id.as_deref(), failure.code.as_str())).collect();
    assert_eq!(told, [(Some("telnyx:2"), DUPLICATE), (Some("telnyx:3"), DUPLICATE)]);
    assert!(commit.failures[1].detail.contains("telnyx:4"), "{}", commit.failures[1].detail);
    assert_eq!(commit.outbox_done, [("telnyx:2".to_owned(), 9), ("telnyx:3".to_owned(), 9)]);
    assert_eq!(stepped.counts.failed, 2);
}
