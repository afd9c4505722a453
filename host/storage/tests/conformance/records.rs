//! Documents of plugins.

use patchbay_storage::Committed;
use serde_json::{Value, json};

use crate::{
    Store,
    store::{delete, plugin, put},
};

async fn write(store: &Store, changes: Vec<patchbay_model::record::RecordChange>) -> Committed {
    let mut commit = store.commit(store.ours);
    commit.plugin_changes = changes;
    store.journal().commit(commit).await.unwrap()
}

async fn ids(store: &Store, filter: &[(&str, Value)]) -> Vec<String> {
    let filter: Vec<_> = filter.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect();
    let mut tx = store.database.read().await.unwrap();
    let openai = plugin("openai");
    let found = tx.org(store.ours).records(&openai).query("calls", &filter, None, 100).await.unwrap();
    found.into_iter().map(|record| record.id).collect()
}

pub async fn a_batch_of_writes_is_read_back_with_versions(store: Store) {
    let openai = plugin("openai");
    let data =
        json!({ "text": "a\u{0}b \"q\" \\ é 😀", "float": 1.5, "int": 9_007_199_254_740_993_u64, "deep": [[{}]] });
    write(&store, vec![put("a", data.clone(), Some(0)), put("b", json!(1), None)]).await;
    write(&store, vec![put("a", json!({ "n": 2 }), Some(1)), delete("b", Some(1))]).await;

    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let a = ours.records(&openai).get("calls", "a").await.unwrap().unwrap();
    assert_eq!((a.version, a.data), (2, json!({ "n": 2 })));
    assert_eq!(ours.records(&openai).get("calls", "b").await.unwrap(), None);
    assert_eq!(ours.records(&openai).get("other", "a").await.unwrap(), None);
    drop(tx);

    write(&store, vec![put("a", data.clone(), None)]).await;
    let mut tx = store.database.read().await.unwrap();
    let a = tx.org(store.ours).records(&openai).get("calls", "a").await.unwrap().unwrap();
    assert_eq!((a.version, a.data), (3, data));
}

pub async fn a_document_is_read_back_to_the_letter(store: Store) {
    let openai = plugin("openai");
    let text =
        r#"{"zz":1,"a":[1.0,-0.0,1e300,2.5e-9,18446744073709551615,-9223372036854775808],"b\u0000":"\u0001\u0000"}"#;
    let data: Value = serde_json::from_str(text).unwrap();
    write(&store, vec![put("a", data.clone(), None)]).await;
    let mut tx = store.database.read().await.unwrap();
    let found = tx.org(store.ours).records(&openai).get("calls", "a").await.unwrap().unwrap();
    assert_eq!(found.data.to_string(), data.to_string());
    drop(tx);
    assert_eq!(ids(&store, &[("/a/2", json!(1e300))]).await, ["a"]);
}

pub async fn documents_come_in_the_order_of_bytes(store: Store) {
    let mut wanted = ["a-b", "a b", "aB", "a_b", "ab", "B", "é", "z", "10", "9"].map(str::to_owned);
    write(&store, wanted.iter().map(|id| put(id, json!({}), None)).collect()).await;
    wanted.sort_unstable();
    assert_eq!(ids(&store, &[]).await, wanted);
}

pub async fn a_query_filters_by_declared_fields_and_pages_by_id(store: Store) {
    let call = |status: &str, to: &str| json!({ "status": status, "party": { "to": to }, "tags": ["x"] });
    write(
        &store,
        vec![
            put("c", call("done", "+1"), None),
            put("a", call("done", "+1"), None),
            put("b", call("done", "+2"), None),
            put("d", call("open", "+1"), None),
        ],
    )
    .await;
    assert_eq!(ids(&store, &[]).await, ["a", "b", "c", "d"]);
    assert_eq!(ids(&store, &[("/status", json!("done"))]).await, ["a", "b", "c"]);
    assert_eq!(ids(&store, &[("/status", json!("done")), ("/party/to", json!("+1"))]).await, ["a", "c"]);
    assert_eq!(ids(&store, &[("/tags/0", json!("x"))]).await.len(), 4);
    assert_eq!(ids(&store, &[("/missing", json!("x"))]).await, Vec::<String>::new());

    let openai = plugin("openai");
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let filter = [("/status".to_owned(), json!("done"))];
    let first = ours.records(&openai).query("calls", &filter, None, 2).await.unwrap();
    let second = ours.records(&openai).query("calls", &filter, Some(&first[1].id), 2).await.unwrap();
    assert_eq!([&first[0].id, &first[1].id, &second[0].id], ["a", "b", "c"]);
    assert_eq!(second.len(), 1);
    let injected = [("/a\") OR (\"1".to_owned(), json!("x"))];
    assert!(ours.records(&openai).query("calls", &injected, None, 2).await.is_err());
}

pub async fn a_query_tells_types_apart(store: Store) {
    let values = [
        ("bool", json!(true)),
        ("false", json!(false)),
        ("float", json!(1.0)),
        ("int", json!(1)),
        ("null", json!(null)),
        ("text", json!("1")),
        ("array", json!([1])),
    ];
    let mut changes: Vec<_> = values.iter().map(|(id, value)| put(id, json!({ "v": value }), None)).collect();
    changes.push(put("none", json!({}), None));
    write(&store, changes).await;
    assert_eq!(ids(&store, &[("/v", json!(true))]).await, ["bool"]);
    assert_eq!(ids(&store, &[("/v", json!(false))]).await, ["false"]);
    assert_eq!(ids(&store, &[("/v", json!(1))]).await, ["float", "int"]);
    assert_eq!(ids(&store, &[("/v", json!("1"))]).await, ["text"]);
    assert_eq!(ids(&store, &[("/v", json!(null))]).await, ["none", "null"]);
    assert_eq!(ids(&store, &[("/v", json!("[1]"))]).await, Vec::<String>::new());
}

pub async fn documents_come_in_the_order_asked_for(store: Store) {
    write(&store, vec![put("a", json!(1), None), put("b", json!(2), None), put("c", json!(3), None)]).await;
    let wanted = ["c", "x", "a", "c"].map(str::to_owned);
    let openai = plugin("openai");
    let mut tx = store.database.read().await.unwrap();
    let found = tx.org(store.ours).records(&openai).get_many("calls", &wanted).await.unwrap();
    assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["c", "a", "c"]);
}

pub async fn a_document_made_again_begins_with_version_one(store: Store) {
    write(&store, vec![put("a", json!(1), None)]).await;
    write(&store, vec![put("a", json!(2), None)]).await;
    assert_eq!(write(&store, vec![delete("a", Some(2))]).await, Committed::All);
    assert_eq!(write(&store, vec![put("a", json!(3), Some(0))]).await, Committed::All);
    let openai = plugin("openai");
    let mut tx = store.database.read().await.unwrap();
    let a = tx.org(store.ours).records(&openai).get("calls", "a").await.unwrap().unwrap();
    assert_eq!((a.version, a.data), (1, json!(3)));
}
