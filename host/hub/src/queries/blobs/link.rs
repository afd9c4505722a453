//! Links that lead to a stored file without a key, for a day at most.
//!
//! A link is made of what it is for and when it ends, under the hub's own key: every hub can check it and none has to keep it.
//! That the file is still there is asked again when it is followed, so a file that was deleted takes its links along.

use chrono::DateTime;
use patchbay_model::{BlobId, OrgId, Timestamp};
use patchbay_vault::KeyHasher;
use secrecy::ExposeSecret as _;

/// Where links lead, without the hub's address.
const PATH: &str = "/files/";
/// What is derived.
const PURPOSE: &str = "link to a file";

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) org: OrgId,
    pub(super) blob: BlobId,
    /// Whole seconds.
    pub(super) expires_at: Timestamp,
}

impl Link {
    /// The address that it has.
    pub(super) fn url(&self, public_url: &str, hasher: &KeyHasher) -> String {
        let text = format!("{}.{}.{}", self.org, self.blob, self.expires_at.timestamp());
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
        let (org, blob, until) = (parts.next()?, parts.next()?, parts.next()?);
        let expires_at = DateTime::from_timestamp(until.parse().ok()?, 0)?;
        let link = Self { org: org.parse().ok()?, blob: blob.parse().ok()?, expires_at };
        (now < expires_at).then_some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let org = format!("org_{:032x}", 1).parse().unwrap();
        let blob = format!("blob_{:032x}", 2).parse().unwrap();
        Link { org, blob, expires_at: at(86_400) }
    }

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn text(hasher: &KeyHasher) -> String {
        let url = link().url("https://hub.example.com/", hasher);
        url.strip_prefix("https://hub.example.com/files/").unwrap().to_owned()
    }

    #[test]
    fn a_link_is_good_until_it_ends() {
        let hasher = KeyHasher::new([7; 32]);
        let text = text(&hasher);
        assert_eq!(Link::check(&text, &hasher, at(86_399)), Some(link()));
        assert_eq!(Link::check(&text, &hasher, at(86_400)), None);
    }

    #[test]
    fn a_link_that_somebody_changed_leads_nowhere() {
        let hasher = KeyHasher::new([7; 32]);
        let text = text(&hasher);
        assert_eq!(Link::check(&text, &KeyHasher::new([8; 32]), at(0)), None, "of another hub");
        for (from, to) in [("org_0", "org_1"), ("blob_0", "blob_1"), (".18000", ".28000")] {
            assert!(text.contains(from));
            assert_eq!(Link::check(&text.replacen(from, to, 1), &hasher, at(0)), None, "{from}");
        }
        let end = text.len() - 5;
        for junk in ["", ".", "a.b.c.d", &text[..end], &format!("{text}A"), &text.replacen('.', "", 1)] {
            assert_eq!(Link::check(junk, &hasher, at(0)), None, "{junk}");
        }
    }

    #[test]
    fn a_link_to_an_export_is_none_to_a_file() {
        let hasher = KeyHasher::new([7; 32]);
        let of = text(&hasher).rsplit_once('.').unwrap().0.to_owned();
        let proof = hasher.derive("link to an export", &of);
        assert_eq!(Link::check(&format!("{of}.{}", proof.expose_secret()), &hasher, at(0)), None);
    }
}
