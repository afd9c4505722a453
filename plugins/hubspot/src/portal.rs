//! The account behind the connection, which HubSpot calls a portal.

use std::time::Duration;

use patchbay_sdk::{Error, installation, kv};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Api;
use crate::resource::Resource;

/// How long what is known of it holds. Of a token that is pasted nothing tells that it is another account's: until then amounts would be in the
/// other's currency.
const KEPT: Duration = Duration::from_secs(600);

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
    /// Of amounts that name one.
    #[serde(rename = "additionalCurrencies", default)]
    currencies: Option<Vec<Value>>,
    #[serde(rename = "accountType", default)]
    pub(crate) kind: Option<String>,
    #[serde(rename = "timeZone", default)]
    pub(crate) time_zone: Option<String>,
}

impl Portal {
    /// The connection's. HubSpot is asked every few minutes, and when an account of another name was connected.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn load(api: &Api) -> Result<Self, Error> {
        let kept = kv::get(&key())?.and_then(|entry| serde_json::from_slice(&entry.value).ok());
        if let Some(portal) = kept {
            return Ok(portal);
        }
        Self::ask(api)
    }

    /// As HubSpot tells it now.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn ask(api: &Api) -> Result<Self, Error> {
        let portal: Self = api.get(&api.account(), &[])?;
        let value = serde_json::to_vec(&portal).map_err(|error| Error::Internal(error.to_string()))?;
        kv::set(&key(), &value, Some(KEPT), None)?;
        Ok(portal)
    }

    /// Where a person sees one of its objects.
    pub(crate) fn link(&self, resource: Resource, id: &str) -> String {
        format!("https://{}/contacts/{}/record/{}/{id}", self.domain(), self.id, resource.type_id())
    }

    /// The currency of amounts that name none.
    pub(crate) fn currency(&self) -> Option<&str> {
        self.currency.as_deref().filter(|code| is_currency(code))
    }

    /// True if amounts can be in several currencies.
    pub(crate) fn has_currencies(&self) -> bool {
        self.currencies.as_ref().is_some_and(|currencies| !currencies.is_empty())
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
fn key() -> String {
    let name = installation::connection().and_then(|connection| connection.name).unwrap_or_default();
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
