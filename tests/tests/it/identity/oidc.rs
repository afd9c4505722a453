//! Signing in by an identity provider, from the hub's redirect to a session.

use std::sync::Arc;

use chrono::Duration;
use patchbay_hub::{Caller, OidcConfig, OidcSettings, Provision};
use patchbay_model::{ManualClock, identity::Role};
use patchbay_package::manifest::oauth::JwtAlgorithm;
use patchbay_tests::{Browser, IdentityProvider, Org, Reply, TestHub, assert_clean, hub::Setup};
use serde_json::{Value, json};

use super::scene::{PASSWORD, add, clock, sign_in};

pub const HOST: &str = "id.example";
/// Of the hub's client at the provider.
pub const SECRET: &str = "canary+oidc/secret=";

pub struct OidcScene {
    pub hub: TestHub,
    pub org: Org,
    pub provider: IdentityProvider,
    pub clock: Arc<ManualClock>,
}

fn setup(provider: &IdentityProvider, clock: &Arc<ManualClock>, edit: fn(&mut OidcConfig)) -> Setup {
    let mut oidc = OidcConfig {
        provider: OidcSettings {
            issuer: provider.issuer().to_owned(),
            client_id: "hub".to_owned(),
            client_secret: Some(SECRET.into()),
        },
        allowed_domains: Vec::new(),
        trust_unverified_email: false,
        provision: None,
    };
    edit(&mut oidc);
    let setup = TestHub::setup().upstream(HOST, &provider.url()).clock(clock.clone());
    setup.edit(move |config| config.oidc = Some(oidc))
}

impl OidcScene {
    pub async fn start(edit: fn(&mut OidcConfig)) -> Self {
        Self::with(JwtAlgorithm::Es256, edit).await
    }

    pub async fn with(algorithm: JwtAlgorithm, edit: fn(&mut OidcConfig)) -> Self {
        let clock = clock();
        let provider = IdentityProvider::start(HOST, SECRET, algorithm, clock.clone()).await;
        let hub = setup(&provider, &clock, edit).start().await;
        provider.register(&format!("{}/v1/oidc/callback", hub.url));
        let org = hub.org("acme").await;
        Self { hub, org, provider, clock }
    }

    /// Where the provider sends a browser back to that the hub sent there.
    pub async fn go(&self, browser: &Browser, body: &Value) -> String {
        let begun = browser.post("/v1/oidc/authorize", body).await.expect(200).json();
        let url = begun["url"].as_str().unwrap().replace(self.provider.issuer(), &self.provider.url());
        let back = browser.visit(&url).await;
        back.strip_prefix(&self.hub.url).unwrap().to_owned()
    }

    /// Signs in, and gives the page that the person sees.
    pub async fn sign_in(&self, browser: &Browser, body: &Value) -> Reply {
        let back = self.go(browser, body).await;
        browser.get(&back).await
    }
}

pub async fn a_known_address_signs_in_and_is_known_by_its_subject_from_then_on() {
    let scene = OidcScene::start(|_| {}).await;
    add(&scene.hub, &scene.org, "ada@example.com", Role::Admin).await;
    let browser = Browser::new(&scene.hub);
    let page = scene.sign_in(&browser, &json!({})).await.expect(200);
    assert!(page.text().contains("You are signed in"), "{}", page.text());
    assert_eq!(browser.cookie("__Host-patchbay_oidc"), None);
    let who = browser.get("/v1/session").await.expect(200).json();
    assert_eq!((&who["user"]["email"], &who["session"]["method"]), (&json!("ada@example.com"), &json!("oidc")));
    assert_eq!(who["session"]["role"], "admin");
    let log = scene.org.get("/v1/audit?action=session.create").await.expect(200).json();
    assert!(log["items"][0]["request_id"].is_string(), "which request it was is known: {log}");

    // The address may change at the provider: the subject is who it is.
    scene.provider.claims(json!({"email": "lovelace@example.com"}));
    let again = Browser::new(&scene.hub);
    let _ = scene.sign_in(&again, &json!({})).await.expect(200);
    assert_eq!(again.get("/v1/session").await.json()["user"]["id"], who["user"]["id"]);
    assert_eq!(scene.provider.violations(), [""; 0]);
    assert_eq!(scene.provider.asked("/.well-known/openid-configuration"), 1, "it is kept");
    assert_eq!(scene.provider.asked("/keys"), 1);
    let kept = scene.hub.kept().await;
    for (what, secret) in
        [("the client's secret", SECRET), ("a code", "canary-oidc-code"), ("a token", "canary-oidc-access-token")]
    {
        assert_clean(&kept, what, secret);
    }
}

pub async fn nobody_whom_nobody_has_invited_comes_in() {
    let scene = OidcScene::start(|_| {}).await;
    let browser = Browser::new(&scene.hub);
    let page = scene.sign_in(&browser, &json!({})).await.expect(403);
    assert!(page.text().contains("nobody has invited you"), "{}", page.text());
    assert_eq!(browser.cookie("__Host-patchbay_session"), None);

    let invite = json!({"email": "ada@example.com", "role": "viewer"});
    let made = scene.org.call("POST", "/v1/invitations").json(&invite).send().await.expect(201).json();
    let body = json!({"invitation": made["token"]});
    let _ = scene.sign_in(&browser, &body).await.expect(200);
    let who = browser.get("/v1/session").await.expect(200).json();
    assert_eq!((&who["session"]["role"], &who["user"]["name"]), (&json!("viewer"), &json!("Ada Lovelace")));
    let page = scene.sign_in(&Browser::new(&scene.hub), &body).await.expect(404);
    assert!(page.text().contains("no such invitation"), "{}", page.text());
}

pub async fn an_invitation_for_another_address_is_not_accepted_by_the_provider() {
    let scene = OidcScene::start(|_| {}).await;
    let invite = json!({"email": "grace@example.com", "role": "admin"});
    let made = scene.org.call("POST", "/v1/invitations").json(&invite).send().await.expect(201).json();
    let browser = Browser::new(&scene.hub);
    let page = scene.sign_in(&browser, &json!({"invitation": made["token"]})).await.expect(403);
    assert!(page.text().contains("for another e-mail address"), "{}", page.text());
    assert_eq!(scene.org.get("/v1/invitations").await.json()["items"].as_array().unwrap().len(), 1, "it still counts");
    // from the link's page
    scene.provider.claims(json!({"email": "grace@example.com", "sub": "subject-grace"}));
    let path = made["url"].as_str().unwrap().strip_prefix(&scene.hub.url).unwrap();
    assert!(browser.get(path).await.expect(200).text().contains("/oidc\""));
    let sent = browser.submit(&format!("{path}/oidc"), &[], "same-origin").await.expect(303);
    let url = sent.header("location").unwrap().replace(scene.provider.issuer(), &scene.provider.url());
    let back = browser.visit(&url).await;
    let _ = browser.get(back.strip_prefix(&scene.hub.url).unwrap()).await.expect(200);
    assert_eq!(browser.get("/v1/session").await.json()["session"]["role"], "admin");
}

pub async fn unknown_people_are_made_members_where_the_operator_says() {
    let scene = OidcScene::start(|oidc| {
        oidc.provision = Some(Provision { org: "acme".to_owned(), role: Role::Member });
        oidc.allowed_domains = vec!["example.com".to_owned()];
    })
    .await;
    let browser = Browser::new(&scene.hub);
    let _ = scene.sign_in(&browser, &json!({})).await.expect(200);
    let who = browser.get("/v1/session").await.expect(200).json();
    assert_eq!((&who["org"]["name"], &who["session"]["role"]), (&json!("acme"), &json!("member")));
    for claims in [
        json!({"sub": "other", "email": "eve@example.org"}),
        json!({"sub": "other", "email": "eve@example.com.evil.net"}),
        json!({"sub": "other", "email": "eve@example.com", "email_verified": false}),
        json!({"sub": "other", "email": "eve@example.com", "email_verified": null}),
        json!({"sub": "other", "email": null}),
        json!({"email": "ada@example.org"}),
    ] {
        scene.provider.claims(claims.clone());
        let page = scene.sign_in(&Browser::new(&scene.hub), &json!({})).await;
        assert_eq!(page.status, 403, "{claims}: {}", page.text());
    }
}

pub async fn who_was_invited_to_where_unknown_people_are_made_members_comes_in_as_invited() {
    let scene = OidcScene::start(|oidc| {
        oidc.provision = Some(Provision { org: "acme".to_owned(), role: Role::Member });
    })
    .await;
    let invite = json!({"email": "ada@example.com", "role": "viewer"});
    let made = scene.org.call("POST", "/v1/invitations").json(&invite).send().await.expect(201).json();
    let browser = Browser::new(&scene.hub);
    let _ = scene.sign_in(&browser, &json!({"invitation": made["token"]})).await.expect(200);
    let who = browser.get("/v1/session").await.expect(200).json();
    assert_eq!((&who["org"]["name"], &who["session"]["role"]), (&json!("acme"), &json!("viewer")));
}

/// Somebody who invited may accept in the other's name and wait in the account: whoever proves the address gets it.
pub async fn who_proves_an_address_takes_it_from_who_only_said_it() {
    let scene = OidcScene::start(|_| {}).await;
    add(&scene.hub, &scene.org, "ada@example.com", Role::Owner).await;
    let squatter = sign_in(&scene.org, "ada@example.com").await;
    let _ = squatter.get("/v1/session").await.expect(200);
    let browser = Browser::new(&scene.hub);
    let _ = scene.sign_in(&browser, &json!({})).await.expect(200);
    squatter.get("/v1/session").await.expect_problem("unauthenticated");
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    scene.org.without_key("POST", "/v1/session").json(&body).send().await.expect_problem("invalid_credentials");
    let _ = browser.get("/v1/session").await.expect(200);
}

pub async fn an_answer_counts_in_the_browser_that_asked_once_and_within_ten_minutes() {
    let scene = OidcScene::start(|_| {}).await;
    add(&scene.hub, &scene.org, "ada@example.com", Role::Owner).await;
    let (browser, other) = (Browser::new(&scene.hub), Browser::new(&scene.hub));
    let back = scene.go(&browser, &json!({})).await;
    let _ = other.get(&back).await.expect(409);
    // one that asked for itself is no other
    let _ = scene.go(&other, &json!({})).await;
    let _ = other.get(&back).await.expect(409);
    let _ = browser.get(&back).await.expect(200);
    let _ = browser.get(&back).await.expect(409);

    let back = scene.go(&browser, &json!({})).await;
    scene.clock.advance(Duration::minutes(10));
    let _ = browser.get(&back).await.expect(409);

    let back = scene.go(&browser, &json!({})).await;
    let kept = browser.cookie("__Host-patchbay_oidc").unwrap();
    let later = kept.replacen(kept.split('.').nth(1).unwrap(), "9999999999", 1);
    browser.set_cookie("__Host-patchbay_oidc", &later);
    let _ = browser.get(&back).await.expect(409);
    assert_eq!(scene.provider.asked("/token"), 1);
}

pub async fn an_answer_in_the_name_of_another_provider_is_not_redeemed() {
    let scene = OidcScene::start(|_| {}).await;
    let browser = Browser::new(&scene.hub);
    let back = scene.go(&browser, &json!({})).await;
    let mixed = back.replace("iss=https%3A%2F%2Fid.example", "iss=https%3A%2F%2Fevil.example");
    assert_ne!(mixed, back);
    let _ = browser.get(&mixed).await.expect(409);
    assert_eq!(scene.provider.asked("/token"), 0);
}

pub async fn a_session_by_the_provider_acts_in_the_org_that_was_asked_for() {
    let scene = OidcScene::start(|_| {}).await;
    let (second, third) = (scene.hub.org("second").await, scene.hub.org("third").await);
    add(&scene.hub, &scene.org, "ada@example.com", Role::Owner).await;
    add(&scene.hub, &second, "ada@example.com", Role::Viewer).await;
    let browser = Browser::new(&scene.hub);
    let _ = scene.sign_in(&browser, &json!({"org": second.id})).await.expect(200);
    assert_eq!(browser.get("/v1/session").await.json()["org"]["name"], "second");
    let _ = scene.sign_in(&browser, &json!({"org": third.id})).await.expect(403);
    let caller = Caller::operator(second.id);
    assert_eq!(scene.hub.hub.members(&caller, None, None).await.unwrap().items.len(), 1);
}

pub async fn a_hub_without_a_provider_says_so() {
    let hub = TestHub::start().await;
    let browser = Browser::new(&hub);
    browser.post("/v1/oidc/authorize", &json!({})).await.expect_problem("not_found");
    let _ = browser.get("/v1/oidc/callback?code=c&state=s").await.expect(404);
}
