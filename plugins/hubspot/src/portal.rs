//! The account behind the connection, which HubSpot calls a portal.

use std::time::Duration;

use patchbay_sdk::{Error, installation, kv};
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::resource::Resource;

/// How long what is known of it holds.
const KEPT: Duration = Duration::from_secs(6 * 3_600);

/// The same of a connection that has no name: whose token was put last is not known by anything else.
const KEPT_UNNAMED: Duration = Duration::from_secs(5 * 60);

/// HubSpot's app in most regions.
const APP: &str = "app.hubspot.com";

/// What HubSpot tells of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Portal {
    /// HubSpot's number of it. In OAuth's answers it is the `hub_id`, in webhooks the `portalId`.
    #[serde(rename = "portalId")]
    pub(crate) id: u64,
    /// Where people use it.
    #[serde(rename = "uiDomain", default)]
    ui_domain: Option<String>,
    /// ISO 4217: of amounts that name no currency.
    #[serde(rename = "companyCurrency", default)]
    currency: Option<String>,
    #[serde(rename = "accountType", default)]
    pub(crate) kind: Option<String>,
    #[serde(rename = "timeZone", default)]
    pub(crate) time_zone: Option<String>,
}

impl Portal {
    /// The connection's. HubSpot is asked every few hours, and when another account was connected; every few minutes where a token
    /// was put that names no account.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn load(api: &Api) -> Result<Self, Error> {
        let name = installation::connection().and_then(|connection| connection.name).unwrap_or_default();
        let key = key(&name);
        let kept = kv::get(&key)?.and_then(|entry| serde_json::from_slice(&entry.value).ok());
        if let Some(portal) = kept {
            return Ok(portal);
        }
        let portal = Self::ask(api)?;
        let value = serde_json::to_vec(&portal).map_err(|error| Error::Internal(error.to_string()))?;
        let kept = if name.is_empty() { KEPT_UNNAMED } else { KEPT };
        kv::set(&key, &value, Some(kept), None)?;
        Ok(portal)
    }

    /// As HubSpot tells it now.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn ask(api: &Api) -> Result<Self, Error> {
        api.get(&api.account(), &[])
    }

    /// Where a person sees one of its objects.
    pub(crate) fn link(&self, resource: Resource, id: &str) -> String {
        format!("https://{}/contacts/{}/record/{}/{id}", self.domain(), self.id, resource.type_id())
    }

    /// The currency of amounts that name none.
    pub(crate) fn currency(&self) -> Option<&str> {
        self.currency.as_deref().filter(|code| is_currency(code))
    }

    /// HubSpot's own, whatever was told.
    fn domain(&self) -> &str {
        let own = |domain: &&str| {
            domain.ends_with(".hubspot.com")
                && domain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        };
        self.ui_domain.as_deref().filter(own).unwrap_or(APP)
    }
}

/// True for a code of ISO 4217.
pub(crate) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Keys are short; a name that people gave need not be.
fn key(name: &str) -> String {
    let name: String = name.chars().take(40).collect();
    format!("portal:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_hubspot_and_nowhere_else() {
        let portal = |domain: &str| Portal { id: 62515, ui_domain: Some(domain.to_owned()), ..Portal::default() };
        let link = portal("app-eu1.hubspot.com").link(Resource::Deals, "7");
        assert_eq!(link, "https://app-eu1.hubspot.com/contacts/62515/record/0-3/7");
        for domain in ["evil.example", "evil.example/.hubspot.com", "hubspot.com.evil.example", "a@x.hubspot.com"] {
            let link = portal(domain).link(Resource::Contacts, "7");
            assert_eq!(link, "https://app.hubspot.com/contacts/62515/record/0-1/7", "{domain}");
        }
    }
}
