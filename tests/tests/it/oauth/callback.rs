//! From the hub's redirect to the browser's return.

use patchbay_tests::oauth::{Behaviour, Consent};
use serde_json::json;

use super::scene::{AUTHORIZE, CALLBACK, CONNECTION, OauthScene};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_consents_and_the_plugin_calls_with_their_account() {
    let scene = OauthScene::start().await;
    assert!(!scene.answer().await.contains("contacts"), "without a connection there is no token");
    let page = scene.consent().await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let text = page.text();
    assert!(
        text.contains("echo is now connected to the organization Acme &lt;&amp;&gt; Sons with the account "),
        "{text}"
    );

    let connection = scene.org.get(CONNECTION).await.expect(200).json();
    let oauth = &connection["oauth"];
    assert_eq!(connection["credentials"], json!(["secret_key"]));
    assert_eq!(connection["account"], oauth["account"]["name"]);
    assert_eq!(oauth["state"], "connected");
    assert_eq!(oauth["grant"], "authorization-code");
    assert_eq!(oauth["scopes"], json!(["read", "write"]));
    assert_eq!(oauth["missing_scopes"], json!([]));
    assert_eq!(oauth["account"]["id"], "10769150350006150715113082367");
    assert_eq!(oauth["client"], "operator");
    assert_eq!(oauth["kept"], json!({"instance_url": "https://eu1.vendor.example"}));

    let account = oauth["account"]["name"].as_str().unwrap();
    assert!(scene.answer().await.contains(account));
    assert_eq!(scene.vendor.token_requests(), ["authorization_code"]);
    assert_eq!(scene.vendor.violations(), [""; 0]);
    scene.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_once_within_ten_minutes_and_for_its_plugin() {
    let scene = OauthScene::start().await;
    let (browser, back) = scene.browse().await;
    let _ = browser.get(&back).await.expect(200);
    let again = browser.get(&back).await.expect(409);
    assert!(again.text().contains("no authorization waits for this answer"), "{}", again.text());

    let (browser, late) = scene.browse().await;
    scene.advance(600);
    let _ = browser.get(&late).await.expect(409);

    let (browser, back) = scene.browse().await;
    let elsewhere = back.replace(CALLBACK, "/oauth/callback/other");
    let _ = browser.get(&elsewhere).await.expect(409);

    let unknown = format!("{CALLBACK}?code=c&state={}", "s".repeat(43));
    let _ = scene.hub.get(&unknown).await.expect(409);
    for query in ["", "?code=c", "?state=s", "?state=s&code=c&error=access_denied"] {
        let _ = scene.hub.get(&format!("{CALLBACK}{query}")).await.expect(400);
    }
    assert_eq!(scene.vendor.token_requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_twice_at_once_gets_one_connection() {
    let scene = OauthScene::start().await;
    let (browser, back) = scene.browse().await;
    let (one, other) = tokio::join!(browser.get(&back), browser.get(&back));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(scene.vendor.token_requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_at_the_vendor_is_shown_and_changes_nothing() {
    let scene = OauthScene::start().await;
    scene.vendor.behave(Behaviour { consent: Consent::Denies, ..Behaviour::default() });
    let page = scene.consent().await.expect(502);
    assert!(page.text().contains("access was denied at the vendor"), "{}", page.text());
    assert_eq!(scene.org.get(CONNECTION).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_words_in_the_query_are_no_markup() {
    let scene = OauthScene::start().await;
    let (browser, back) = scene.browse().await;
    let state = back.split("state=").nth(1).unwrap();
    let page = browser.get(&format!("{CALLBACK}?error=%3Cscript%3E&state={state}")).await.expect(502);
    assert!(page.text().contains("&lt;script&gt;") && !page.text().contains("<script"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_a_person_leaves_out_are_shown() {
    let scene = OauthScene::start().await;
    scene.vendor.behave(Behaviour { consent: Consent::Without(vec!["read".to_owned()]), ..Behaviour::default() });
    let _ = scene.consent().await.expect(200);
    let shown = scene.shown().await;
    assert_eq!((shown["scopes"].clone(), shown["missing_scopes"].clone()), (json!(["write"]), json!(["read"])));
    assert_eq!(shown["state"], "incomplete");
    scene.vendor.behave(Behaviour { consent: Consent::Without(vec!["write".to_owned()]), ..Behaviour::default() });
    let _ = scene.consent().await.expect(200);
    assert_eq!(scene.shown().await["state"], "connected", "the plugin can do without that one");
    let nothing = vec!["read".to_owned(), "write".to_owned()];
    scene.vendor.behave(Behaviour { consent: Consent::Without(nothing), ..Behaviour::default() });
    let _ = scene.consent().await.expect(200);
    let shown = scene.shown().await;
    assert_eq!((&shown["state"], &shown["scopes"]), (&json!("incomplete"), &json!([])), "an empty answer is an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_manifest_declares_can_be_authorized() {
    let scene = OauthScene::start().await;
    let ask = |body| scene.org.call("POST", AUTHORIZE).json(&body).send();
    ask(json!({"grant": "client-credentials"})).await.expect_problem("conflict");
    let elsewhere = scene.org.call("POST", "/v1/connections/nothing/authorize").json(&json!({}));
    elsewhere.send().await.expect_problem("not_found");
}
