//! Rate limits: which ones a request counts against, and what an org has set in place of the configuration's.
//!
//! Counted against the narrowest first: a key that is used up does not use up the org. Resolved on each request from
//! what is in memory; what an org set is read once and dropped by every hub when it changes.

mod config;

use std::net::IpAddr;

use patchbay_limits::{AddressClass, LimitKey, Verdict, Wanted};
use patchbay_model::{
    Code, Failure, OrgId, Permission, PluginId, Violation,
    rate::{Endpoint, OrgRates, Rate, RateLimit},
};
use patchbay_storage::Change;
use serde_json::json;

pub use config::{Addresses, RateConfig};

use crate::{
    audit::Actor,
    auth::Caller,
    hub::{Hub, Inner},
    network::network,
    notes::AnswerNotes,
};

/// How many limits an org may set of one kind.
const MOST: usize = 1_000;

/// An org's rate limits, as the API shows them.
#[derive(Debug, Clone)]
pub struct RateLimitsView {
    /// What holds where nothing else is said.
    pub configured: RateConfig,
    /// What was set for the org.
    pub own: OrgRates,
}

impl Hub {
    /// Counts a request that is no call of a plugin.
    ///
    /// # Errors
    /// `rate_limited`, which names the limit.
    pub async fn admit(&self, caller: &Caller, endpoint: Endpoint, notes: &AnswerNotes) -> Result<(), Failure> {
        self.0.admit(caller, endpoint, None, notes).await
    }

    /// Counts a request to a route that needs no key. IPv6 is counted by networks of 64 bits, of which anybody has one.
    ///
    /// # Errors
    /// `rate_limited`.
    pub async fn admit_address(
        &self,
        class: AddressClass,
        address: IpAddr,
        notes: &AnswerNotes,
    ) -> Result<(), Failure> {
        let Some(rate) = self.0.config.rates.addresses.of(class) else { return Ok(()) };
        let key = LimitKey::Address(class, network(address));
        self.0.count(&[Wanted { key, rate }], notes).await
    }

    /// The org's rate limits. Needs the permission `read_settings`.
    pub async fn rate_limits(&self, caller: &Caller) -> Result<RateLimitsView, Failure> {
        caller.require(Permission::ReadSettings)?;
        self.rate_limits_of(caller.org).await
    }

    /// As [`Hub::rate_limits`], for the operator.
    pub async fn rate_limits_of(&self, org: OrgId) -> Result<RateLimitsView, Failure> {
        let own = self.0.rates_of(org).await?;
        Ok(RateLimitsView { configured: self.0.config.rates.clone(), own: (*own).clone() })
    }

    /// Sets all of the org's rate limits. Needs the permission `manage_installations`, and `operate_hub` to change the one over
    /// all that the org asks for: it protects the hub from the org.
    pub async fn put_rate_limits(&self, caller: &Caller, rates: OrgRates) -> Result<RateLimitsView, Failure> {
        caller.require(Permission::ManageInstallations)?;
        self.set_rate_limits(caller.org, caller.actor, rates, Some(caller)).await
    }

    /// As [`Hub::put_rate_limits`], for the operator.
    pub async fn put_rate_limits_of(&self, org: OrgId, rates: OrgRates) -> Result<RateLimitsView, Failure> {
        self.set_rate_limits(org, Actor::Operator, rates, None).await
    }

    /// `caller` needs `operator` to change the limit over all that the org asks for; none may.
    async fn set_rate_limits(
        &self,
        org: OrgId,
        actor: Actor,
        rates: OrgRates,
        caller: Option<&Caller>,
    ) -> Result<RateLimitsView, Failure> {
        let hub = &*self.0;
        check(&rates)?;
        let mut tx = hub.database.begin().await?;
        tx.org(org).lock().await?;
        let before = tx.org(org).rate_limits().get().await?.unwrap_or_default();
        // What is cached may be a minute old: with it a caller could put back what the operator has just changed.
        if let Some(caller) = caller
            && rates.org != before.org
        {
            caller.require(Permission::OperateHub)?;
        }
        let entry = hub.audit(org, actor, "rate_limits.put", org, json!({ "old": before, "new": rates }));
        tx.org(org).rate_limits().put(&rates, hub.clock.now()).await?;
        tx.org(org).audit().append(&entry).await?;
        tx.hub().notify(Change::Org { org }).await?;
        tx.commit().await?;
        hub.rates.invalidate(&org).await;
        Ok(RateLimitsView { configured: hub.config.rates.clone(), own: rates })
    }
}

impl Inner {
    /// Counts a request. `call` is the plugin that it calls, and the action if it is one.
    pub(crate) async fn admit(
        &self,
        caller: &Caller,
        endpoint: Endpoint,
        call: Option<(&PluginId, Option<&str>)>,
        notes: &AnswerNotes,
    ) -> Result<(), Failure> {
        // without the database nothing that changes anything is done, and whoever reads is told by what fails then
        let own = self.rates_of(caller.org).await.unwrap_or_default();
        let (configured, org) = (&self.config.rates, caller.org);
        let mut wanted = Vec::with_capacity(5);
        let mut add = |key: &dyn Fn() -> LimitKey, own: Option<RateLimit>, configured: Option<Rate>| {
            let limit = own.map_or(configured, RateLimit::rate);
            wanted.extend(limit.map(|rate| Wanted { key: key(), rate }));
        };
        if let Some((plugin, action)) = call {
            if let Some(action) = action {
                let set = own.action(plugin, action);
                add(&|| LimitKey::Action(org, plugin.clone(), action.to_owned()), set, configured.action);
            }
            let set = own.plugins.get(plugin).copied();
            add(&|| LimitKey::Plugin(org, plugin.clone()), set, configured.plugin);
        }
        let set = own.endpoints.get(&endpoint).copied();
        add(&|| LimitKey::Endpoint(org, endpoint), set, configured.endpoints.get(&endpoint).copied());
        if let Some(key) = caller.key() {
            let set = own.keys.get(&key).copied().or(own.key);
            add(&|| LimitKey::Key(org, key), set, configured.key);
        }
        add(&|| LimitKey::Org(org), own.org, configured.org);
        self.count(&wanted, notes).await
    }

    /// Counts a call of an action whose manifest says how often it may be called, unless the org has set a limit of its
    /// own or the configuration has one, both of which were counted before.
    pub(crate) async fn admit_by_manifest(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        action: &str,
        rate: Option<Rate>,
        notes: &AnswerNotes,
    ) -> Result<(), Failure> {
        let Some(rate) = rate else { return Ok(()) };
        if self.config.rates.action.is_some() || self.rates_of(caller.org).await?.action(plugin, action).is_some() {
            return Ok(());
        }
        let key = LimitKey::Action(caller.org, plugin.clone(), action.to_owned());
        self.count(&[Wanted { key, rate }], notes).await
    }

    async fn count(&self, wanted: &[Wanted], notes: &AnswerNotes) -> Result<(), Failure> {
        match self.limiter.check(wanted).await {
            Verdict::Allowed(standings) => {
                notes.note_standings(standings);
                Ok(())
            }
            Verdict::Refused { by, wait } => {
                metrics::counter!("patchbay_rate_limited_total", "limit" => by.name).increment(1);
                let detail = format!("the limit `{}` of {} is reached", by.name, by.rate);
                notes.note_refusal(by);
                Err(Failure::new(Code::RateLimited, detail).retry_after(wait))
            }
        }
    }

    async fn rates_of(&self, org: OrgId) -> Result<std::sync::Arc<OrgRates>, Failure> {
        let load = || async {
            let mut tx = self.database.read().await?;
            // what is missing is remembered too, or every request of most orgs would ask for it
            Ok::<_, Failure>(Some(tx.org(org).rate_limits().get().await?.unwrap_or_default()))
        };
        Ok(self.rates.get(&org, load).await?.unwrap_or_default())
    }
}

fn check(rates: &OrgRates) -> Result<(), Failure> {
    let mut violations = Vec::new();
    let counts = [("keys", rates.keys.len()), ("plugins", rates.plugins.len()), ("actions", rates.actions.len())];
    for (name, count) in counts {
        if count > MOST {
            violations.push(Violation { pointer: format!("/{name}"), expected: format!("at most {MOST} limits") });
        }
    }
    for name in rates.actions.keys() {
        let known = name.split_once('/').is_some_and(|(plugin, action)| {
            plugin.parse::<PluginId>().is_ok() && (1..=64).contains(&action.len()) && !action.contains('/')
        });
        if !known {
            let pointer = format!("/actions/{}", name.replace('~', "~0").replace('/', "~1"));
            violations.push(Violation {
                pointer,
                expected: "a plugin and an action, as in `openai/create-response`".to_owned(),
            });
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Failure::invalid(violations)) }
}

#[cfg(test)]
mod tests {
    use patchbay_model::org::Scope;

    use super::*;
    use crate::testing::TestHub;

    fn rates(text: &str) -> OrgRates {
        serde_json::from_str(text).unwrap()
    }

    async fn admitted(test: &TestHub, caller: &Caller) -> (Result<(), Code>, AnswerNotes) {
        let notes = AnswerNotes::default();
        let admitted = test.hub.admit(caller, Endpoint::Read, &notes).await;
        (admitted.map_err(|failure| failure.code), notes)
    }

    #[tokio::test]
    async fn what_an_org_sets_holds_at_once_for_its_keys_and_nobody_elses() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let (caller, other, neighbour) =
            (test.caller(&ours).await, test.caller(&ours).await, test.caller(&theirs).await);
        assert_eq!(admitted(&test, &caller).await.0, Ok(()));
        let text = format!(r#"{{"keys":{{"{}":"2/h"}}}}"#, caller.key().unwrap());
        test.hub.put_rate_limits(&caller, rates(&text)).await.unwrap();
        for _ in 0..2 {
            assert_eq!(admitted(&test, &caller).await.0, Ok(()));
        }
        let (refused, notes) = admitted(&test, &caller).await;
        assert_eq!(refused, Err(Code::RateLimited));
        assert_eq!(notes.standings().iter().map(|one| (one.name, one.remaining)).collect::<Vec<_>>(), [("key", 0)]);
        for other in [&other, &neighbour] {
            assert_eq!(admitted(&test, other).await.0, Ok(()));
        }
        let view = test.hub.put_rate_limits(&caller, rates(r#"{"key":"unlimited"}"#)).await.unwrap();
        assert_eq!(view.own.key, Some(RateLimit::Unlimited));
        assert_eq!(admitted(&test, &caller).await.0, Ok(()));
    }

    #[tokio::test]
    async fn an_answer_tells_how_each_limit_stands() {
        let test = TestHub::open().await;
        let caller = test.caller(&test.org().await).await;
        test.hub.put_rate_limits(&caller, rates(r#"{"endpoints":{"read":"10/min"}}"#)).await.unwrap();
        let (_, notes) = admitted(&test, &caller).await;
        let standings: Vec<_> = notes.standings().iter().map(|one| (one.name, one.remaining)).collect();
        assert_eq!(standings, [("endpoint", 9), ("key", 59_999), ("org", 119_999)]);
    }

    #[tokio::test]
    async fn the_limit_over_the_org_is_the_operators() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let mut caller = test.caller(&org).await;
        caller.permissions = Scope::all_permissions(&[Scope::Admin, Scope::Read]);
        let refused = test.hub.put_rate_limits(&caller, rates(r#"{"org":"unlimited"}"#)).await.unwrap_err();
        assert_eq!(refused.code, Code::ScopeMissing);
        test.hub.put_rate_limits_of(org.id, rates(r#"{"org":"5/s"}"#)).await.unwrap();
        test.hub.put_rate_limits(&caller, rates(r#"{"org":"5/s","key":"1/s"}"#)).await.unwrap();
        assert_eq!(test.hub.put_rate_limits(&caller, rates("{}")).await.unwrap_err().code, Code::ScopeMissing);
        caller.permissions = Scope::all_permissions(&[Scope::Read]);
        assert_eq!(test.hub.put_rate_limits(&caller, rates("{}")).await.unwrap_err().code, Code::ScopeMissing);
    }

    #[tokio::test]
    async fn what_another_hub_has_set_over_the_org_is_not_put_back_from_what_is_cached() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let mut caller = test.caller(&org).await;
        caller.permissions = Scope::all_permissions(&[Scope::Admin, Scope::Read]);
        assert_eq!(test.hub.rate_limits(&caller).await.unwrap().own, OrgRates::default(), "cached from here on");
        let hub = &test.hub.0;
        let mut tx = hub.database.begin().await.unwrap();
        tx.org(org.id).rate_limits().put(&rates(r#"{"org":"5/s"}"#), hub.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.hub.put_rate_limits(&caller, rates("{}")).await.unwrap_err().code, Code::ScopeMissing);
        test.hub.put_rate_limits(&caller, rates(r#"{"org":"5/s","key":"1/s"}"#)).await.unwrap();
    }

    #[tokio::test]
    async fn a_limit_of_what_cannot_be_is_refused_with_its_place() {
        let test = TestHub::open().await;
        let caller = test.caller(&test.org().await).await;
        for name in ["openai", "openai/", "Bad!/x", "a/b/c"] {
            let text = format!(r#"{{"actions":{{"{name}":"1/s"}}}}"#);
            let failure = test.hub.put_rate_limits(&caller, rates(&text)).await.unwrap_err();
            assert_eq!(failure.violations[0].pointer, format!("/actions/{}", name.replace('/', "~1")));
        }
    }
}
