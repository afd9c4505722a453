//! Links that a person opens to connect an account.
//!
//! A ticket is what somebody asked for: random, stored as its hash, good once and for an hour. The link to reconnect is of
//! another kind, because it stands in events and answers for as long as nobody has followed it: it is made of what it is
//! for, under the hub's own key, so that every hub can make it again and none has to keep it. It ends with the
//! authorization that it would replace. It carries next to no right, since all who may read events have it: only the
//! account that was connected before comes back by it.

use patchbay_model::{OrgId, PluginId, Timestamp};
use patchbay_oauth::StateHash;
use patchbay_vault::KeyHasher;
use secrecy::{ExposeSecret as _, SecretString};

/// Where links lead, without the hub's address.
const PATH: &str = "/oauth/connect/";
/// The length of tickets and nonces: 256 bits in base64url.
const LENGTH: usize = 43;

/// What a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// By the hash of its ticket.
    Ticket(StateHash),
    /// To bring back the account of a connection.
    Reconnect {
        /// Whose.
        org: OrgId,
        /// Of which plugin.
        plugin: PluginId,
        /// That the hub made it; not checked yet.
        proof: String,
    },
}

impl Link {
    /// Reads what follows the path. Nothing for what the hub cannot have made.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if is_unguessable(text) {
            return Some(Self::Ticket(StateHash::of(text)));
        }
        let mut parts = text.splitn(3, '.');
        let (org, plugin, proof) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self::Reconnect { org: org.parse().ok()?, plugin: plugin.parse().ok()?, proof: proof.to_owned() })
    }
}

/// True for what could be a ticket or a nonce.
pub(crate) fn is_unguessable(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Makes links.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    public_url: String,
    hasher: KeyHasher,
}

impl Links {
    pub(crate) fn new(public_url: &str, hasher: KeyHasher) -> Self {
        Self { public_url: public_url.trim_end_matches('/').to_owned(), hasher }
    }

    /// The link with this ticket.
    pub(crate) fn ticket(&self, ticket: &SecretString) -> String {
        format!("{}{PATH}{}", self.public_url, ticket.expose_secret())
    }

    /// The link that brings back the account of a connection which was authorized then.
    pub(crate) fn reconnect(&self, org: OrgId, plugin: &PluginId, authorized_at: Timestamp) -> String {
        format!("{}{PATH}{org}.{plugin}.{}", self.public_url, self.proof(org, plugin, authorized_at))
    }

    /// True if the hub made the link for this authorization.
    pub(crate) fn proves(&self, org: OrgId, plugin: &PluginId, authorized_at: Timestamp, proof: &str) -> bool {
        same(&self.proof(org, plugin, authorized_at), proof)
    }

    /// What the form on a link's page sends along: another site's form cannot know it for a browser's nonce.
    pub(crate) fn form(&self, link: &str, nonce: &str) -> String {
        hex::encode(self.hasher.hash(&format!("patchbay connect form 1\n{link}\n{nonce}")))
    }

    /// True if the page of this link was shown to the browser with this nonce.
    pub(crate) fn was_shown(&self, link: &str, nonce: &str, form: &str) -> bool {
        same(&self.form(link, nonce), form)
    }

    fn proof(&self, org: OrgId, plugin: &PluginId, authorized_at: Timestamp) -> String {
        let at = authorized_at.timestamp_micros();
        hex::encode(self.hasher.hash(&format!("patchbay reconnect 1\n{org}\n{plugin}\n{at}")))
    }
}

/// Compares hashes of both: how far they agree tells nothing of either.
fn same(known: &str, given: &str) -> bool {
    StateHash::of(known) == StateHash::of(given)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn links() -> Links {
        Links::new("https://hub.example.com/", KeyHasher::new([7; 32]))
    }

    fn org(number: u128) -> OrgId {
        format!("org_{number:032x}").parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn a_ticket_is_known_by_its_hash() {
        let url = links().ticket(&"t".repeat(43).into());
        let text = url.strip_prefix("https://hub.example.com/oauth/connect/").unwrap();
        assert_eq!(Link::parse(text), Some(Link::Ticket(StateHash::of(text))));
    }

    #[test]
    fn a_link_to_reconnect_is_for_one_authorization_of_one_connection() {
        let (links, plugin) = (links(), "demo".parse::<PluginId>().unwrap());
        let url = links.reconnect(org(1), &plugin, at(0));
        let Some(Link::Reconnect { org: of, plugin: read, proof }) =
            Link::parse(url.strip_prefix("https://hub.example.com/oauth/connect/").unwrap())
        else {
            panic!("{url}")
        };
        assert_eq!((of, &read), (org(1), &plugin));
        assert!(links.proves(of, &read, at(0), &proof));
        assert!(!links.proves(org(2), &plugin, at(0), &proof), "of another org");
        assert!(!links.proves(org(1), &"other".parse().unwrap(), at(0), &proof), "of another plugin");
        assert!(!links.proves(org(1), &plugin, at(1), &proof), "after it was authorized anew");
        assert!(!Links::new("", KeyHasher::new([8; 32])).proves(org(1), &plugin, at(0), &proof), "of another hub");
    }

    #[test]
    fn a_form_is_for_one_link_and_one_browser() {
        let links = links();
        let form = links.form("link", "nonce");
        assert!(links.was_shown("link", "nonce", &form));
        assert!(!links.was_shown("other", "nonce", &form) && !links.was_shown("link", "other", &form));
    }

    #[test]
    fn junk_is_no_link() {
        for text in ["", "x", "a.b", "a.b.c", &format!("{}.1x.c", org(1)), &"t".repeat(44), &"é".repeat(21)] {
            assert_eq!(Link::parse(text), None, "{text}");
        }
    }
}
