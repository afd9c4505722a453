//! Links that lead to an export's file without a key, for an hour.
//!
//! A link is made of what it is for and when it ends, under the hub's own key: every hub can check it and none has to keep
//! it. It says which file and nothing of what is in it; that the file is still there, and who may see it, was asked when the
//! link was made, and the first is asked again when it is followed.

use chrono::DateTime;
use patchbay_model::{ExportId, OrgId, Timestamp};
use patchbay_vault::KeyHasher;
use secrecy::ExposeSecret as _;

/// Where links lead, without the hub's address.
const PATH: &str = "/downloads/";
/// What is derived.
const PURPOSE: &str = "link to an export";

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) org: OrgId,
    pub(super) export: ExportId,
    /// Whole seconds.
    pub(super) expires_at: Timestamp,
}

impl Link {
    /// The address that it has.
    pub(super) fn url(&self, public_url: &str, hasher: &KeyHasher) -> String {
        let text = self.text();
        let proof = hasher.derive(PURPOSE, &text);
        format!("{}{PATH}{text}.{}", public_url.trim_end_matches('/'), proof.expose_secret())
    }

    /// Reads what follows the path. Nothing for what no hub with this key has made, and for what is over.
    pub(super) fn check(text: &str, hasher: &KeyHasher, now: Timestamp) -> Option<Self> {
        let (of, proof) = text.rsplit_once('.')?;
        if !hasher.derives(PURPOSE, of, proof) {
            return None;
        }
        let mut parts = of.split('.');
        let (org, export, until) = (parts.next()?, parts.next()?, parts.next()?);
        let expires_at = DateTime::from_timestamp(until.parse().ok()?, 0)?;
        let link = Self { org: org.parse().ok()?, export: export.parse().ok()?, expires_at };
        (now < expires_at).then_some(link)
    }

    fn text(&self) -> String {
        format!("{}.{}.{}", self.org, self.export, self.expires_at.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let org = format!("org_{:032x}", 1).parse().unwrap();
        let export = format!("exp_{:032x}", 2).parse().unwrap();
        Link { org, export, expires_at: at(3_600) }
    }

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn text(hasher: &KeyHasher) -> String {
        let url = link().url("https://hub.example.com/", hasher);
        url.strip_prefix("https://hub.example.com/downloads/").unwrap().to_owned()
    }

    #[test]
    fn a_link_is_good_until_it_ends() {
        let hasher = KeyHasher::new([7; 32]);
        let text = text(&hasher);
        assert_eq!(Link::check(&text, &hasher, at(0)), Some(link()));
        assert_eq!(Link::check(&text, &hasher, at(3_599)), Some(link()));
        assert_eq!(Link::check(&text, &hasher, at(3_600)), None);
    }

    #[test]
    fn a_link_that_somebody_changed_leads_nowhere() {
        let hasher = KeyHasher::new([7; 32]);
        let text = text(&hasher);
        assert_eq!(Link::check(&text, &KeyHasher::new([8; 32]), at(0)), None, "of another hub");
        for (from, to) in [("org_0", "org_1"), ("exp_0", "exp_1"), (".18000", ".28000")] {
            assert!(text.contains(from));
            assert_eq!(Link::check(&text.replacen(from, to, 1), &hasher, at(0)), None, "{from}");
        }
        let end = text.len() - 5;
        for junk in ["", ".", "a.b.c.d", &text[..end], &format!("{text}A"), &text.replacen('.', "", 1)] {
            assert_eq!(Link::check(junk, &hasher, at(0)), None, "{junk}");
        }
    }
}
