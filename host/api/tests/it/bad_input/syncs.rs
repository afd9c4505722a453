//! Syncs that are asked for wrongly.

use patchbay_model::org::Scope;

use super::{JSON, assert_problem};
use crate::support::{Face, request};

const SYNC: &str = "/v1/installations/openai/syncs/contact";
const ACCOUNT: &str = "/v1/installations/openai/account";
const RUN: &str = "/v1/sync-runs/syn_00000000000000000000000000000000";

#[tokio::test]
async fn a_bad_body_names_the_field() {
    let face = Face::new().await;
    let key = face.key(&Scope::ALL).await;
    let (preview, runs) = (format!("{SYNC}/preview"), format!("{SYNC}/runs"));
    let table = [
        ("PUT", SYNC, "[]", ""),
        ("PUT", SYNC, r#"{"every":60}"#, "/every"),
        ("PUT", SYNC, r#"{"every_s":-1}"#, "/every_s"),
        ("PUT", SYNC, r#"{"direction":"up"}"#, "/direction"),
        ("PUT", SYNC, r#"{"wins":"newest"}"#, "/wins"),
        ("PUT", SYNC, r#"{"deletes":"all"}"#, "/deletes"),
        ("PUT", SYNC, r#"{"version":"1"}"#, "/version"),
        ("PUT", SYNC, r#"{"only":{"status":[]}}"#, "/only/status"),
        ("PUT", SYNC, r#"{"mapping":{}}"#, "/mapping"),
        ("PUT", SYNC, r#"{"mapping":{"fields":[{"hub":"/name"}]}}"#, "/mapping/fields/0"),
        ("PUT", SYNC, r#"{"mapping":{"fields":[{"hub":"/name","vendor":"n","way":"in"}]}}"#, "/mapping/fields/0/way"),
        ("POST", &preview, r#"{"id":"151"}"#, "/id"),
        ("POST", &preview, r#"{"record":151}"#, "/record"),
        ("POST", &runs, "{}", ""),
        ("POST", &runs, r#"{"mode":"all"}"#, "/mode"),
        ("POST", &runs, r#"{"mode":"full","object":"deal"}"#, "/object"),
        ("POST", ACCOUNT, "{}", ""),
        ("POST", ACCOUNT, r#"{"links":"drop"}"#, "/links"),
        ("POST", ACCOUNT, r#"{"links":"keep","account":"1"}"#, "/account"),
    ];
    for (method, path, body, pointer) in table {
        let what = format!("{method} {path} {body}");
        let reply = face.send(request(method, path, Some(&key), JSON, body.to_owned())).await;
        assert_problem(&reply, 422, "invalid_input", &what);
        assert_eq!(reply.json()["violations"][0]["pointer"], pointer, "{what}: {}", reply.text);
    }
}

#[tokio::test]
async fn a_bad_path_or_query_is_refused_and_what_is_not_there_is_not_found() {
    let face = Face::new().await;
    let key = face.key(&Scope::ALL).await;
    let of = |rest: &str| format!("{SYNC}{rest}");
    let table = [
        ("/v1/installations/Not_A_Plugin/syncs".to_owned(), 400, "invalid_request"),
        ("/v1/installations/openai/syncs/thing".to_owned(), 400, "invalid_request"),
        (of("/runs?before=first"), 400, "invalid_request"),
        (of("/runs?limit=many"), 400, "invalid_request"),
        (of("/runs?mode=full"), 400, "invalid_request"),
        (of("/conflicts?before=syn_00000000000000000000000000000000"), 400, "invalid_request"),
        ("/v1/sync-runs/run_00000000000000000000000000000000".to_owned(), 400, "invalid_request"),
        (format!("{RUN}/failures?after=first"), 400, "invalid_request"),
        (RUN.to_owned(), 404, "not_found"),
        (format!("{RUN}/failures"), 404, "not_found"),
        ("/v1/installations/openai/syncs".to_owned(), 404, "not_installed"),
        (SYNC.to_owned(), 404, "not_installed"),
        (of("/fields"), 404, "not_installed"),
        (of("/runs"), 404, "not_installed"),
        (of("/conflicts"), 404, "not_installed"),
        (of("/failures"), 404, "not_installed"),
    ];
    for (path, status, code) in table {
        assert_problem(&face.get(&path, Some(&key)).await, status, code, &path);
    }
    let full = r#"{"mode":"full"}"#;
    for (method, path, body, code) in [
        ("PUT", SYNC.to_owned(), "{}", "not_installed"),
        ("POST", of("/preview"), r#"{"record":"openai:1"}"#, "not_installed"),
        ("POST", of("/runs"), full, "not_found"),
    ] {
        let reply = face.send(request(method, &path, Some(&key), JSON, body)).await;
        assert_problem(&reply, 404, code, &format!("{method} {path}"));
    }
    let cancelled = face.send(request("DELETE", RUN, Some(&key), None, "")).await;
    assert_problem(&cancelled, 404, "not_found", "DELETE");
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused_before_anything_is_begun() {
    let face = Face::new().await;
    let key = face.key(&Scope::ALL).await;
    let mut asked = request("POST", &format!("{SYNC}/runs"), Some(&key), JSON, r#"{"mode":"full"}"#);
    asked.headers_mut().insert("idempotency-key", "".parse().unwrap());
    assert_problem(&face.send(asked).await, 400, "invalid_request", "an empty key");
}
