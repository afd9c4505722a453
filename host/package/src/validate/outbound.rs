//! Credentials and destinations: what may leave, and where to.

use super::{report::Report, text};
use crate::{
    Manifest,
    manifest::{Credential, Egress, Inject, NamedHost},
};

pub(super) fn check(manifest: &Manifest, report: &mut Report) {
    for (index, egress) in manifest.egress.iter().enumerate() {
        destination(egress, &format!("/egress/{index}"), report);
    }
    for (index, named) in manifest.named_hosts.iter().enumerate() {
        named_host(named, manifest.config.is_some(), &format!("/named-hosts/{index}"), report);
    }
    let settings =
        manifest.named_hosts.iter().enumerate().map(|(i, n)| (format!("/named-hosts/{i}/setting"), &n.setting));
    report.unique(settings, "a setting");
    let names = manifest.credentials.iter().enumerate().map(|(i, c)| (format!("/credentials/{i}/name"), &c.name));
    report.unique(names, "a credential's name");
    for (index, credential) in manifest.credentials.iter().enumerate() {
        let at = format!("/credentials/{index}");
        check_credential(credential, manifest, &at, report);
        report.demand(
            !credential.named_hosts || (!manifest.named_hosts.is_empty() && credential.inject.is_some()),
            format!("{at}/named-hosts"),
            "an `inject` beside it, and a list of `named-hosts` in the manifest",
        );
    }
}

fn named_host(named: &NamedHost, has_settings: bool, at: &str, report: &mut Report) {
    report.member(format!("{at}/setting"), &named.setting);
    report.demand(has_settings, format!("{at}/setting"), "a `[config]` that has it");
    requests(&named.methods, &named.paths, at, report);
}

fn destination(egress: &Egress, at: &str, report: &mut Report) {
    report.demand(
        text::is_host(&egress.host),
        format!("{at}/host"),
        "a full host name in lower case, as in `api.example.com` or `*.example.com`; no address, port or scheme",
    );
    requests(&egress.methods, &egress.paths, at, report);
    if let Some(header) = &egress.idempotency_header {
        header_name(header, &format!("{at}/idempotency-header"), report);
    }
}

/// What may be asked of a destination.
fn requests(methods: &[String], paths: &[String], at: &str, report: &mut Report) {
    report.demand(!methods.is_empty(), format!("{at}/methods"), "at least one method");
    for (index, method) in methods.iter().enumerate() {
        report.demand(text::is_method(method), format!("{at}/methods/{index}"), METHOD);
    }
    report.demand(!paths.is_empty(), format!("{at}/paths"), "at least one path; `/**` for all");
    for (index, path) in paths.iter().enumerate() {
        report.path(format!("{at}/paths/{index}"), path);
    }
    let methods = methods.iter().enumerate().map(|(i, method)| (format!("{at}/methods/{i}"), method));
    report.unique(methods, "a method");
    let paths = paths.iter().enumerate().map(|(i, path)| (format!("{at}/paths/{i}"), path));
    report.unique(paths, "a path");
}

/// What a method is, for messages.
pub(super) const METHOD: &str = "an HTTP method in upper case, but not CONNECT or TRACE";

fn check_credential(credential: &Credential, manifest: &Manifest, at: &str, report: &mut Report) {
    let egress = &manifest.egress;
    report.demand(text::is_name(&credential.name, b"_"), format!("{at}/name"), "1 to 64 characters of a-z, 0-9 and _");
    for (index, host) in credential.hosts.iter().enumerate() {
        let listed = egress.iter().any(|egress| text::covers(&egress.host, host));
        report.demand(
            listed,
            format!("{at}/hosts/{index}"),
            "a host of the egress list: add it there, or remove it here",
        );
    }
    let hosts = credential.hosts.iter().enumerate().map(|(i, host)| (format!("{at}/hosts/{i}"), host));
    report.unique(hosts, "a host");
    match &credential.inject {
        Some(inject) => {
            report.demand(
                !egress.is_empty() || credential.named_hosts,
                format!("{at}/inject"),
                "an egress list, so that there is a request to put it in",
            );
            check_inject(inject, &format!("{at}/inject"), report);
            if let Some(user) = &inject.user {
                let at = format!("{at}/inject/user");
                report.member(at.clone(), user);
                report.demand(manifest.config.is_some(), at.clone(), "a `[config]` that has it");
                report.demand(inject.format.contains("{basic}"), at, "a `format` with `{basic}` beside it");
            }
        }
        None => report.demand(
            credential.hosts.is_empty(),
            format!("{at}/hosts"),
            "an `inject` beside it: without one the credential never leaves",
        ),
    }
}

fn check_inject(inject: &Inject, at: &str, report: &mut Report) {
    match (&inject.header, &inject.query, &inject.path, &inject.json) {
        (Some(header), None, None, None) => header_name(header, &format!("{at}/header"), report),
        (None, Some(query), None, None) => query_name(query, &format!("{at}/query"), report),
        (None, None, None, Some(json)) => {
            report.member(format!("{at}/json"), json);
            match &inject.webhook_url {
                Some(pointer) => report.member(format!("{at}/webhook-url"), pointer),
                None => report.add(format!("{at}/webhook-url"), BESIDE_JSON),
            }
        }
        (None, None, Some(path), None) => {
            report.path(format!("{at}/path"), path);
            let plain = inject.format == "{}";
            report.demand(plain, format!("{at}/format"), "nothing but `{}` beside a `path`: the secret is the path");
        }
        _ => report.add(at, "exactly one of `header`, `query`, `path` and `json`"),
    }
    if inject.json.is_none() {
        report.demand(inject.webhook_url.is_none(), format!("{at}/webhook-url"), "a `json` beside it");
    }
    let places = inject.format.matches("{}").count() + inject.format.matches("{basic}").count();
    report.demand(
        places == 1 && text::is_printable_line(&inject.format) && inject.format.is_ascii(),
        format!("{at}/format"),
        "printable ASCII with exactly one `{}` or `{basic}`",
    );
}

/// What a secret in a body needs, for messages.
const BESIDE_JSON: &str =
    "the member that says where webhooks go, as in `/webhook_url`: the secret goes to no other address";

/// What a place of a key is, for messages.
pub(super) const EXACTLY_ONE: &str = "exactly one of `header` and `query`";

pub(super) fn header_name(header: &str, at: &str, report: &mut Report) {
    report.demand(text::is_header(header), at, "the name of a header");
    report.demand(!text::is_managed_header(header), at, "a header that the host does not set itself");
}

pub(super) fn query_name(query: &str, at: &str, report: &mut Report) {
    report.demand(text::is_parameter(query), at, "the name of a query parameter, in characters that need no encoding");
}
