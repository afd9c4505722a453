//! Identity, limits and settings.

use patchbay_model::{event::HUB_FAMILIES, object::StandardObject};
use serde_json::Value;

use super::{report::Report, text};
use crate::{Manifest, manifest::Schema};

pub(super) fn check(manifest: &Manifest, report: &mut Report) {
    let id = manifest.id.as_str();
    report.demand(
        !HUB_FAMILIES.contains(&id) && id.parse::<StandardObject>().is_err(),
        "/id",
        "another id: the types of the hub's own events begin with this one",
    );
    let name = manifest.name.trim();
    report.demand(
        !name.is_empty() && name.chars().count() <= 200 && text::is_printable_line(name),
        "/name",
        "1 to 200 printable characters",
    );
    report.demand(manifest.description.chars().count() <= 2_000, "/description", "at most 2000 characters");
    if let Some(homepage) = &manifest.homepage {
        let web = homepage.strip_prefix("https://").or_else(|| homepage.strip_prefix("http://"));
        report.demand(
            web.is_some_and(|rest| !rest.is_empty()) && !homepage.contains(char::is_whitespace),
            "/homepage",
            "a URL that starts with https:// or http://",
        );
    }
    if let Some(license) = &manifest.license {
        report.demand(text::is_spdx(license), "/license", "an SPDX expression, as in `Apache-2.0`");
    }
    let limits = &manifest.limits;
    for (key, value) in [
        ("memory-mib", limits.memory_mib),
        ("timeout-ms", limits.timeout_ms),
        ("cpu-ms", limits.cpu_ms),
        ("concurrency", limits.concurrency),
        ("host-calls", limits.host_calls),
        ("body-kib", limits.body_kib),
    ] {
        report.positive(format!("/limits/{key}"), value);
    }
    if let Some(config) = &manifest.config {
        report.schema("/config/schema".to_owned(), &config.schema);
        if let Schema::Inline(schema) = &config.schema {
            no_secrets(schema, "/config/schema".to_owned(), report);
        }
    }
}

/// Settings are stored, shown and audited as they are, so one that says it is to be kept back is refused here: nobody can
/// tell it from others later.
fn no_secrets(schema: &Value, at: String, report: &mut Report) {
    match schema {
        Value::Object(members) => {
            let hidden = members.get("writeOnly") == Some(&Value::Bool(true));
            report.demand(!hidden, at.as_str(), "no `writeOnly`: a secret is declared in [[credentials]]");
            for (name, member) in members {
                no_secrets(member, format!("{at}/{}", text::pointer_token(name)), report);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                no_secrets(item, format!("{at}/{index}"), report);
            }
        }
        _ => {}
    }
}
