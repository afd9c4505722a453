//! What the hub makes of a vendor that fails, and of one that leads somewhere else.

use std::{sync::Arc, time::Duration};

use patchbay_egress::{Egress, EgressConfig, EgressError};
use patchbay_model::{Code, Failure, OrgId};
use patchbay_oauth::{Net, OauthClient, OauthError, Provider, Registration, SetupError};
use patchbay_tests::{
    Trap,
    oauth::{Behaviour, Fault},
};
use serde_json::json;

use crate::scene::{Loopback, SECRET, Scene, access, manifest};

/// What comes of a renewal while the vendor behaves so, and how often it was asked.
async fn renewal(repeatable: bool, fault: Fault) -> (OauthError, usize) {
    let scene = Scene::start().await;
    let client = scene.client(json!({"refresh": {"repeatable": repeatable}}));
    let tokens = scene.connect(&client).await;
    scene.vendor.behave(Behaviour { fault: Some(fault), rotate: !repeatable, ..Behaviour::default() });
    let error = client.renew(&tokens).await.unwrap_err();
    (error, scene.vendor.token_requests().len() - 1)
}

#[tokio::test]
async fn each_failure_of_a_vendor_is_of_the_kind_that_helps() {
    for (fault, kind, code) in [
        (Fault::Error(400, "invalid_grant"), "grant", Code::ReauthorizationNeeded),
        (Fault::Error(200, "invalid_grant"), "grant", Code::ReauthorizationNeeded),
        (Fault::Error(401, "invalid_client"), "client", Code::UpstreamError),
        (Fault::Error(400, "invalid_scope"), "refused", Code::UpstreamError),
        (Fault::Error(400, "temporarily_unavailable"), "later", Code::UpstreamUnavailable),
        (Fault::Status(400), "refused", Code::UpstreamError),
        (Fault::Status(307), "refused", Code::UpstreamError),
        (Fault::Status(500), "later", Code::UpstreamUnavailable),
        (Fault::Status(429), "later", Code::UpstreamRateLimited),
        (Fault::CutJson, "malformed", Code::UpstreamError),
        (Fault::OtherShape, "malformed", Code::UpstreamError),
        (Fault::Endless, "malformed", Code::UpstreamError),
        (Fault::LostAnswer, "later", Code::UpstreamUnavailable),
    ] {
        let (error, _) = renewal(false, fault.clone()).await;
        let found = match &error {
            OauthError::InvalidGrant(_) => "grant",
            OauthError::InvalidClient(_) => "client",
            OauthError::Refused(_) => "refused",
            OauthError::Unavailable { .. } => "later",
            OauthError::Malformed(_) => "malformed",
            _ => "other",
        };
        assert_eq!(found, kind, "{fault:?}: {error:?}");
        assert_eq!(Failure::from(error).code, code, "{fault:?}");
    }
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    for status in [301, 302, 303, 307, 308] {
        scene.vendor.behave(Behaviour { fault: Some(Fault::Status(status)), ..Behaviour::default() });
        let error = client.renew(&tokens).await.unwrap_err();
        assert!(matches!(&error, OauthError::Refused(answer) if answer.status == status), "{error:?}");
    }
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn a_refresh_is_sent_again_only_if_the_manifest_says_that_it_may_be() {
    assert_eq!(renewal(false, Fault::Status(503)).await.1, 1);
    assert_eq!(renewal(true, Fault::Status(503)).await.1, 3);
    assert_eq!(renewal(true, Fault::Status(500)).await.1, 1, "500 is no promise that nothing was done");
}

#[tokio::test]
async fn a_code_is_never_sent_again() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let consent = scene.consent(&client).await;
    scene.vendor.behave(Behaviour { fault: Some(Fault::Status(503)), ..Behaviour::default() });
    assert!(client.exchange(consent).await.unwrap_err().is_transient());
    assert_eq!(scene.vendor.token_requests(), ["authorization_code"]);
}

#[tokio::test]
async fn a_vendor_that_asks_for_time_is_heard() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    let fault = Some(Fault::Status(429));
    scene.vendor.behave(Behaviour { fault, retry_after: Some(77), ..Behaviour::default() });
    let error = client.renew(&tokens).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(77)));
    assert_eq!(Failure::from(error).retry_after, Some(Duration::from_secs(77)));
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_is_given_up() {
    let scene = Scene::with_timeout(Duration::from_millis(300)).await;
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    scene.vendor.hold(true);
    let error = client.renew(&tokens).await.unwrap_err();
    assert_eq!(error.to_string(), "the vendor cannot answer now: the vendor did not answer in time");
    scene.vendor.hold(false);
    assert!(client.renew(&tokens).await.is_ok());
}

#[tokio::test]
async fn an_account_that_cannot_be_had_is_a_failure_of_its_own() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    scene.vendor.end_all_grants();
    let error = client.account(&tokens).await.unwrap_err();
    assert!(matches!(&error, OauthError::Refused(answer) if answer.status == 401), "{error:?}");
    assert!(!error.to_string().contains(access(&tokens)));
}

#[tokio::test]
async fn a_token_host_that_leads_inside_is_never_reached() {
    let trap = Trap::start().await;
    let scene = Scene::start().await;
    let lookup = Arc::new(Loopback::default());
    let ports = vec![443, trap.address().port()];
    let egress = Egress::new(EgressConfig { ports, ..EgressConfig::default() }, lookup).unwrap();
    let net = Net {
        egress: Arc::new(egress),
        clock: scene.clock.clone(),
        random: scene.net.random.clone(),
        timeout: Duration::from_secs(5),
    };
    let tokens = scene.connect(&scene.client(json!({}))).await;
    let provider = Arc::new(Provider::new(&manifest(json!({})), &json!({})).unwrap());
    let registration = Arc::new(Registration::new("hub-client", Some(SECRET.into())));
    let client = OauthClient::new(Arc::new(net), OrgId(Default::default()), provider, registration).unwrap();
    for error in [
        client.renew(&tokens).await.unwrap_err(),
        client.revoke(&tokens).await.unwrap_err(),
        client.account(&tokens).await.unwrap_err(),
    ] {
        assert!(matches!(error, OauthError::Blocked(EgressError::AddressDenied(_))), "{error:?}");
    }
    assert_eq!(trap.connections(), 0);
}

#[test]
fn a_setting_cannot_lead_to_a_host_that_is_not_the_vendors() {
    let mut manifest = manifest(json!({}));
    manifest.oauth.as_mut().unwrap().token_url = "https://{region}.vendor.example/token".to_owned();
    assert!(Provider::new(&manifest, &json!({"region": "eu1"})).is_ok());
    for region in [json!("169.254.169.254/"), json!("evil.example#"), json!("a@b"), json!(""), json!(null), json!(7)] {
        let error = Provider::new(&manifest, &json!({"region": region})).unwrap_err();
        assert!(matches!(&error, SetupError::Endpoint { field: "token-url", .. }), "{region}: {error}");
    }
    manifest.oauth = None;
    let error = Provider::new(&manifest, &json!({})).unwrap_err();
    assert_eq!(error.to_string(), "the plugin demo does not connect by OAuth: its manifest has no [oauth]");
}
