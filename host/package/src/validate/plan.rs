//! What plans and budgets read: lowest plans, what meters count as, and estimates.

use std::collections::BTreeMap;

use super::{report::Report, text};
use crate::{Manifest, manifest::Estimate};

pub(super) fn check(manifest: &Manifest, report: &mut Report) {
    plan("/plan".to_owned(), manifest.plan.as_deref(), report);
    for (index, action) in manifest.actions.iter().enumerate() {
        plan(format!("/actions/{index}/plan"), action.plan.as_deref(), report);
        estimates(manifest, action.estimate.as_ref(), &format!("/actions/{index}/estimate"), Kind::Action, report);
    }
    for (index, route) in manifest.proxy.iter().flat_map(|proxy| &proxy.routes).enumerate() {
        estimates(manifest, route.estimate.as_ref(), &format!("/proxy/routes/{index}/estimate"), Kind::Route, report);
    }
    for (index, meter) in manifest.meters.iter().enumerate() {
        let at = format!("/meters/{index}");
        if let Some(metric) = meter.metric {
            report.demand(!metric.is_the_hubs(), format!("{at}/metric"), "a metric that the hub does not count itself");
        }
        report.positive(format!("{at}/per"), meter.per);
        report.demand(meter.per.is_none() || meter.metric.is_some(), format!("{at}/per"), "a `metric` beside it");
    }
}

fn plan(at: String, plan: Option<&str>, report: &mut Report) {
    let named = plan.is_none_or(|plan| text::is_name(plan, b"_-"));
    report.demand(named, at, "a plan's name: 1 to 64 characters of a-z, 0-9, _ and -");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Has an input that can be looked into, and answers once.
    Action,
    /// Has a body that nobody looks into before the plugin, and may answer as a stream.
    Route,
}

fn estimates(
    manifest: &Manifest,
    estimates: Option<&BTreeMap<String, Estimate>>,
    at: &str,
    kind: Kind,
    report: &mut Report,
) {
    for (meter, estimate) in estimates.into_iter().flatten() {
        let at = format!("{at}/{}", text::pointer_token(meter));
        let known = manifest.meters.iter().any(|known| known.name == *meter);
        report.demand(known, at.as_str(), "one of the manifest's meters");
        report.positive(format!("{at}/bytes-per-unit"), estimate.bytes_per_unit);
        for (name, pointer) in [("from", &estimate.from), ("times", &estimate.times)] {
            let Some(pointer) = pointer else { continue };
            let at = format!("{at}/{name}");
            match kind {
                Kind::Action => report.member(at, pointer),
                Kind::Route => report.add(at, "nothing: the body of a proxied request is not looked into"),
            }
        }
        let Some(stream) = &estimate.stream else { continue };
        let at = format!("{at}/stream");
        report.demand(kind == Kind::Route, at.as_str(), "nothing: an action answers once");
        report.demand(stream.chunk > 0, format!("{at}/chunk"), "a number above 0");
        report.positive(format!("{at}/events"), stream.events);
        report.positive(format!("{at}/characters"), stream.characters);
        let reads = stream.events.is_some() || stream.characters.is_some();
        report.demand(reads, at, "at least one of `events` and `characters`");
    }
}
