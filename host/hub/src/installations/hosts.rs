//! Hosts that an installation's settings name, and that somebody approved.

use std::collections::BTreeSet;

use patchbay_model::{Failure, installation::Installation};
use patchbay_package::{Manifest, capabilities};

/// Sees to it that what the settings name is approved, and that nothing else is: a host that they named once is approved
/// anew before they name it again.
pub(super) fn check(manifest: &Manifest, installation: &mut Installation, given: &[String]) -> Result<(), Failure> {
    let mut named = BTreeSet::new();
    for listed in &manifest.named_hosts {
        match listed.resolve(&installation.config) {
            Ok(found) => named.extend(found.map(|destination| destination.host)),
            Err(error) => return Err(Failure::violation(format!("/config{}", listed.setting), error.to_string())),
        }
    }
    if let Some(index) = given.iter().position(|host| !named.contains(host)) {
        return Err(Failure::violation(format!("/hosts/{index}"), "a host that the settings name"));
    }
    let Some(approved) = &mut installation.approved else { return Ok(()) };
    if let Some(host) = named.iter().find(|host| !approved.contains(&capabilities::names_host(host))) {
        return Err(Failure::violation(
            "/hosts",
            format!("a list with {host:?}: the settings name that host, and what is sent there has to be approved"),
        ));
    }
    let old: Vec<_> = capabilities::approved_hosts(approved).filter(|host| !named.contains(*host)).collect();
    let old: Vec<_> = old.into_iter().map(capabilities::names_host).collect();
    for grant in old {
        approved.remove(&grant);
    }
    Ok(())
}

pub(super) fn of(installation: &Installation) -> Vec<String> {
    let approved = installation.approved.iter().flat_map(capabilities::approved_hosts);
    approved.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use patchbay_model::{InstallationId, Timestamp, installation::VersionPolicy};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_that_settings_name_is_approved_by_name_and_forgotten_when_they_name_another() {
        let manifest: Manifest = serde_json::from_value(json!({
            "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0",
            "named-hosts": [{"setting": "/base_url", "methods": ["POST"], "paths": ["/**"]}],
        }))
        .unwrap();
        let mut installation = Installation {
            id: InstallationId(uuid::Uuid::nil()),
            org: patchbay_model::OrgId(uuid::Uuid::nil()),
            plugin: "demo".parse().unwrap(),
            enabled: true,
            config: json!({"base_url": "https://one.example.com/v1"}),
            policy: VersionPolicy::default(),
            approved: Some(BTreeSet::new()),
            hook_token: String::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        let mut put = |base_url: &str, hosts: &[&str]| {
            installation.config = json!({ "base_url": base_url });
            let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let approved = installation.approved.get_or_insert_default();
            approved.extend(hosts.iter().map(|host| capabilities::names_host(host)));
            let checked = check(&manifest, &mut installation, &hosts);
            checked.map(|()| of(&installation)).map_err(|failure| failure.violations[0].pointer.clone())
        };
        let one = "https://one.example.com/v1";
        assert_eq!(put(one, &[]), Err("/hosts".to_owned()));
        assert_eq!(put(one, &["one.example.com"]), Ok(vec!["one.example.com".to_owned()]));
        assert_eq!(put(one, &[]), Ok(vec!["one.example.com".to_owned()]));
        assert_eq!(put("https://10.0.0.1/v1", &[]), Err("/config/base_url".to_owned()));
        assert_eq!(put("https://two.example.com", &["one.example.com"]), Err("/hosts/0".to_owned()));
        assert_eq!(put("https://two.example.com", &["two.example.com"]), Ok(vec!["two.example.com".to_owned()]));
        assert_eq!(put(one, &[]), Err("/hosts".to_owned()));
    }
}
