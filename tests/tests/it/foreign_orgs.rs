//! Every route of the API, called by one org for what is another's: 404 or 403, and never a word of it.
//!
//! The calls are made from the OpenAPI document that the hub serves, so a new route is called as well. Where its path has a
//! parameter of a new name, a value is looked for in the list that the path begins with (`/v1/things/{thing}` in
//! `/v1/things`); where its body is refused before anybody has asked whose the thing is, [`body`] has to learn it.

use std::{collections::BTreeMap, time::Duration};

use patchbay_model::identity::Role;
use patchbay_tests::{Fixture, Org, Reply, StripeSender, TestHub, stripe::vector::SECRET};
use serde_json::{Map, Value, json};

use crate::{
    identity::scene::{member, sign_in},
    zoo::patient,
};

/// What the owner has put in every place where something can be put.
const CANARY: &str = "canary-5d0c7a91";

/// Who asks, where somebody has to be signed in.
const STRANGER: &str = "stranger@example.com";

/// An org that has one of everything, and one that has nothing.
struct Scene {
    hub: TestHub,
    owner: Org,
    stranger: Org,
    /// An owner of the stranger's org who is signed in, and an end user of it.
    strangers: [Org; 2],
    document: Value,
    /// By the name of the parameter.
    known: BTreeMap<&'static str, Vec<String>>,
    /// What the stranger must not be told: the canary, and the ids of all that the owner has.
    secrets: Vec<String>,
}

/// A route with one method.
struct Operation<'d> {
    method: String,
    path: &'d str,
    description: &'d Value,
}

/// Parameters that name something which is not one org's.
const NAMES: &[&str] = &["plugin", "action", "path", "unit", "schedule", "object"];

impl Operation<'_> {
    /// True if all that it is about has the same name for each org.
    fn is_by_name(&self) -> bool {
        let mut parameters = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        parameters.all(|name| NAMES.contains(&name))
    }
}

impl Scene {
    async fn start() -> Self {
        let hub = TestHub::start().await;
        let owner = hub.org(&format!("owner {CANARY}")).await;
        let _ = owner.upload(patient("foreign-reader").pack()).await.expect(201);
        let _ = owner.upload(Fixture::plugin("stripe").pack()).await.expect(201);
        let _ = owner.upload(Fixture::load("scribe").pack()).await.expect(201);
        let _ = owner.install("scribe", json!({})).await.expect(200);
        let call = json!({"direction": "inbound", "status": "completed", "summary": CANARY});
        let put = json!({"op": "put", "object": "call", "id": format!("scribe:{CANARY}"), "data": call});
        let _ = owner.act("scribe", "run", &put).await.expect(200);
        let stripe = owner.install("stripe", json!({})).await.expect(200).json();
        let _ = owner.install("foreign-reader", json!({})).await.expect(200);
        let connection = json!({"credentials": {"webhook_secret": SECRET}, "account": CANARY});
        let _ = owner.call("PUT", "/v1/connections/stripe").json(&connection).send().await.expect(200);
        let written = owner.act("foreign-reader", "run", &json!({"text": format!("write {CANARY}")})).await.expect(200);
        let blob = written.json()["output"]["result"].as_str().unwrap().to_owned();
        let call = owner.call("POST", "/v1/actions/foreign-reader/run").header("prefer", "respond-async");
        let job = call.json(&json!({"text": format!("write {CANARY}")})).send().await.expect(202).json();
        let job = job["id"].as_str().unwrap().to_owned();
        let export = json!({"what": "runs", "format": "csv"});
        let export = owner.call("POST", "/v1/exports").json(&export).send().await.expect(202).json();
        let export = export["id"].as_str().unwrap().to_owned();
        let is_written = || async {
            let export = owner.get(&format!("/v1/exports/{export}")).await.json();
            (export["status"] == "done").then_some(())
        };
        owner.wait_for(Duration::from_secs(30), is_written).await;
        let done = || async {
            let job = owner.get(&format!("/v1/jobs/{job}")).await.json();
            (job["status"] == "done").then_some(())
        };
        owner.wait_for(Duration::from_secs(30), done).await;
        let yearly = json!({"action": "run", "payload": {"text": CANARY}, "cron": "0 0 1 1 *"});
        let path = "/v1/schedules/foreign-reader/yearly";
        let _ = owner.call("PUT", path).json(&yearly).send().await.expect(200);
        let hook = stripe["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
        receive(&owner, &hook).await;
        let sync_run = sync(&owner).await;
        let invitation = json!({"email": format!("{CANARY}@example.com"), "role": "viewer"});
        let _ = owner.call("POST", "/v1/invitations").json(&invitation).send().await.expect(201);
        let (connect_session, _) = end_user(&owner, CANARY).await;
        let signed_in = member(&hub, &owner, &format!("member.{CANARY}@example.com"), Role::Owner).await;
        let session = signed_in.get("/v1/session").await.expect(200).json();
        let session = session["session"]["id"].as_str().unwrap().to_owned();
        let delivery = delivery(&hub, &owner).await;
        // a sync's run has ended a step before its job
        hub.settled(&owner).await;
        let stranger = hub.org("stranger").await;
        let signed_in = member(&hub, &stranger, STRANGER, Role::Owner).await;
        let strangers = [signed_in, end_user(&stranger, "customer").await.1];
        let document = hub.get("/openapi.json").await.expect(200).json();
        let first = async |path: &str| {
            let list = owner.get(path).await.expect(200).json();
            list["items"][0]["id"].as_str().unwrap_or_else(|| panic!("the owner has nothing in {path}")).to_owned()
        };
        let key = first("/v1/api-keys").await;
        let cap = json!({"cap": 1_000_000});
        let _ = owner.call("PUT", &format!("/v1/budgets/{key}/calls")).json(&cap).send().await.expect(200);
        let known = BTreeMap::from([
            ("plugin", vec!["foreign-reader".to_owned(), "stripe".to_owned(), "customers".to_owned()]),
            ("action", vec!["run".to_owned()]),
            ("path", vec!["v1/anything".to_owned()]),
            ("unit", vec!["calls".to_owned()]),
            ("schedule", vec!["yearly".to_owned()]),
            ("job", vec![job]),
            ("export", vec![export]),
            ("subject", vec![key]),
            ("session", vec![session]),
            ("connect_session", vec![connect_session]),
            ("run", vec![first("/v1/runs").await]),
            ("webhook", vec![first("/v1/webhooks").await]),
            ("endpoint", vec![first("/v1/endpoints").await]),
            ("delivery", vec![delivery]),
            ("blob", vec![blob]),
            ("object", vec!["call".to_owned(), "contact".to_owned()]),
            ("sync_run", vec![sync_run]),
            ("record", vec![format!("scribe:{CANARY}")]),
        ]);
        let mut scene = Self { hub, owner, stranger, strangers, document, known, secrets: vec![CANARY.to_owned()] };
        scene.secrets.push(hook.rsplit('/').next().unwrap().to_owned());
        let ids = scene.known.iter().filter(|(name, _)| !NAMES.contains(name)).flat_map(|(_, values)| values.clone());
        scene.secrets.extend(ids);
        // the catalogue's examples are everybody's
        for (_, reply) in scene.snapshot().await.into_iter().filter(|(path, _)| path != "/v1/event-types") {
            collect_ids(&reply.json(), &mut scene.secrets);
        }
        scene.secrets.sort_unstable();
        scene.secrets.dedup();
        scene
    }

    /// The operations that need a key: whoever is asked nothing sees nothing of an org.
    fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, description)| Operation {
                method: method.to_uppercase(),
                path,
                description,
            })
        });
        // a stream has no end, and its filters are those of the list beside it
        let ends = |operation: &Operation<'_>| !operation.path.ends_with("/stream");
        all.filter(|operation| operation.description["security"].is_array() && ends(operation)).collect()
    }

    /// The paths of an operation, for each of the owner's things that it can be about.
    async fn paths(&self, operation: &Operation<'_>) -> Vec<String> {
        let mut paths = vec![String::new()];
        for part in operation.path.split('/').skip(1) {
            let values = match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                None => vec![part.to_owned()],
                Some(name) => match self.known.get(name) {
                    Some(values) => values.clone(),
                    None => vec![self.listed(&paths[0], name).await],
                },
            };
            paths = paths.iter().flat_map(|path| values.iter().map(move |value| format!("{path}/{value}"))).collect();
        }
        paths
    }

    async fn listed(&self, list: &str, name: &str) -> String {
        let found = self.owner.get(list).await.json();
        let item = &found["items"][0];
        let id = [&item["id"], &item[name]].into_iter().find_map(Value::as_str);
        id.unwrap_or_else(|| panic!("the owner has no {name} in {list}: give it one, or name one in `known`"))
            .to_owned()
    }

    async fn call(&self, by: &Org, operation: &Operation<'_>, path: &str) -> Reply {
        let call = by.call(&operation.method, path);
        match body(&self.document, operation.description) {
            Some((media_type, body)) => call.body(&media_type, body).send().await,
            None => call.send().await,
        }
    }

    /// All that the owner can read, but for what is done by reading it: calls of plugins.
    async fn snapshot(&self) -> Vec<(String, Reply)> {
        let mut all = Vec::new();
        let operations = self.operations();
        let calls = |one: &Operation<'_>| one.path.starts_with("/v1/proxy/") || one.path.ends_with("/fields");
        let reads = operations.iter().filter(|one| one.method == "GET" && !calls(one));
        for operation in reads {
            for path in self.paths(operation).await {
                let reply = self.owner.get(&path).await;
                if reply.status == 200 {
                    all.push((path, reply));
                }
            }
        }
        all
    }

    /// Nothing of the owner's is in an answer but what the request named itself.
    #[track_caller]
    fn says_nothing(&self, reply: &Reply, what: &str) {
        let headers = format!("{:?}", reply.headers);
        for secret in self.secrets.iter().filter(|secret| !what.contains(secret.as_str())) {
            assert!(
                !reply.text().contains(secret) && !headers.contains(secret),
                "{what} tells {secret}: {}",
                reply.text()
            );
        }
    }
}

/// Somebody whom an org has let connect an account, and by which session.
async fn end_user(org: &Org, name: &str) -> (String, Org) {
    let body = json!({"plugins": ["stripe"], "end_user": name, "account": name});
    let begun = org.call("POST", "/v1/connect-sessions").json(&body).send().await.expect(201).json();
    (begun["session"]["id"].as_str().unwrap().to_owned(), org.with_key(begun["token"].as_str().unwrap()))
}

/// A delivery that waits: its endpoint is switched off, so that nothing moves meanwhile.
async fn delivery(hub: &TestHub, owner: &Org) -> String {
    let new = json!({"url": "https://1.1.1.1/", "description": CANARY, "enabled": true});
    let made = owner.call("POST", "/v1/endpoints").json(&new).send().await.expect(201).json();
    let endpoint = format!("/v1/endpoints/{}", made["endpoint"]["id"].as_str().unwrap());
    let _ = owner.call("POST", &format!("{endpoint}/test")).send().await.expect(202);
    hub.hub.process_due_deliveries().await.unwrap();
    let _ = owner.call("PATCH", &endpoint).json(&json!({"enabled": false})).send().await.expect(200);
    let all = owner.get("/v1/deliveries").await.expect(200).json();
    all["items"][0]["id"].as_str().unwrap().to_owned()
}

/// A sync that has run to its end and rests: its run. One of the vendor's customers is called like the canary.
async fn sync(owner: &Org) -> String {
    let _ = owner.upload(Fixture::load("customers").pack()).await.expect(201);
    let _ = owner.install("customers", json!({})).await.expect(200);
    let path = "/v1/installations/customers/syncs/contact";
    let settings = json!({"direction": "in", "every_s": 86_400});
    let _ = owner.call("PUT", path).json(&settings).send().await.expect(200);
    let ended = || async {
        let runs = owner.get(&format!("{path}/runs")).await.expect(200).json();
        let run = &runs["items"][0];
        run["ended_at"].is_string().then(|| run["id"].as_str().unwrap().to_owned())
    };
    let run = owner.wait_for(Duration::from_secs(60), ended).await;
    let _ = owner.call("PUT", path).json(&json!({"enabled": false})).send().await.expect(200);
    run
}

/// One webhook, worked on to its end.
async fn receive(owner: &Org, hook: &str) {
    let _ = StripeSender::new(SECRET).send(owner, hook, &format!("evt_{CANARY}")).await.expect(200);
    let done = || async {
        let webhooks = owner.get("/v1/webhooks").await.json();
        (webhooks["items"][0]["status"] == "processed").then_some(())
    };
    owner.wait_for(Duration::from_secs(30), done).await;
}

/// Without what is called like this.
fn without(name: &str, mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without(name, item.take())),
        Value::Object(members) => {
            members.remove(name);
            members.values_mut().for_each(|member| *member = without(name, member.take()));
        }
        _ => {}
    }
    value
}

/// Ids of ours: a word, an underscore, hexadecimal digits.
fn collect_ids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let id = text.split_once('_').filter(|(_, digits)| digits.len() == 32);
            if id.is_some_and(|(_, digits)| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                found.push(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect_ids(member, found)),
        _ => {}
    }
}

/// A body that an operation takes: its example, else the least that its schema asks for.
fn body(document: &Value, operation: &Value) -> Option<(String, Vec<u8>)> {
    let (media_type, content) = operation["requestBody"]["content"].as_object()?.iter().next()?;
    let example = content.get("example").cloned().unwrap_or_else(|| least(document, &content["schema"]));
    let bytes = if media_type.ends_with("json") { example.to_string().into_bytes() } else { b"bytes".to_vec() };
    Some((media_type.clone(), bytes))
}

fn least(document: &Value, schema: &Value) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        return least(document, document.pointer(target.trim_start_matches('#')).unwrap());
    }
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)).or_else(|| schema["enum"].get(0))
    {
        return example.clone();
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(first) = schema[several].get(0) {
            return least(document, first);
        }
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let members = required.map(|name| (name.to_owned(), least(document, &schema["properties"][name])));
            Value::Object(members.collect::<Map<_, _>>())
        }
        "array" => json!([]),
        "string" => json!("something"),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => schema.get("minimum").cloned().unwrap_or(json!(1)),
    }
}

/// Query parameters, each with each of the owner's ids.
async fn filters_lead_nowhere(scene: &Scene, stranger: &Org, operation: &Operation<'_>, path: &str) {
    let parameters = operation.description["parameters"].as_array().into_iter().flatten();
    for name in parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str()) {
        for id in &scene.secrets {
            let what = format!("GET {path}?{name}={id}");
            let reply = stranger.get(&format!("{path}?{name}={id}")).await;
            assert!(reply.status < 500, "{what}: {}", reply.text());
            scene.says_nothing(&reply, &what);
        }
    }
}

/// Who asks, signed in anew if one of the calls before ended that.
async fn still_there(stranger: &Org) -> Org {
    let is_signed_out = stranger.get("/v1/session").await.status == 401;
    if is_signed_out { sign_in(stranger, STRANGER).await } else { stranger.clone() }
}

/// True if the thing that the path names was refused, for being another's, with one of the statuses.
async fn is_refused(scene: &Scene, stranger: &Org, statuses: &[u16], operation: &Operation<'_>, path: &str) -> bool {
    let what = format!("{} {path}", operation.method);
    let reply = scene.call(stranger, operation, path).await;
    scene.says_nothing(&reply, &what);
    if !operation.path.contains('{') || operation.path == "/v1/records/{object}" {
        // The stranger's own: nothing is in it.
        assert!(reply.status < 500, "{what}: {}", reply.text());
        if operation.method == "GET" {
            filters_lead_nowhere(scene, stranger, operation, path).await;
        }
        false
    } else if operation.is_by_name() && (operation.method == "PUT" || reply.status == 409) {
        // Made for who asks; and what the plugin itself cannot do, it can do for nobody.
        assert!(reply.status < 500, "{what}: {}", reply.text());
        false
    } else {
        assert!(statuses.contains(&reply.status), "{what}: {} {}", reply.status, reply.text());
        if reply.status == 404 && !operation.is_by_name() {
            reply.expect_problem("not_found");
        }
        true
    }
}

pub async fn every_route_refuses_what_is_another_orgs() {
    let scene = Scene::start().await;
    let before = scene.snapshot().await;
    assert!(before.iter().any(|(_, found)| found.text().contains(CANARY)), "the owner sees the canary");
    let operations = scene.operations();
    // What is made by a name is made for who asks, so it comes last: before that, the stranger has nothing.
    let (made, named): (Vec<_>, Vec<_>) = operations.iter().partition(|operation| operation.method == "PUT");
    let mut refused = 0;
    for operation in named.into_iter().chain(made) {
        for path in scene.paths(operation).await {
            refused += u32::from(is_refused(&scene, &scene.stranger, &[403, 404], operation, &path).await);
            // Not every route takes a session or an end user's token; one that does not says 401.
            for stranger in &scene.strangers {
                let stranger = still_there(stranger).await;
                let _ = is_refused(&scene, &stranger, &[401, 403, 404], operation, &path).await;
            }
        }
    }
    assert!(refused >= 20, "{refused}");
    let member = still_there(&scene.strangers[0]).await;
    let switch = member.call("POST", "/v1/session/switch").json(&json!({"org": scene.owner.id})).send().await;
    switch.expect_problem("not_found");
    for (path, found) in before {
        let now = scene.owner.get(&path).await;
        // each look has a new link to the file; and that the owner looks is written down once a minute
        let changing = [("/v1/exports", "download"), ("/v1/api-keys", "used_at")];
        match changing.iter().find(|(list, _)| path.starts_with(list)) {
            Some((_, name)) => {
                assert_eq!(without(name, now.json()), without(name, found.json()), "{path} is as it was");
            }
            None => assert_eq!(now.text(), found.text(), "{path} is as it was"),
        }
    }
    // What the owner reads by an id is really there to be read.
    for (name, path) in [
        ("run", "runs"),
        ("webhook", "webhooks"),
        ("blob", "blobs"),
        ("job", "jobs"),
        ("endpoint", "endpoints"),
        ("delivery", "deliveries"),
        ("export", "exports"),
        ("sync_run", "sync-runs"),
    ] {
        let id = &scene.known[name][0];
        let _ = scene.owner.get(&format!("/v1/{path}/{id}")).await.expect(200);
        let _ = scene.hub.get(&format!("/v1/{path}/{id}")).await.expect(401);
    }
}
