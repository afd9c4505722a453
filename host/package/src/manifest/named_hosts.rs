//! Destinations whose host an organization names in its settings.
//!
//! Some vendors' protocols are spoken by many: a model in the organization's own cloud, a gateway, a product that it runs
//! itself. The manifest cannot know those hosts, so it says where in the settings one stands and what may be asked of it;
//! an admin approves the host itself. A pattern that covers any host (`*`) was rejected: it would be the plugin's code that
//! chooses, and not a person.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Egress;
use crate::endpoint::{self, InvalidEndpoint};

/// A destination whose host is in the org's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NamedHost {
    /// JSON Pointer into the settings, to the URL of the service, as in `/base_url`. Of the URL only the host counts. Where the
    /// settings have nothing there, nothing is reached by this.
    pub setting: String,
    /// HTTP methods, as in [`Egress::methods`].
    pub methods: Vec<String>,
    /// Path patterns, as in [`Egress::paths`].
    pub paths: Vec<String>,
    /// As [`Egress::pauses`].
    #[serde(default = "super::yes", skip_serializing_if = "super::is_true")]
    pub pauses: bool,
}

impl NamedHost {
    /// The destination that these settings name; none if they name none.
    ///
    /// # Errors
    /// If what they name is not an https URL of a full host name: no address, no port, no user.
    pub fn resolve(&self, settings: &Value) -> Result<Option<Egress>, InvalidEndpoint> {
        let text = match settings.pointer(&self.setting) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.as_str().unwrap_or_default(),
        };
        let url = endpoint::check(text.strip_suffix('/').unwrap_or(text))?;
        Ok(Some(Egress {
            host: url.host_str().unwrap_or_default().to_owned(),
            methods: self.methods.clone(),
            paths: self.paths.clone(),
            idempotency_header: None,
            pauses: self.pauses,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(base_url: Value) -> Result<Option<String>, InvalidEndpoint> {
        let named: NamedHost =
            serde_json::from_value(json!({"setting": "/base_url", "methods": ["GET"], "paths": ["/**"]})).unwrap();
        named.resolve(&json!({"base_url": base_url})).map(|found| found.map(|egress| egress.host))
    }

    #[test]
    fn the_host_of_a_url_is_what_is_named() {
        for url in [
            "https://acme.openai.azure.com/openai/v1",
            "https://acme.openai.azure.com/",
            "https://acme.openai.azure.com",
        ] {
            assert_eq!(named(json!(url)).unwrap().as_deref(), Some("acme.openai.azure.com"), "{url}");
        }
        assert_eq!(named(Value::Null), Ok(None));
    }

    #[test]
    fn what_is_no_full_host_name_is_refused() {
        for url in [
            "http://models.example.com/v1",
            "https://10.0.0.1/v1",
            "https://[::1]/v1",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://localhost/v1",
            "https://models.example.com:8443/v1",
            "https://user:key@models.example.com/v1",
            "https://*.example.com/v1",
            "https://Models.example.com/v1",
            "https://models.example.com./v1",
            "https://models.example.com/v1/../admin",
            "https://models.example.com/v1#x",
            "models.example.com",
            "",
        ] {
            assert!(named(json!(url)).is_err(), "{url}");
        }
        assert!(named(json!(5)).is_err());
    }
}
