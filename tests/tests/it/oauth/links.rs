//! Links that a person opens to connect an account: what they say, whom they bind, and what they let nobody do.

use chrono::Duration;
use patchbay_model::{Clock as _, org::Scope};
use patchbay_tests::{Browser, oauth::Behaviour, proof};
use serde_json::json;

use super::scene::{AUTHORIZE, CONNECTION, HOST, OauthScene};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_says_for_whom_it_is_and_opening_it_begins_nothing() {
    let scene = OauthScene::start().await;
    let link = scene.link().await;
    for _ in 0..3 {
        let page = Browser::new(&scene.hub).get(&link).await.expect(200);
        let text = page.text();
        for said in ["Acme &lt;&amp;&gt; Sons", "Echo (echo)", "the API key “test”", HOST, "read, write"] {
            assert!(text.contains(said), "{said} in {text}");
        }
        assert!(!text.contains("<script"), "{text}");
        let cookie = page.header("set-cookie").unwrap();
        assert!(cookie.starts_with("__Host-patchbay_consent="), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=7200; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    let browser = Browser::new(&scene.hub);
    let back = scene.consent_by(&browser, &link).await;
    let _ = browser.get(&back).await.expect(200);
}

/// Somebody begins an authorization for their own org and has another person consent: RFC 6749, 10.12.
#[tokio::test(flavor = "multi_thread")]
async fn another_browser_than_the_one_that_followed_the_link_gets_a_refusal() {
    let scene = OauthScene::start().await;
    let stranger = Browser::new(&scene.hub);
    let own = scene.link().await;
    let _ = stranger.get(&own).await.expect(200);
    for other in [Browser::new(&scene.hub), stranger] {
        let (_, back) = scene.browse().await;
        let page = other.get(&back).await.expect(409);
        assert!(page.text().contains("was begun in another browser"), "{}", page.text());
    }
    assert_eq!(scene.vendor.token_requests(), [""; 0], "the code went nowhere");
    assert_eq!(scene.org.get(CONNECTION).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_browser_may_have_two_consents_open_at_once() {
    let scene = OauthScene::start().await;
    let browser = Browser::new(&scene.hub);
    let first = scene.consent_by(&browser, &scene.link().await).await;
    let second = scene.consent_by(&browser, &scene.link().await).await;
    let _ = browser.get(&second).await.expect(200);
    let _ = browser.get(&first).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_once_and_for_an_hour() {
    let scene = OauthScene::start().await;
    let (browser, link) = (Browser::new(&scene.hub), scene.link().await);
    let shown = proof(&browser.get(&link).await.expect(200));
    let _ = browser.submit(&link, &[("proof", &shown)], "same-origin").await.expect(303);
    let _ = browser.submit(&link, &[("proof", &shown)], "same-origin").await.expect(404);
    let _ = browser.get(&link).await.expect(404);

    let late = scene.link().await;
    let shown = proof(&browser.get(&late).await.expect(200));
    scene.advance(3_600);
    let _ = browser.submit(&late, &[("proof", &shown)], "same-origin").await.expect(404);
    let _ = browser.get(&late).await.expect(404);

    for unknown in ["x".repeat(43), format!("{}.echo.00", scene.org.id), "nothing".to_owned()] {
        let _ = browser.get(&format!("/oauth/connect/{unknown}")).await.expect(404);
    }
}

/// A person who consented once would be led through again without seeing anything.
#[tokio::test(flavor = "multi_thread")]
async fn another_sites_form_begins_nothing() {
    let scene = OauthScene::start().await;
    let (browser, link) = (Browser::new(&scene.hub), scene.link().await);
    let forged = proof(&Browser::new(&scene.hub).get(&link).await.expect(200));
    let _ = browser.submit(&link, &[("proof", &forged)], "same-origin").await.expect(409);
    let _ = browser.get(&scene.link().await).await.expect(200);
    let _ = browser.submit(&link, &[("proof", &forged)], "same-origin").await.expect(409);
    let _ = browser.submit(&link, &[], "same-origin").await.expect(409);
    let _ = scene.consent_by(&browser, &link).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_to_reconnect_brings_back_the_same_account_and_no_other() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.end_all_grants();
    scene.advance(4_000);
    scene.call().await.expect_problem("reauthorization_needed");
    let shown = scene.shown().await;
    let link = scene.path(shown["reconnect_url"].as_str().unwrap());
    assert_eq!(scene.events().await[0]["data"]["reconnect_url"], shown["reconnect_url"]);

    let browser = Browser::new(&scene.hub);
    let page = browser.get(&link).await.expect(200).text();
    assert!(page.contains("Acme &lt;&amp;&gt; Sons") && page.contains("ada@vendor.example"), "{page}");

    // Whoever may read events has the link, and must not bring in an account of their own.
    scene.vendor.behave(Behaviour { account: "eve@vendor.example", ..Behaviour::default() });
    let back = scene.consent_by(&browser, &link).await;
    let refused = browser.get(&back).await.expect(409);
    assert!(refused.text().contains("not the account that was connected"), "{}", refused.text());
    assert!(scene.vendor.secrets().iter().all(|secret| !scene.vendor.accepts(secret)), "and it was given back");
    assert_eq!(scene.shown().await["state"], "reauthorization_needed");

    // A person who made a mistake can try again by the same link.
    scene.vendor.behave(Behaviour::default());
    let back = scene.consent_by(&browser, &link).await;
    let _ = browser.get(&back).await.expect(200);
    assert_eq!(scene.shown().await["state"], "connected");
    assert!(scene.answer().await.contains("ada@vendor.example"));

    let _ = browser.get(&link).await.expect(404);
    assert_ne!(scene.shown().await["reconnect_url"], shown["reconnect_url"], "it ends with what it replaced");
    assert_eq!(scene.vendor.violations(), [""; 0]);
    scene.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_vendor_names_no_account_the_link_to_reconnect_sends_people_to_an_admin() {
    let scene = OauthScene::connected(json!({"account": null})).await;
    let link = scene.path(scene.shown().await["reconnect_url"].as_str().unwrap());
    let page = Browser::new(&scene.hub).get(&link).await.expect(409);
    assert!(page.text().contains("only an admin of the organization"), "{}", page.text());
    assert!(page.text().contains(AUTHORIZE), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_any_more_connects_nothing_it_asked_for_before() {
    let scene = OauthScene::start().await;
    let revoked = || async {
        let key = scene.org.new_key(&scene.hub, &[Scope::Admin], None).await;
        let id = scene.hub.hub.authenticate(&key).await.unwrap().key().unwrap();
        (scene.org.with_key(&key), id)
    };
    let ask = async |org: &patchbay_tests::Org| {
        let reply = org.call("POST", AUTHORIZE).json(&json!({})).send().await.expect(200).json();
        scene.path(reply["url"].as_str().unwrap())
    };
    let browser = Browser::new(&scene.hub);
    let (org, id) = revoked().await;
    let link = ask(&org).await;
    scene.hub.hub.revoke_api_key(org.id, id).await.unwrap();
    let page = browser.get(&link).await.expect(409);
    assert!(page.text().contains("was revoked"), "{}", page.text());

    let (org, id) = revoked().await;
    let back = scene.consent_by(&browser, &ask(&org).await).await;
    scene.hub.hub.revoke_api_key(org.id, id).await.unwrap();
    let page = browser.get(&back).await.expect(409);
    assert!(page.text().contains("was revoked"), "{}", page.text());

    let end = Some(scene.clock.now() + Duration::minutes(5));
    let key = scene.org.new_key(&scene.hub, &[Scope::Admin], end).await;
    let back = scene.consent_by(&browser, &ask(&scene.org.with_key(&key)).await).await;
    scene.advance(300);
    let page = browser.get(&back).await.expect(409);
    assert!(page.text().contains("has expired"), "{}", page.text());

    assert_eq!(scene.vendor.token_requests(), [""; 0]);
    assert_eq!(scene.org.get(CONNECTION).await.status, 404);
}
