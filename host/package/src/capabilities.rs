//! What a plugin may do, in words: for the author who packs it and for the admin who switches it on.
//!
//! Some of it can harm an organization when a new version comes by itself: where requests go, which secret
//! goes along, where people are sent to consent and to what, what it learns from other plugins and has them do. Those are its
//! grants, told apart one by one, so that what an admin approved can be kept and compared.

mod oauth;

use std::collections::BTreeSet;

use patchbay_model::{object::Access, sync::Direction};

use crate::{
    Manifest, cron,
    manifest::{Credential, Inject, PeerCalls, SyncDecl},
};

/// One line for each thing that the manifest asks for, in a fixed order, so that two versions can be
/// compared line by line.
#[must_use]
pub fn in_words(manifest: &Manifest) -> Vec<String> {
    let mut lines = Vec::new();
    for egress in &manifest.egress {
        lines.push(format!("reaches {}: {} {}", egress.host, egress.methods.join(", "), egress.paths.join(", ")));
    }
    for egress in &manifest.egress {
        let header = egress.idempotency_header.iter();
        lines.extend(header.map(|header| format!("has {} know repeats by the header {header}", egress.host)));
    }
    for named in &manifest.named_hosts {
        let (methods, paths) = (named.methods.join(", "), named.paths.join(", "));
        lines.push(format!(
            "reaches the host that the setting {} names and you approve: {methods} {paths}",
            named.setting
        ));
    }
    lines.extend(manifest.credentials.iter().map(credential));
    lines.extend(manifest.oauth.iter().flat_map(oauth::in_words));
    lines.extend(manifest.actions.iter().map(|action| match action.rate {
        Some(rate) => format!("offers the action {}, at most {rate}", action.name),
        None => format!("offers the action {}", action.name),
    }));
    for route in manifest.proxy.iter().flat_map(|proxy| &proxy.routes) {
        lines.push(format!("proxies {} {}", route.method, route.path));
    }
    for place in manifest.proxy.iter().flat_map(|proxy| &proxy.key) {
        let place = match (&place.header, &place.query) {
            (Some(header), _) => format!("header {header}"),
            (None, query) => format!("query parameter {}", query.as_deref().unwrap_or_default()),
        };
        lines.push(format!("takes the hub's key from the {place}"));
    }
    if let Some(webhooks) = &manifest.webhooks {
        lines.push(format!("receives webhooks of up to {} KiB", webhooks.body_kib));
        let wait = webhooks.answer_ms.iter();
        lines.extend(wait.map(|wait| format!("answers vendors that wait within {wait} ms")));
        if webhooks.answers_offline {
            lines.push("answers vendors that wait while the hub's database is away".to_owned());
        }
    }
    lines.extend(manifest.events.emits.iter().map(|event| format!("publishes the event {}", event.kind)));
    lines.extend(manifest.events.consumes.iter().map(|kind| format!("takes in the event {kind}")));
    lines.extend(manifest.jobs.iter().map(|job| format!("does jobs of the kind {}", job.kind)));
    lines.extend(manifest.schedules.iter().map(|schedule| {
        let zone = schedule.time_zone.as_deref().unwrap_or(cron::UTC);
        format!("makes a job of the kind {} at {} ({zone})", schedule.kind, schedule.cron)
    }));
    lines.extend(manifest.meters.iter().map(|meter| format!("meters {} by the {}", meter.name, meter.unit)));
    lines.extend(manifest.collections.iter().map(|collection| match collection.keep_in_memory {
        true => format!("keeps the collection {}, in the hub's memory too", collection.name),
        false => format!("keeps the collection {}", collection.name),
    }));
    lines.extend(objects(manifest));
    lines.extend(manifest.syncs.iter().map(sync));
    lines.extend(calls(manifest));
    lines.extend(entitlements(manifest).map(str::to_owned));
    lines
}

/// What an admin approves, each thing by itself.
#[must_use]
pub fn grants(manifest: &Manifest) -> BTreeSet<String> {
    let mut grants = BTreeSet::new();
    for egress in &manifest.egress {
        for method in &egress.methods {
            grants.extend(egress.paths.iter().map(|path| format!("reaches {}: {method} {path}", egress.host)));
        }
    }
    for named in &manifest.named_hosts {
        for method in &named.methods {
            let setting = &named.setting;
            grants.extend(
                named.paths.iter().map(|path| format!("reaches the host of the setting {setting}: {method} {path}")),
            );
        }
    }
    for credential in &manifest.credentials {
        let Some(inject) = &credential.inject else { continue };
        let everywhere = manifest.egress.iter().map(|egress| &egress.host);
        let hosts: Vec<_> =
            if credential.hosts.is_empty() { everywhere.collect() } else { credential.hosts.iter().collect() };
        let place = place(inject);
        grants.extend(hosts.iter().map(|host| format!("sends the credential {} to {host}, {place}", credential.name)));
        if credential.named_hosts {
            grants.insert(format!("sends the credential {} to hosts of the settings, {place}", credential.name));
        }
    }
    grants.extend(manifest.oauth.iter().flat_map(oauth::grants));
    grants.extend(manifest.events.consumes.iter().map(|kind| format!("takes in the event {kind}")));
    for (object, access) in &manifest.objects {
        // each by itself, so that a version that writes no more needs no approval
        grants.insert(format!("reads all records of the object {object}"));
        if *access == Access::Write {
            grants.insert(format!("makes, changes and deletes records of the object {object}"));
        }
    }
    grants.extend(manifest.syncs.iter().flat_map(syncs));
    grants.extend(calls(manifest));
    grants.extend(entitlements(manifest).map(str::to_owned));
    grants
}

/// What stands before the host in an approval of one that the settings name.
const NAMES_HOST: &str = "lets the settings name the host ";

/// What an admin approves beside a plugin's grants: that its settings name this host.
#[must_use]
pub fn names_host(host: &str) -> String {
    format!("{NAMES_HOST}{host}")
}

/// The hosts among what was approved that settings may name.
pub fn approved_hosts(approved: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    approved.iter().filter_map(|grant| grant.strip_prefix(NAMES_HOST))
}

/// Of no effect but where the operator names the plugin and the organization.
fn entitlements(manifest: &Manifest) -> impl Iterator<Item = &'static str> {
    let words =
        "tells the hub what organizations are entitled to, in the organization that the operator is paid through";
    manifest.entitlements.then_some(words).into_iter()
}

/// One line for each action, so that one more is told apart.
fn calls(manifest: &Manifest) -> impl Iterator<Item = String> {
    let named = |calls: &PeerCalls| {
        let plugin = calls.plugin.clone();
        let words = calls.actions.iter().map(move |action| format!("calls the action {action} of the plugin {plugin}"));
        words.collect::<Vec<_>>()
    };
    manifest.calls.iter().flat_map(named)
}

fn objects(manifest: &Manifest) -> impl Iterator<Item = String> {
    manifest.objects.iter().map(|(object, access)| match access {
        Access::Read => format!("reads all records of the object {object}"),
        Access::Write => format!("reads, makes, changes and deletes records of the object {object}"),
    })
}

fn sync(sync: &SyncDecl) -> String {
    let SyncDecl { object, resource, .. } = sync;
    let goes = |ways: &[Direction]| (ways.contains(&Direction::In), ways.contains(&Direction::Out));
    let ways = match goes(&sync.directions) {
        (true, true) => "in both directions",
        (true, false) => "from the vendor only",
        (false, _) => "to the vendor only",
    };
    let deletes = match goes(&sync.deletes) {
        (true, true) => ", deletions in both directions",
        (true, false) => ", deletions from the vendor",
        (false, true) => ", deletions to the vendor",
        (false, false) => ", without deletions",
    };
    format!("syncs the object {object} with the vendor's {resource} {ways}{deletes}")
}

/// One line for each way, so that one more is told apart.
fn syncs(sync: &SyncDecl) -> Vec<String> {
    let SyncDecl { object, resource, .. } = sync;
    let to = |way: &Direction| if *way == Direction::In { "from" } else { "to" };
    let values =
        sync.directions.iter().map(|way| format!("syncs the object {object} {} the vendor's {resource}", to(way)));
    let deletions = sync
        .deletes
        .iter()
        .map(|way| format!("syncs deletions of the object {object} {} the vendor's {resource}", to(way)));
    values.chain(deletions).collect()
}

/// The grants of this plugin that are not among the approved ones. A path below an approved `**` is.
#[must_use]
pub fn beyond(manifest: &Manifest, approved: &BTreeSet<String>) -> Vec<String> {
    let is_below = |grant: &str| {
        let reached = approved.iter().filter(|approved| approved.starts_with("reaches "));
        let whole = reached.filter_map(|approved| approved.strip_suffix("**"));
        whole.into_iter().any(|start| grant.starts_with(start))
    };
    grants(manifest).into_iter().filter(|grant| !approved.contains(grant) && !is_below(grant)).collect()
}

fn place(inject: &Inject) -> String {
    match inject {
        Inject { header: Some(header), user: Some(user), .. } => {
            format!("in the header {header}, beside the setting {user}")
        }
        Inject { header: Some(header), .. } => format!("in the header {header}"),
        Inject { path: Some(path), .. } => format!("in the place of the path ({path})"),
        Inject { json: Some(json), .. } => format!("in bodies that name the hub's own webhook (at {json})"),
        Inject { query, .. } => format!("in the query parameter {}", query.as_deref().unwrap_or_default()),
    }
}

fn credential(credential: &Credential) -> String {
    let Credential { name, required, inject, hosts, named_hosts, .. } = credential;
    let need = if *required { "needs" } else { "may have" };
    let place = match inject {
        None => return format!("{need} the credential {name}, which stays in the hub: for checks of signatures only"),
        Some(inject) => place(inject),
    };
    let whom = if hosts.is_empty() { "every host that it reaches".to_owned() } else { hosts.join(", ") };
    let named = if *named_hosts { " and hosts that the settings name" } else { "" };
    format!("{need} the credential {name}, which the hub puts {place} for {whom}{named}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo(egress: serde_json::Value, hosts: &[&str]) -> Manifest {
        serde_json::from_value(serde_json::json!({
            "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0", "egress": egress,
            "credentials": [{"name": "key", "inject": {"header": "authorization"}, "hosts": hosts}],
        }))
        .unwrap()
    }

    #[test]
    fn a_new_host_method_path_or_way_of_a_secret_is_beyond_what_was_approved() {
        let reach = |host: &str, methods: &[&str], paths: &[&str]| serde_json::json!([{"host": host, "methods": methods, "paths": paths}]);
        let before = demo(reach("api.example.com", &["GET"], &["/v1/**"]), &["api.example.com"]);
        let approved = grants(&before);
        let new = |egress, hosts: &[&str]| beyond(&demo(egress, hosts), &approved);
        assert!(beyond(&before, &approved).is_empty());
        assert!(new(reach("api.example.com", &["GET"], &["/v1/models", "/v1/**"]), &["api.example.com"]).is_empty());
        assert_eq!(
            new(reach("api.example.com", &["GET", "POST"], &["/v1/**"]), &["api.example.com"]),
            ["reaches api.example.com: POST /v1/**"]
        );
        assert_eq!(
            new(reach("api.example.com", &["GET"], &["/v2/**"]), &["api.example.com"]),
            ["reaches api.example.com: GET /v2/**"]
        );
        assert_eq!(
            new(reach("evil.example.com", &["GET"], &["/v1/**"]), &[]),
            [
                "reaches evil.example.com: GET /v1/**",
                "sends the credential key to evil.example.com, in the header authorization"
            ]
        );
    }

    #[test]
    fn what_is_learned_from_other_plugins_is_approved() {
        let with = |objects: serde_json::Value| -> Manifest {
            let manifest = serde_json::json!({
                "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0", "objects": objects,
            });
            serde_json::from_value(manifest).unwrap()
        };
        let (reads, writes) = (with(serde_json::json!({"call": "read"})), with(serde_json::json!({"call": "write"})));
        assert_eq!(beyond(&reads, &BTreeSet::new()), ["reads all records of the object call"]);
        assert_eq!(beyond(&writes, &grants(&reads)), ["makes, changes and deletes records of the object call"]);
        assert!(beyond(&reads, &grants(&writes)).is_empty());
    }

    fn syncing(directions: &[&str], deletes: &[&str]) -> Manifest {
        let manifest = serde_json::json!({
            "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.1.0", "objects": {"contact": "write"},
            "syncs": [{
                "object": "contact", "resource": "contacts", "title": "Contacts", "directions": directions,
                "deletes": deletes, "mapping": {"fields": [{"hub": "/email", "vendor": "email"}]},
            }],
        });
        serde_json::from_value(manifest).unwrap()
    }

    #[test]
    fn each_way_of_a_sync_is_approved_by_itself() {
        let approved = grants(&syncing(&["in"], &["in"]));
        assert!(beyond(&syncing(&["in"], &[]), &approved).is_empty());
        assert_eq!(
            beyond(&syncing(&["in", "out"], &["in", "out"]), &approved),
            [
                "syncs deletions of the object contact to the vendor's contacts",
                "syncs the object contact to the vendor's contacts"
            ]
        );
    }

    #[test]
    fn a_sync_is_one_line_that_says_its_ways() {
        let line = |directions: &[&str], deletes: &[&str]| in_words(&syncing(directions, deletes)).pop().unwrap();
        let start = "syncs the object contact with the vendor's contacts";
        assert_eq!(line(&["in", "out"], &["in"]), format!("{start} in both directions, deletions from the vendor"));
        assert_eq!(line(&["in"], &[]), format!("{start} from the vendor only, without deletions"));
        assert_eq!(line(&["out"], &["out"]), format!("{start} to the vendor only, deletions to the vendor"));
    }

    #[test]
    fn what_other_plugins_are_had_to_do_is_approved_by_action() {
        let with = |actions: &[&str]| -> Manifest {
            let manifest = serde_json::json!({
                "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.1.0",
                "calls": [{"plugin": "ivr", "actions": actions}],
            });
            serde_json::from_value(manifest).unwrap()
        };
        let approved = grants(&with(&["answer"]));
        assert!(approved.contains("calls the action answer of the plugin ivr"));
        assert!(beyond(&with(&["answer"]), &approved).is_empty());
        assert_eq!(beyond(&with(&["answer", "publish"]), &approved), ["calls the action publish of the plugin ivr"]);
        assert_eq!(in_words(&with(&["answer"])), ["calls the action answer of the plugin ivr"]);
    }

    #[test]
    fn a_host_that_the_settings_name_is_one_thing_and_what_is_asked_of_it_another() {
        let with = |methods: &[&str], credential: bool| -> Manifest {
            let manifest = serde_json::json!({
                "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0",
                "named-hosts": [{"setting": "/base_url", "methods": methods, "paths": ["/v1/**"]}],
                "credentials": [{"name": "key", "inject": {"header": "authorization"}, "named-hosts": credential}],
            });
            serde_json::from_value(manifest).unwrap()
        };
        let approved = grants(&with(&["GET"], false));
        assert!(beyond(&with(&["GET"], false), &approved).is_empty());
        assert_eq!(
            beyond(&with(&["GET", "POST"], true), &approved),
            [
                "reaches the host of the setting /base_url: POST /v1/**",
                "sends the credential key to hosts of the settings, in the header authorization"
            ]
        );
        let hosts = BTreeSet::from([names_host("models.example.com")]);
        assert_eq!(approved_hosts(&hosts).collect::<Vec<_>>(), ["models.example.com"]);
        assert_eq!(approved_hosts(&approved).count(), 0);
    }

    #[test]
    fn each_capability_is_one_line() {
        let manifest: Manifest = serde_json::from_value(serde_json::json!({
            "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0",
            "egress": [{"host": "api.example.com", "methods": ["GET", "POST"], "paths": ["/v1/**"]}],
            "credentials": [
                {"name": "api_key", "required": true, "inject": {"header": "authorization", "format": "Bearer {}"}},
                {"name": "signing_secret"},
            ],
            "oauth": {
                "credential": "api_key", "authorize-url": "https://login.example.com/authorize",
                "token-url": "https://{region}.example.com/token", "revoke-url": "https://login.example.com/revoke",
                "account": {"url": "https://api.example.com/me", "name": "/email"},
                "scopes": {"required": ["read"], "optional": ["write"]},
            },
            "actions": [{"name": "send", "input": {}, "output": {}}],
            "proxy": {"key": [{"header": "authorization", "prefix": "Bearer "}], "routes": [{"method": "GET", "path": "/v1/models"}]},
            "webhooks": {"body-kib": 64},
            "meters": [{"name": "input_tokens", "unit": "token"}],
            "objects": {"contact": "read", "call": "write"},
        }))
        .unwrap();
        assert_eq!(
            in_words(&manifest),
            [
                "reaches api.example.com: GET, POST /v1/**",
                "needs the credential api_key, which the hub puts in the header authorization for every host that it reaches",
                "may have the credential signing_secret, which stays in the hub: for checks of signatures only",
                "lets the hub fill the credential api_key with tokens of *.example.com/token",
                "is connected by authorization-code",
                "sends people to login.example.com/authorize to consent",
                "lets the hub show *.example.com/token who it is, by basic",
                "lets the hub give tokens back to login.example.com/revoke",
                "lets the hub ask api.example.com/me whose account it is",
                "needs the scope read",
                "may have the scope write",
                "offers the action send",
                "proxies GET /v1/models",
                "takes the hub's key from the header authorization",
                "receives webhooks of up to 64 KiB",
                "meters input_tokens by the token",
                "reads, makes, changes and deletes records of the object call",
                "reads all records of the object contact",
            ]
        );
    }
}
