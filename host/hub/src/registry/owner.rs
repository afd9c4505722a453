//! Whose a plugin's id is.
//!
//! Installations move to a plugin's newest version by themselves and bring their credentials along, so an
//! id must not change hands unnoticed: the first publisher that signs a version keeps it. Another
//! publisher, trusted or not, and a package that nobody signed are refused unless the operator says that
//! the id may change hands. Rejected: an owner in the configuration for each id, which nobody would keep up.

use patchbay_model::{Code, Failure, PluginId};
use patchbay_package::Package;
use patchbay_storage::PluginVersion;

use crate::hub::Inner;

impl Inner {
    /// `package_signature_invalid` for a package of another publisher than the plugin's. A package that
    /// was taken once is taken again.
    pub(super) async fn check_owner(&self, package: &Package) -> Result<(), Failure> {
        let id = &package.manifest.id;
        if self.config.new_publisher_of.contains(id) {
            return Ok(());
        }
        let mut tx = self.database.read().await?;
        let versions = tx.hub().plugin_versions().await?;
        drop(tx);
        let versions: Vec<_> = versions.into_iter().filter(|version| version.plugin == *id).collect();
        if versions.iter().any(|version| version.digest == package.digest) {
            return Ok(());
        }
        check(id, owner(&versions), package.publisher.as_deref())
    }
}

/// Who signed last, of those whose packages were taken.
fn owner(versions: &[PluginVersion]) -> Option<&str> {
    let signed = versions.iter().filter_map(|version| Some((version.created_at, version.publisher.as_deref()?)));
    signed.max_by_key(|(at, _)| *at).map(|(_, publisher)| publisher)
}

fn check(id: &PluginId, owner: Option<&str>, publisher: Option<&str>) -> Result<(), Failure> {
    let Some(owner) = owner.filter(|owner| Some(*owner) != publisher) else { return Ok(()) };
    let signed = publisher.map_or_else(|| "nobody signed".to_owned(), |publisher| format!("{publisher} signed"));
    let detail = format!(
        "the plugin `{id}` is published by {owner}, and this package is one that {signed}: if that is right, \
         the operator adds {id:?} to `new_publisher_of` in the section `plugins` of the configuration",
        id = id.as_str()
    );
    Err(Failure::new(Code::PackageSignatureInvalid, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_with_who_signed_it() {
        let id: PluginId = "demo".parse().unwrap();
        for (owner, publisher, taken) in [
            (None, None, true),
            (None, Some("A"), true),
            (Some("A"), Some("A"), true),
            (Some("A"), Some("B"), false),
            (Some("A"), None, false),
        ] {
            assert_eq!(check(&id, owner, publisher).is_ok(), taken, "{owner:?} {publisher:?}");
        }
        let told = check(&id, Some("A"), Some("B")).unwrap_err();
        assert_eq!(told.code, Code::PackageSignatureInvalid);
        assert!(told.detail.contains("new_publisher_of"), "{told}");
    }
}
