//! The part of `plugin.toml` that a mock host enforces: what is granted. The whole of it is checked by
//! `patchbay plugin build`, which this crate does not depend on.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The largest body of a plugin that asks for nothing.
const DEFAULT_BODY_KIB: u32 = 4096;

/// What a manifest grants.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ManifestFacts {
    #[serde(default)]
    id: Option<String>,
    /// Standard objects, with `read` or `write`.
    #[serde(default)]
    objects: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) credentials: Vec<Credential>,
    #[serde(default)]
    pub(crate) egress: Vec<Egress>,
    #[serde(default, rename = "named-hosts")]
    named_hosts: Vec<NamedHost>,
    #[serde(default)]
    pub(crate) actions: Vec<Action>,
    #[serde(default)]
    pub(crate) config: Option<Config>,
    #[serde(default)]
    pub(crate) proxy: Option<Proxy>,
    #[serde(default)]
    pub(crate) events: Events,
    #[serde(default)]
    pub(crate) jobs: Vec<Job>,
    #[serde(default)]
    pub(crate) meters: Vec<Named>,
    #[serde(default)]
    pub(crate) collections: Vec<Collection>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) entitlements: bool,
    #[serde(default)]
    calls: Vec<PeerCalls>,
    #[serde(default)]
    pub(crate) syncs: Vec<SyncFacts>,
}

#[derive(Debug, Deserialize)]
struct PeerCalls {
    plugin: String,
    actions: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SyncFacts {
    pub(crate) object: String,
    pub(crate) resource: String,
    /// What one push takes at most.
    #[serde(default = "default_batch")]
    pub(crate) batch: usize,
    /// The path of a file beside the manifest, or what it would hold.
    pub(crate) mapping: Option<toml::Value>,
}

/// What one push takes if the manifest does not say.
const fn default_batch() -> usize {
    100
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Limits {
    body_kib: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Credential {
    pub(crate) name: String,
    pub(crate) inject: Option<toml::Table>,
}

impl Credential {
    /// True for one that the host puts into bodies, where they name the installation's webhook.
    pub(crate) fn goes_by_itself(&self) -> bool {
        self.inject.as_ref().is_some_and(|inject| inject.contains_key("json"))
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) kind: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Egress {
    host: String,
    methods: Vec<String>,
    paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct NamedHost {
    setting: String,
    methods: Vec<String>,
    paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Action {
    pub(crate) name: String,
    pub(crate) input: String,
    pub(crate) output: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    pub(crate) schema: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Proxy {
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
struct Route {
    method: String,
    path: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Events {
    #[serde(default)]
    pub(crate) emits: Vec<EventType>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EventType {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) schema: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Collection {
    pub(crate) name: String,
    pub(crate) schema: String,
    #[serde(default)]
    pub(crate) indexes: BTreeMap<String, String>,
    #[serde(default, rename = "keep-in-memory")]
    keep_in_memory: bool,
}

impl ManifestFacts {
    /// True for a collection whose documents are there while the hub's storage is away.
    pub(crate) fn keeps_in_memory(&self, collection: &str) -> bool {
        self.collections.iter().any(|own| own.name == collection && own.keep_in_memory)
    }

    pub(crate) fn parse(text: &str) -> Self {
        toml::from_str(text).unwrap_or_else(|error| panic!("plugin.toml: {error}"))
    }

    /// Why a request may not leave, for an org with these settings; hosts that they name are approved.
    pub(crate) fn egress_denial(&self, method: &str, url: &str, settings: &Value) -> Option<String> {
        let rest = match url.strip_prefix("https://") {
            Some(rest) => rest,
            None => return Some(format!("{url} is not an absolute https URL")),
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(at);
        let path = path.split('?').next().unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        let allowed = self.egress.iter().any(|egress| {
            host_matches(&egress.host, host)
                && egress.methods.iter().any(|own| own == method)
                && egress.paths.iter().any(|pattern| path_matches(pattern, path))
        });
        let named = self.named_hosts.iter().any(|named| {
            let url = settings.pointer(&named.setting).and_then(Value::as_str).unwrap_or_default();
            let own = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
            own == Some(host)
                && named.methods.iter().any(|own| own == method)
                && named.paths.iter().any(|pattern| path_matches(pattern, path))
        });
        (!allowed && !named).then(|| {
            format!("[[egress]] in plugin.toml needs host = \"{host}\", methods = [\"{method}\"], paths = [\"{path}\"]")
        })
    }

    pub(crate) fn routes(&self, method: &str, path: &str) -> bool {
        self.proxy.as_ref().is_some_and(|proxy| {
            proxy.routes.iter().any(|route| route.method == method && path_matches(&route.path, path))
        })
    }

    /// Why a standard object may not be reached.
    pub(crate) fn object_denial(&self, object: &str, write: bool) -> Option<String> {
        let access = self.objects.get(object).map(String::as_str);
        let wanted = if write { "write" } else { "read" };
        let granted = access == Some("write") || (access == Some("read") && !write);
        (!granted).then(|| format!("[objects] in plugin.toml needs {object} = \"{wanted}\""))
    }

    /// Why an action of another plugin may not be called.
    pub(crate) fn call_denial(&self, plugin: &str, action: &str) -> Option<String> {
        let named = |calls: &PeerCalls| calls.plugin == plugin && calls.actions.iter().any(|own| own == action);
        (!self.calls.iter().any(named)).then(|| {
            format!(
                "the action {action:?} of the plugin {plugin:?} is not among the manifest's calls: add [[calls]] \
                 plugin = {plugin:?}, actions = [{action:?}]"
            )
        })
    }

    /// What the id of a new record of a standard object begins with.
    pub(crate) fn id_prefix(&self) -> Option<String> {
        self.id.as_ref().map(|id| format!("{id}:"))
    }

    /// The largest body that is held at once, in bytes; the operator's ceiling is not known here.
    pub(crate) fn body_bytes(&self) -> u32 {
        self.limits.body_kib.unwrap_or(DEFAULT_BODY_KIB).saturating_mul(1024)
    }

    pub(crate) fn emits(&self, kind: &str) -> bool {
        self.events.emits.iter().any(|event| match event.kind.strip_suffix('*') {
            Some(prefix) => kind.len() > prefix.len() && kind.starts_with(prefix),
            None => event.kind == kind,
        })
    }
}

fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

/// `*` is one segment, `**` at the end any rest.
fn path_matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        if expected == "**" {
            return segments.next().is_some();
        }
        match segments.next() {
            Some(segment) if expected == segment || (expected == "*" && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_segment() {
        assert!(path_matches("/v1/models/*", "/v1/models/a"));
        assert!(!path_matches("/v1/models/*", "/v1/models/"));
        assert!(!path_matches("/v1/models/*", "/v1/models/a/b"));
        assert!(path_matches("/v1/**", "/v1/a/b"));
        assert!(!path_matches("/v1/**", "/v1"));
    }

    #[test]
    fn a_denial_names_the_line_that_would_allow_it() {
        let manifest =
            ManifestFacts::parse("[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]\npaths = [\"/v1/*\"]\n");
        let denial = |method: &str, url: &str| manifest.egress_denial(method, url, &Value::Null);
        assert_eq!(denial("GET", "https://api.example.com/v1/a?b=c"), None);
        assert!(denial("GET", "http://api.example.com/v1/a").is_some());
        let denial = denial("POST", "https://api.example.com/v1/a").unwrap();
        assert!(denial.contains("methods = [\"POST\"], paths = [\"/v1/a\"]"), "{denial}");
    }

    #[test]
    fn an_action_of_another_plugin_is_called_if_it_is_named() {
        let manifest = ManifestFacts::parse("[[calls]]\nplugin = \"ivr\"\nactions = [\"answer\"]\n");
        assert_eq!(manifest.call_denial("ivr", "answer"), None);
        let denial = manifest.call_denial("ivr", "publish").unwrap();
        assert!(denial.ends_with("add [[calls]] plugin = \"ivr\", actions = [\"publish\"]"), "{denial}");
        assert!(manifest.call_denial("slack", "answer").is_some());
    }

    #[test]
    fn a_host_that_settings_name_is_reached_as_far_as_the_manifest_says() {
        let manifest = ManifestFacts::parse(
            "[[named-hosts]]\nsetting = \"/base_url\"\nmethods = [\"POST\"]\npaths = [\"/v1/*\"]\n",
        );
        let settings = serde_json::json!({"base_url": "https://models.example.com/v1"});
        assert_eq!(manifest.egress_denial("POST", "https://models.example.com/v1/chat", &settings), None);
        assert!(manifest.egress_denial("POST", "https://models.example.com/v1/chat", &Value::Null).is_some());
        assert!(manifest.egress_denial("GET", "https://models.example.com/v1/chat", &settings).is_some());
        assert!(manifest.egress_denial("POST", "https://other.example.com/v1/chat", &settings).is_some());
    }
}
