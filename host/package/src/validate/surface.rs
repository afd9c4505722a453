//! What the plugin offers: actions, proxy, webhooks, events, jobs, schedules, meters, collections; and which actions of others
//! it calls.

use patchbay_model::{event::is_type_or_family, object::StandardObject};

use super::{
    outbound::{EXACTLY_ONE, METHOD, header_name, query_name},
    report::Report,
    text,
};
use crate::{
    Manifest, cron,
    manifest::{ANSWER_MS, Action, Collection, KeyPlace, Proxy, SharedWebhooks, Webhooks},
};
use patchbay_model::job::{MOST_ATTEMPTS, MOST_BYTES};

pub(super) fn check(manifest: &Manifest, report: &mut Report) {
    actions(manifest, report);
    if let Some(routes) = &manifest.proxy {
        proxy(routes, report);
    }
    if let Some(webhooks) = &manifest.webhooks {
        check_webhooks(webhooks, report);
        report.demand(
            !webhooks.answers_offline || manifest.oauth.is_none(),
            "/webhooks/answers-offline",
            "false beside [oauth]: its tokens cannot be renewed while the database is away",
        );
        if let Some(shared) = &webhooks.shared {
            check_shared(shared, manifest, report);
        }
    }
    events(manifest, report);
    calls(manifest, report);
    jobs(manifest, report);
    schedules(manifest, report);
    for (index, meter) in manifest.meters.iter().enumerate() {
        report.demand(
            text::is_name(&meter.name, b"_"),
            format!("/meters/{index}/name"),
            "1 to 64 characters of a-z, 0-9 and _",
        );
        report.demand(text::is_name(&meter.unit, b"_-"), format!("/meters/{index}/unit"), "one of what, as in `token`");
    }
    report.unique(
        manifest.meters.iter().enumerate().map(|(i, meter)| (format!("/meters/{i}/name"), &meter.name)),
        "a meter's name",
    );
    for (index, collection) in manifest.collections.iter().enumerate() {
        check_collection(collection, &format!("/collections/{index}"), report);
    }
    let names = manifest.collections.iter().enumerate().map(|(i, c)| (format!("/collections/{i}/name"), &c.name));
    report.unique(names, "a collection's name");
}

fn actions(manifest: &Manifest, report: &mut Report) {
    for (index, action) in manifest.actions.iter().enumerate() {
        check_action(action, manifest.limits.timeout_ms, &format!("/actions/{index}"), report);
    }
    let names = manifest.actions.iter().enumerate().map(|(i, action)| (format!("/actions/{i}/name"), &action.name));
    report.unique(names, "an action's name");
}

fn check_action(action: &Action, plugin_timeout_ms: Option<u32>, at: &str, report: &mut Report) {
    report.demand(text::is_name(&action.name, b"-"), format!("{at}/name"), ACTION_NAME);
    report.schema(format!("{at}/input"), &action.input);
    report.schema(format!("{at}/output"), &action.output);
    report.positive(format!("{at}/timeout-ms"), action.timeout_ms);
    if let (Some(own), Some(plugin)) = (action.timeout_ms, plugin_timeout_ms) {
        report.demand(
            own <= plugin,
            format!("{at}/timeout-ms"),
            format!("at most {plugin}, the plugin's own `limits.timeout-ms`"),
        );
    }
}

fn proxy(proxy: &Proxy, report: &mut Report) {
    for (index, place) in proxy.key.iter().enumerate() {
        key_place(place, &format!("/proxy/key/{index}"), report);
    }
    report.demand(!proxy.routes.is_empty(), "/proxy/routes", "at least one route");
    for (index, route) in proxy.routes.iter().enumerate() {
        let at = format!("/proxy/routes/{index}");
        report.demand(text::is_method(&route.method), format!("{at}/method"), METHOD);
        report.path(format!("{at}/path"), &route.path);
        report.positive(format!("{at}/timeout-ms"), route.timeout_ms);
        report.positive(format!("{at}/body-kib"), route.body_kib);
    }
    let routes = proxy.routes.iter().enumerate().map(|(i, r)| (format!("/proxy/routes/{i}"), (&r.method, &r.path)));
    report.unique(routes, "a route");
}

fn key_place(place: &KeyPlace, at: &str, report: &mut Report) {
    match (&place.header, &place.query) {
        (Some(header), None) => header_name(header, &format!("{at}/header"), report),
        (None, Some(query)) => query_name(query, &format!("{at}/query"), report),
        _ => report.add(at, EXACTLY_ONE),
    }
    report.demand(
        place.prefix.is_ascii() && text::is_printable_line(&place.prefix),
        format!("{at}/prefix"),
        "printable ASCII",
    );
}

fn events(manifest: &Manifest, report: &mut Report) {
    let prefix = format!("{}.", manifest.id);
    for (index, event) in manifest.events.emits.iter().enumerate() {
        let at = format!("/events/emits/{index}");
        report.demand(is_type_or_family(&event.kind), format!("{at}/type"), EVENT_TYPE);
        report.demand(
            event.kind.starts_with(&prefix),
            format!("{at}/type"),
            format!("a type that starts with `{prefix}`"),
        );
        if let Some(schema) = &event.schema {
            report.schema(format!("{at}/schema"), schema);
        }
    }
    let kinds = manifest.events.emits.iter().enumerate().map(|(i, e)| (format!("/events/emits/{i}/type"), &e.kind));
    report.unique(kinds, "a type");
    for (index, kind) in manifest.events.consumes.iter().enumerate() {
        let is_pattern = kind == "*" || is_type_or_family(kind);
        report.demand(is_pattern, format!("/events/consumes/{index}"), format!("{EVENT_TYPE}, or `*` for all"));
    }
    let kinds = manifest.events.consumes.iter().enumerate().map(|(i, kind)| (format!("/events/consumes/{i}"), kind));
    report.unique(kinds, "a type");
}

fn calls(manifest: &Manifest, report: &mut Report) {
    for (index, calls) in manifest.calls.iter().enumerate() {
        let at = format!("/calls/{index}");
        report.demand(calls.plugin != manifest.id, format!("{at}/plugin"), "another plugin: none calls itself");
        report.demand(!calls.actions.is_empty(), format!("{at}/actions"), "at least one action");
        for (number, action) in calls.actions.iter().enumerate() {
            report.demand(text::is_name(action, b"-"), format!("{at}/actions/{number}"), ACTION_NAME);
        }
        let names = calls.actions.iter().enumerate().map(|(number, action)| (format!("{at}/actions/{number}"), action));
        report.unique(names, "an action");
    }
    let plugins = manifest.calls.iter().enumerate().map(|(i, calls)| (format!("/calls/{i}/plugin"), &calls.plugin));
    report.unique(plugins, "a plugin");
}

fn jobs(manifest: &Manifest, report: &mut Report) {
    for (index, job) in manifest.jobs.iter().enumerate() {
        let at = format!("/jobs/{index}");
        report.demand(
            text::is_name(&job.kind, b"_-."),
            format!("{at}/kind"),
            "1 to 64 characters of a-z, 0-9, _, - and .",
        );
        let attempts = job.attempts.is_none_or(|attempts| (1..=MOST_ATTEMPTS).contains(&attempts));
        report.demand(attempts, format!("{at}/attempts"), format!("1 to {MOST_ATTEMPTS}"));
        report.positive(format!("{at}/timeout-ms"), job.timeout_ms);
        report.positive(format!("{at}/concurrency"), job.concurrency);
    }
    report.unique(
        manifest.jobs.iter().enumerate().map(|(i, job)| (format!("/jobs/{i}/kind"), &job.kind)),
        "a kind of job",
    );
}

fn schedules(manifest: &Manifest, report: &mut Report) {
    for (index, schedule) in manifest.schedules.iter().enumerate() {
        let at = format!("/schedules/{index}");
        report.demand(
            text::is_name(&schedule.name, b"_-"),
            format!("{at}/name"),
            "1 to 64 characters of a-z, 0-9, _ and -",
        );
        let known = manifest.jobs.iter().any(|job| job.kind == schedule.kind);
        report.demand(known, format!("{at}/kind"), "one of the manifest's jobs");
        if let Err(error) = cron::parse(&schedule.cron) {
            report.add(format!("{at}/cron"), error.to_string());
        }
        if let Some(Err(error)) = schedule.time_zone.as_deref().map(cron::zone) {
            report.add(format!("{at}/time-zone"), error.to_string());
        }
        let jitter = schedule.jitter_s.is_none_or(|seconds| seconds <= cron::MOST_JITTER_S);
        report.demand(jitter, format!("{at}/jitter-s"), format!("at most {}", cron::MOST_JITTER_S));
        let fits = schedule.payload.to_string().len() <= MOST_BYTES;
        report.demand(fits, format!("{at}/payload"), format!("at most {MOST_BYTES} bytes"));
    }
    let names = manifest.schedules.iter().enumerate().map(|(i, one)| (format!("/schedules/{i}/name"), &one.name));
    report.unique(names, "a schedule's name");
}

const ACTION_NAME: &str = "1 to 64 characters of a-z, 0-9 and -";

const EVENT_TYPE: &str =
    "names of a-z, 0-9, _ and -, joined by dots, as in `vendor.thing.happened`, or such a name and `.*`";

fn check_webhooks(webhooks: &Webhooks, report: &mut Report) {
    report.demand((1..=1_024).contains(&webhooks.body_kib), "/webhooks/body-kib", "1 to 1024");
    let wait = webhooks.answer_ms.unwrap_or(ANSWER_MS);
    report.demand((100..=30_000).contains(&wait), "/webhooks/answer-ms", "100 to 30000");
    let Some(fallback) = &webhooks.fallback else { return };
    report.demand((200..=299).contains(&fallback.status), "/webhooks/fallback/status", "200 to 299");
    report.demand(fallback.body.len() <= 64 << 10, "/webhooks/fallback/body", "at most 65536 bytes");
    if let Some(media) = &fallback.content_type {
        let fits = (1..=200).contains(&media.len()) && media.is_ascii() && text::is_printable_line(media);
        report.demand(fits, "/webhooks/fallback/content-type", "a media type of at most 200 bytes");
    }
}

fn check_shared(shared: &SharedWebhooks, manifest: &Manifest, report: &mut Report) {
    report.demand(
        shared.is_valid(),
        "/webhooks/shared/accounts",
        "a JSON Pointer with at most one `*`, and a member behind it, as in `/*/portalId`",
    );
    report.demand(
        manifest.credentials.iter().any(|credential| credential.name == shared.credential),
        "/webhooks/shared/credential",
        "a credential of [[credentials]]",
    );
    let account = manifest.oauth.as_ref().and_then(|oauth| oauth.account.as_ref());
    report.demand(
        account.is_some_and(|account| account.id.is_some()),
        "/webhooks/shared",
        "nothing without `id` in [oauth.account]: nobody else says whose account it is",
    );
}

fn check_collection(collection: &Collection, at: &str, report: &mut Report) {
    report.demand(
        text::is_name(&collection.name, b"_-"),
        format!("{at}/name"),
        "1 to 64 characters of a-z, 0-9, _ and -",
    );
    report.demand(
        collection.name.parse::<StandardObject>().is_err(),
        format!("{at}/name"),
        format!(
            "another name: {0:?} is a standard object, which is asked for by [objects] {0} = \"write\"",
            collection.name
        ),
    );
    report.schema(format!("{at}/schema"), &collection.schema);
    for (field, pointer) in &collection.indexes {
        let at = format!("{at}/indexes/{}", text::pointer_token(field));
        report.demand(
            text::is_name(field, b"_-"),
            at.as_str(),
            "a field's name: 1 to 64 characters of a-z, 0-9, _ and -",
        );
        report.member(at, pointer);
    }
}
