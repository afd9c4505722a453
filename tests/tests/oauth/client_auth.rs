//! Every way in which the hub shows a vendor who it is, and what it hears if it is not believed.

use patchbay_oauth::{OauthError, Registration, SetupError, SigningKey};
use patchbay_package::manifest::oauth::JwtAlgorithm;
use patchbay_tests::oauth::{Auth, Client, KeyPair};
use serde_json::json;

use crate::scene::{REDIRECT, SECRET, Scene, access, signing};

const ALGORITHMS: [(JwtAlgorithm, &str); 3] =
    [(JwtAlgorithm::Rs256, "RS256"), (JwtAlgorithm::Es256, "ES256"), (JwtAlgorithm::EdDsa, "EdDSA")];

#[tokio::test]
async fn a_secret_goes_by_basic_or_by_form_and_never_by_both() {
    let scene = Scene::start().await;
    for (way, auth) in [("basic", Auth::Basic(SECRET.to_owned())), ("post", Auth::Post(SECRET.to_owned()))] {
        scene.vendor.register(Client::new("hub-client", auth, REDIRECT));
        let client = scene.client(json!({"client-auth": way}));
        let tokens = scene.connect(&client).await;
        let renewed = client.renew(&tokens).await.unwrap();
        assert!(scene.vendor.accepts(access(&renewed)), "{way}");
        client.revoke(&renewed).await.unwrap();
    }
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn a_public_client_shows_its_id_and_the_verifier_alone() {
    let scene = Scene::start().await;
    scene.vendor.register(Client::new("hub-client", Auth::None, REDIRECT));
    // A secret that is there by mistake stays at home.
    let client = scene.client(json!({"client-auth": "none"}));
    let tokens = scene.connect(&client).await;
    assert!(scene.vendor.accepts(access(&client.renew(&tokens).await.unwrap())));
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn a_private_key_signs_a_new_assertion_for_every_request() {
    for (algorithm, name) in ALGORITHMS {
        let scene = Scene::start().await;
        let pair = KeyPair::generate(algorithm);
        scene.vendor.register(Client::new("hub-client", Auth::PrivateKey(algorithm, pair.public.clone()), REDIRECT));
        let section = json!({"client-auth": "private-key-jwt", "jwt": {"algorithm": name}});
        let client = scene.client_of(section, signing(&pair, None));
        let tokens = scene.connect(&client).await;
        let renewed = client.renew(&tokens).await.unwrap();
        client.revoke(&renewed).await.unwrap();
        assert!(!scene.vendor.accepts(access(&renewed)), "{name}");
        assert_eq!(scene.vendor.violations(), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_client_that_is_not_believed_is_no_reason_to_ask_a_person() {
    let scene = Scene::start().await;
    let wrong = Registration::new("hub-client", Some("canary-wrong".into()));
    let client = scene.client_of(json!({}), wrong);
    let consent = scene.consent(&client).await;
    let refused = client.exchange(consent).await.unwrap_err();
    let OauthError::InvalidClient(answer) = &refused else { panic!("{refused:?}") };
    assert_eq!((answer.status, answer.code.as_deref()), (401, Some("invalid_client")));
    assert!(!refused.needs_authorization() && !refused.is_transient());

    let (own, other) = (KeyPair::generate(JwtAlgorithm::Es256), KeyPair::generate(JwtAlgorithm::Es256));
    scene.vendor.register(Client::new("hub-client", Auth::PrivateKey(JwtAlgorithm::Es256, other.public), REDIRECT));
    let section = json!({"client-auth": "private-key-jwt", "jwt": {"algorithm": "ES256"}});
    let client = scene.client_of(section, signing(&own, None));
    let refused = client.exchange(scene.consent(&client).await).await.unwrap_err();
    assert!(matches!(refused, OauthError::InvalidClient(_)), "{refused:?}");
}

#[tokio::test]
async fn what_is_missing_is_named_before_anything_is_sent() {
    let scene = Scene::start().await;
    let refused = |changes, registration: &Registration| {
        let provider = patchbay_oauth::Provider::new(&crate::scene::manifest(changes), &json!({})).unwrap();
        registration.check(provider.oauth(), None).unwrap_err().to_string()
    };
    let bare = Registration::new("hub-client", None);
    let (needs, by_code) = ("the client that is registered at the vendor needs", " (grant `authorization-code`)");
    assert_eq!(refused(json!({}), &bare), format!("{needs} a secret: the vendor asks for one{by_code}"));
    assert_eq!(refused(json!({}), &Registration::new("", None)), format!("{needs} an id of printable ASCII"));
    let signed = json!({"client-auth": "private-key-jwt", "jwt": {"algorithm": "ES256"}});
    assert_eq!(
        refused(signed.clone(), &bare),
        format!("{needs} a private key: the vendor asks for signed assertions{by_code}")
    );
    let other = signing(&KeyPair::generate(JwtAlgorithm::EdDsa), None);
    assert_eq!(
        refused(signed, &other),
        format!("{needs} a private key for the algorithm that the manifest names{by_code}")
    );
    let grant = scene.client(json!({})).client_credentials().await.unwrap_err();
    assert_eq!(grant.to_string(), "the plugin cannot be connected by client-credentials: add it to oauth.grants");
    assert_eq!(scene.vendor.token_requests(), [""; 0]);
}

#[test]
fn a_key_that_cannot_sign_is_refused_when_it_is_read_and_never_shown() {
    let pairs = ALGORITHMS.map(|(algorithm, _)| KeyPair::generate(algorithm));
    for (algorithm, _) in ALGORITHMS {
        for pair in &pairs {
            let fits = pair.algorithm == algorithm;
            for pem in [&pair.private, &pair.public] {
                let read = SigningKey::from_pem(algorithm, &pem.as_str().into(), None);
                assert_eq!(read.is_ok(), fits && *pem == pair.private, "{algorithm:?} from {:?}", pair.algorithm);
                let text = format!("{read:?}");
                assert!(!text.contains("BEGIN") || text.contains("`BEGIN PRIVATE KEY`"), "{text}");
                let line = pem.lines().nth(1).unwrap();
                assert!(!text.contains(line), "{text}");
            }
        }
        let error = SigningKey::from_pem(algorithm, &"canary-no-key".into(), None).unwrap_err();
        assert!(matches!(&error, SetupError::Registration(text) if !text.contains("canary")), "{error}");
    }
}
