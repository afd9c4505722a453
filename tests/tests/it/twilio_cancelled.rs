//! Organizations whose subscriptions begin and end while Twilio fails at random and the hub is killed: in the end no number is
//! paid for that nobody owns, none was ever bought twice, and the comparison with Twilio says so.
//!
//! `PATCHBAY_CANCEL_ORGS` says how many organizations there are, `PATCHBAY_CANCEL_KILLS` how often the hub is killed, and
//! `PATCHBAY_CRASH_SEED` repeats the choices of another time (not its timing).

use std::{collections::BTreeSet, io::Write as _, time::Duration};

use patchbay_model::{Clock as _, Random as _, SeededRandom, SystemClock, SystemRandom};
use patchbay_tests::{
    Fixture, Org, StripeSender, TestHub, Twilio,
    hub::HubProcess,
    stripe::vector::SECRET,
    twilio::{ACCOUNT, TOKEN},
};
use serde_json::{Value, json};

/// Organizations of an ordinary run of all tests.
const ORGS: u64 = 6;
/// How often the hub is killed in one.
const KILLS: u64 = 4;
/// Of a thousand requests to Twilio so many fail.
const FAILURES: u64 = 150;
/// Until when nothing may be left. On PostgreSQL the work of a hub that was killed is taken up when its leases end.
const DONE_IN: Duration = Duration::from_secs(900);
/// How often it is looked whether something is left.
const LOOK: Duration = Duration::from_millis(250);

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, and can be a whole number")))
}

fn any_seed() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    u64::from_le_bytes(bytes) % 1_000_000
}

/// An organization, and where Stripe's webhooks reach it.
struct Tenant {
    org: Org,
    hook: String,
    subscription: String,
}

struct Scene {
    hub: HubProcess,
    twilio: Twilio,
    tenants: Vec<Tenant>,
    dice: SeededRandom,
    kills: u64,
}

impl Scene {
    async fn start(orgs: u64, kills: u64, seed: u64) -> Self {
        let twilio = Twilio::start().await;
        let hub = TestHub::start().await;
        let mut tenants = Vec::new();
        for index in 0..orgs {
            let org = hub.org(&format!("org-{index}")).await;
            if index == 0 {
                for plugin in ["stripe", "twilio"] {
                    let _ = org.upload(Fixture::plugin(plugin).pack()).await.expect(201);
                }
            }
            let installed = org.install("stripe", json!({})).await.expect(200).json();
            let _ = org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
            let settings = json!({
                "account_sid": ACCOUNT,
                "prices": [{"country": "US", "kind": "local", "monthly": 115, "currency": "USD"}],
                "provisioning": {"follow": "stripe", "country": "US", "kind": "local", "grace_hours": 0},
            });
            let _ = org.install("twilio", settings).await.expect(200);
            let _ = org.connect("twilio", "auth_token", TOKEN).await.expect(200);
            let hook = installed["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
            tenants.push(Tenant { org, hook, subscription: format!("sub_{index}") });
        }
        let settings = format!(
            "[upstreams]\n\"api.twilio.com\" = \"{}\"\n[rate_limits]\norg = \"unlimited\"\nkey = \"unlimited\"\n\
             addresses = {{ webhooks = \"unlimited\" }}\n",
            twilio.url()
        );
        let hub = HubProcess::in_place_of(hub, &settings).await;
        Self { hub, twilio, tenants, dice: SeededRandom::new(seed), kills }
    }

    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.dice.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound.max(1)
    }

    /// Ends the hub and starts it again, if there are deaths left and the dice say so.
    async fn maybe_kill(&mut self, of: u64) {
        if self.kills > 0 && self.below(of) < self.kills {
            self.kills -= 1;
            self.hub.kill().await;
            self.hub.start_again().await;
        }
    }

    /// Sends what Stripe would until it is acknowledged.
    async fn tell(&self, tenant: usize, kind: &str, status: &str, created: i64) {
        let Tenant { org, hook, subscription } = &self.tenants[tenant];
        let event = json!({
            "id": format!("evt_{subscription}_{kind}"), "object": "event", "api_version": "2026-10-28.endive",
            "created": created, "type": format!("customer.subscription.{kind}"), "livemode": false, "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": null},
            "data": {"object": {"id": subscription, "object": "subscription", "status": status, "items": {"data": []}}},
        });
        let org = self.hub.see(org);
        let reply = StripeSender::new(SECRET).post(&org, hook, event.to_string()).send().await;
        let _ = reply.expect(200);
    }

    /// True once both events of a tenant were taken in, and nothing is left to do for it.
    async fn is_at_rest(&self, tenant: &Tenant, events: usize) -> bool {
        let org = self.hub.see(&tenant.org);
        // first, because what an event plans is there as soon as the event is taken in
        let taken = org.get("/v1/jobs?kind=event&status=done&limit=200").await.expect(200).json();
        if taken["items"].as_array().unwrap().len() < events {
            return false;
        }
        for status in ["queued", "running"] {
            let page = org.get(&format!("/v1/jobs?status={status}&limit=200")).await.expect(200).json();
            // what the clock asks for, each hour and each night, waits for up to half an hour
            if page["items"].as_array().unwrap().iter().any(|job| job["schedule"].is_null()) {
                return false;
            }
        }
        true
    }

    async fn at_rest(&self, events: usize) {
        let all = async {
            let mut looks = tokio::time::interval(LOOK);
            for tenant in &self.tenants {
                while !self.is_at_rest(tenant, events).await {
                    looks.tick().await;
                }
            }
        };
        if tokio::time::timeout(DONE_IN, all).await.is_err() {
            panic!("paid for: {:#?}, log:\n{}", self.twilio.paid_for(), self.hub.log());
        }
    }

    async fn reconcile(&self, tenant: &Tenant) -> Value {
        let org = self.hub.see(&tenant.org);
        org.act("twilio", "reconcile", &json!({})).await.expect(200).json()["output"].clone()
    }
}

pub async fn no_number_stays_paid_for_that_nobody_owns_whatever_fails_and_whoever_is_killed() {
    let orgs = number("PATCHBAY_CANCEL_ORGS").unwrap_or(ORGS);
    let kills = number("PATCHBAY_CANCEL_KILLS").unwrap_or(KILLS);
    let seed = number("PATCHBAY_CRASH_SEED").unwrap_or_else(any_seed);
    let _ = writeln!(std::io::stderr(), "{orgs} organizations, {kills} kills, PATCHBAY_CRASH_SEED={seed}");
    let mut scene = Scene::start(orgs, kills, seed).await;
    scene.twilio.fail_at_random(seed, FAILURES);
    let now = SystemClock.now().timestamp();
    let count = usize::try_from(orgs).unwrap();

    // they begin; every third ends before anybody knows whether it has its number
    let steps = orgs * 2;
    for tenant in 0..count {
        scene.tell(tenant, "created", "active", now).await;
        scene.maybe_kill(steps).await;
        if tenant % 3 == 2 {
            scene.tell(tenant, "deleted", "canceled", now + 1).await;
        }
    }
    scene.at_rest(1).await;
    let lasting = (0..count).filter(|tenant| tenant % 3 != 2).count();
    assert!(scene.twilio.paid_for().len() >= lasting, "who pays has a number: {:#?}", scene.twilio.paid_for());

    // they end
    for tenant in (0..count).filter(|tenant| tenant % 3 != 2) {
        scene.tell(tenant, "deleted", "canceled", now + 2).await;
        scene.maybe_kill(steps).await;
    }
    if scene.kills == kills && kills > 0 {
        scene.hub.kill().await;
        scene.hub.start_again().await;
    }
    scene.at_rest(2).await;
    scene.twilio.fail_at_random(0, 0);

    // what is still there is found by the comparison, and the one after it finds nothing
    for tenant in &scene.tenants {
        let first = scene.reconcile(tenant).await;
        assert_eq!(first["settled"], true, "{first:#}");
        let second = scene.reconcile(tenant).await;
        assert_eq!((&second["settled"], &second["findings"], &second["marked"]), (&json!(true), &json!([]), &json!(0)));
        assert_eq!(second["claims"], 0, "{second:#}");
    }
    assert_eq!(scene.twilio.paid_for(), [], "paid for and owned by nobody");

    // one purchase for each name, and each name is one claim's
    let bought = scene.twilio.bought();
    let names: BTreeSet<&str> = bought.iter().map(|number| number.friendly_name.as_str()).collect();
    assert_eq!(names.len(), bought.len(), "something was bought twice: {bought:#?}");
    assert!(names.iter().all(|name| name.starts_with("pb:")), "{names:?}");
    assert!(bought.len() >= lasting && bought.len() <= count, "{} purchases for {count}", bought.len());
    assert_eq!(scene.twilio.violations(), Vec::<String>::new());
}
