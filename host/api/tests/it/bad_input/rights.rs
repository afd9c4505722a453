//! Routes that more than one scope opens, each in part.

use patchbay_model::org::Scope;

use super::{EXPORTS, JSON, assert_problem};
use crate::support::{Face, request};

const NO_JOB: &str = "/v1/jobs/job_00000000000000000000000000000000";

/// Who may call actions sees and ends the jobs that they asked for, so these two need one of two scopes.
#[tokio::test]
async fn a_job_is_for_who_reads_what_happens_or_asked_for_it() {
    let face = Face::new().await;
    for (method, path) in [("GET", NO_JOB.to_owned()), ("POST", format!("{NO_JOB}/cancel"))] {
        let none = face.send(request(method, &path, None, JSON, "{}")).await;
        assert_problem(&none, 401, "unauthenticated", &path);
        let others = face.key(&[Scope::Keys, Scope::Audit]).await;
        let reply = face.send(request(method, &path, Some(&others), JSON, "{}")).await;
        assert_problem(&reply, 403, "scope_missing", &path);
        let invoke = face.key(&[Scope::Invoke]).await;
        let reply = face.send(request(method, &path, Some(&invoke), JSON, "{}")).await;
        assert_problem(&reply, 404, "not_found", &path);
    }
}

#[tokio::test]
async fn exports_need_what_reading_the_same_needs() {
    let face = Face::new().await;
    let neither: Vec<Scope> =
        Scope::ALL.into_iter().filter(|scope| !matches!(scope, Scope::Read | Scope::Audit)).collect();
    let key = face.key(&neither).await;
    let export = "/v1/exports/exp_00000000000000000000000000000000";
    for (method, path) in [("POST", EXPORTS), ("GET", EXPORTS), ("GET", export), ("DELETE", export)] {
        let what = format!("{method} {path}");
        let none = face.send(request(method, path, None, JSON, "{}")).await;
        assert_problem(&none, 401, "unauthenticated", &what);
        let lacking = face.send(request(method, path, Some(&key), JSON, "{}")).await;
        assert_problem(&lacking, 403, "scope_missing", &what);
    }
    for (scope, other, may_not) in [(Scope::Read, "runs", "audit"), (Scope::Audit, "audit", "runs")] {
        let key = face.key(&[scope]).await;
        let asked = |what: &str| format!("{{\"what\":\"{what}\",\"format\":\"csv\"}}");
        let refused = face.send(request("POST", EXPORTS, Some(&key), JSON, asked(may_not))).await;
        assert_problem(&refused, 403, "scope_missing", may_not);
        let made = face.send(request("POST", EXPORTS, Some(&key), JSON, asked(other))).await;
        assert_eq!(made.status, 202, "{}", made.text);
        let listed = face.get(EXPORTS, Some(&key)).await.json();
        let kinds: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| one["what"].clone()).collect();
        assert_eq!(kinds, [other], "each sees its own");
    }
}
