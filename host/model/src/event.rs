//! Facts published inside the hub.

use serde::Serialize;

use crate::{EventId, OrgId, PluginId, RunId, Timestamp};

/// One event. Ordered per org by `sequence`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub org: OrgId,
    /// The plugin that published it; none for the hub itself.
    pub source: Option<PluginId>,
    /// Its type, as in `stripe.invoice.payment_failed`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Its facts.
    pub data: serde_json::Value,
    /// The publisher's own id of it: a second event with the same (org, source, dedupe) is dropped.
    pub dedupe: Option<String>,
    /// The run that published it.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
    /// How many events led to it, one after the other: 0 for one that no event led to.
    pub hops: u32,
}

/// What the types of the hub's own events begin with, beside the names of standard objects. No plugin is called so, because
/// the types of a plugin's events begin with its id.
pub const HUB_FAMILIES: &[&str] = &[
    "billing",
    "budget",
    "connection",
    "delivery",
    "endpoint",
    "export",
    "installation",
    "job",
    "key",
    "limits",
    "member",
    "org",
    "patchbay",
    "plan",
    "plugin",
    "run",
    "schedule",
    "sync",
    "webhook",
];

/// True if events of this type are wanted by a pattern: the type itself, `x.*` for all below `x.`, or `*`.
#[must_use]
pub fn is_wanted(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(prefix) if prefix.ends_with('.') => kind.len() > prefix.len() && kind.starts_with(prefix),
        _ => pattern == kind,
    }
}

/// How many events may lead to one another before plugins are no longer given the last: two that answer each other's events
/// would go on for ever.
pub const MOST_HOPS: u32 = 8;

/// True if an event is one that a plugin takes in, by what its manifest consumes. Never one that it published or caused
/// itself: what it does about an event would come back to it. Nor one that [`MOST_HOPS`] others led to.
#[must_use]
pub fn is_for(plugin: &PluginId, consumes: &[String], source: Option<&PluginId>, kind: &str, hops: u32) -> bool {
    source != Some(plugin) && hops < MOST_HOPS && consumes.iter().any(|pattern| is_wanted(pattern, kind))
}

/// True for a type, or for a pattern of [`is_wanted`] other than `*`: names of `a-z`, `0-9`, `_` and `-`, joined by dots;
/// at most 200 bytes.
#[must_use]
pub fn is_type_or_family(text: &str) -> bool {
    let (exact, is_family) = text.strip_suffix(".*").map_or((text, false), |exact| (exact, true));
    let is_name = |part: &str| {
        let bytes = part.bytes();
        (1..=64).contains(&part.len())
            && bytes.into_iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    text.len() <= 200 && (exact.contains('.') || is_family) && exact.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_wants_a_type_or_all_below_one_or_all() {
        for (pattern, kind, wanted) in [
            ("stripe.invoice.paid", "stripe.invoice.paid", true),
            ("stripe.invoice.paid", "stripe.invoice.paid.twice", false),
            ("stripe.*", "stripe.invoice.paid", true),
            ("stripe.*", "stripe.", false),
            ("stripe.*", "stripes.invoice", false),
            ("stripe*", "stripe.invoice", false),
            ("*", "call.created", true),
        ] {
            assert_eq!(is_wanted(pattern, kind), wanted, "{pattern} {kind}");
        }
    }

    #[test]
    fn a_plugin_gets_what_it_consumes_but_nothing_that_it_caused_and_nothing_that_goes_in_circles() {
        let [us, them]: [PluginId; 2] = ["slack", "telnyx"].map(|id| id.parse().unwrap());
        let consumes = ["call.*".to_owned()];
        assert!(is_for(&us, &consumes, Some(&them), "call.created", 0));
        assert!(is_for(&us, &consumes, None, "call.created", MOST_HOPS - 1));
        assert!(!is_for(&us, &consumes, Some(&us), "call.created", 0));
        assert!(!is_for(&us, &consumes, Some(&them), "contact.created", 0));
        assert!(!is_for(&us, &consumes, Some(&them), "call.created", MOST_HOPS));
        assert!(!is_for(&us, &[], Some(&them), "call.created", 0));
    }

    #[test]
    fn types_and_families_are_names_joined_by_dots() {
        for good in ["call.created", "stripe.*", "phone-number.updated", "a.b_c.*"] {
            assert!(is_type_or_family(good), "{good}");
        }
        for bad in ["call", "*", "Call.created", "call..created", "call.", ".*", "a.*.b", "call.*created", ""] {
            assert!(!is_type_or_family(bad), "{bad}");
        }
    }
}
