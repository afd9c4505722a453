//! Settings that not every plan has.
//!
//! A member of a plugin's settings that is called `live_translation` says how calls are translated while they run, whichever plugin
//! it is of; the SDK has its type. It is put by an org whose plan has the feature, and is kept for one whose plan has it no more: the
//! plugin is then not told of it, from within a minute on.

use std::borrow::Cow;

use patchbay_model::{Failure, OrgId};
use serde_json::Value;

use crate::{hub::Inner, plans::catalogue::Feature};

/// The member.
const LIVE_TRANSLATION: &str = "live_translation";

/// Do the settings ask for what needs the feature?
pub(crate) fn is_asked_for(config: &Value) -> bool {
    config.get(LIVE_TRANSLATION).is_some_and(|asked| !asked.is_null())
}

/// The settings as the plugin is told of them.
pub(crate) fn told(config: &Value, withheld: bool) -> Cow<'_, Value> {
    if !withheld {
        return Cow::Borrowed(config);
    }
    let mut config = config.clone();
    if let Some(members) = config.as_object_mut() {
        members.remove(LIVE_TRANSLATION);
    }
    Cow::Owned(config)
}

impl Inner {
    /// Must the plugin not be told of what the settings ask for?
    pub(crate) async fn withholds(&self, org: OrgId, config: &Value) -> Result<bool, Failure> {
        Ok(is_asked_for(config) && !self.has_feature(org, Feature::LiveTranslation).await?)
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::Code;
    use serde_json::json;

    use super::*;
    use crate::testing::TestHub;

    #[test]
    fn only_what_is_gated_is_withheld() {
        let config = json!({"live_translation": {"target_language": "de"}, "voice": "x"});
        assert!(is_asked_for(&config) && !is_asked_for(&json!({"live_translation": null})));
        assert_eq!(*told(&config, false), config);
        assert_eq!(*told(&config, true), json!({"voice": "x"}));
    }

    #[tokio::test]
    async fn live_translation_is_for_business_and_above() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let config = json!({"live_translation": {}});
        for (plan, withheld) in [("pro", true), ("business", false), ("enterprise", false), ("free", true)] {
            test.hub.set_plan(org.id, plan, None).await.unwrap();
            assert_eq!(test.hub.0.withholds(org.id, &config).await.unwrap(), withheld, "{plan}");
            let required = test.hub.0.require_feature(org.id, Feature::LiveTranslation).await;
            assert_eq!(required.is_err_and(|failure| failure.code == Code::PlanRequired), withheld, "{plan}");
        }
        assert!(!test.hub.0.withholds(org.id, &json!({})).await.unwrap());
    }
}
