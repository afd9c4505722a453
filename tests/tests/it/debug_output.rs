//! What is printed for people holds no secret: every type that has one is formatted here, as a log or a failed assertion
//! would do it.

use std::{collections::BTreeMap, sync::Arc};

use patchbay_egress::{Injection, Redactor};
use patchbay_hub::{
    Acceptance, KeyCommand, KeySource, KeySources, NewInvitation, NewMember, NewSession, OidcSettings, PutClient,
    PutConnection, SignIn, SignedIn, StoreUrl,
};
use patchbay_model::{
    InvitationId, OrgId, SeededRandom, SessionId, SystemClock, SystemRandom, Timestamp, UserId,
    identity::{Invitation, Role, Session, SignInMethod},
};
use patchbay_oauth::{Account, Callback, Parties, RegisteredClient, SigningKey, Stored, Tokens};
use patchbay_package::manifest::{
    Inject,
    oauth::{Grant, JwtAlgorithm},
};
use patchbay_storage::{Database, DatabaseUrl};
use patchbay_tests::oauth::KeyPair;
use patchbay_vault::{
    ArtefactMac, CheckpointKey, CredentialValues, Credentials, KeyEncryptionKey, KeyHasher, Keyring, Vault, new_api_key,
};
use secrecy::{ExposeSecret as _, SecretString};

const CANARY: &str = "canary-canary-canary-canary-cana";

fn bytes() -> [u8; 32] {
    CANARY.as_bytes().try_into().unwrap()
}

/// The canary, and its bytes as a list of numbers.
#[track_caller]
fn assert_silent(text: &str) {
    for shown in ["canary", "99, 97, 110", "63616e", "0x63, 0x61"] {
        assert!(!text.contains(shown), "{shown} in {text}");
    }
}

macro_rules! silent {
    ($($value:expr),* $(,)?) => {$(
        let value = &$value;
        assert_silent(&format!("{value:?}"));
        assert_silent(&format!("{value:#?}"));
    )*};
}

fn credentials() -> Credentials {
    let values = CredentialValues { current: CANARY.into(), previous: Some((CANARY.into(), Timestamp::default())) };
    Credentials::new(BTreeMap::from([("secret_key".to_owned(), values)]))
}

fn client() -> RegisteredClient {
    RegisteredClient {
        client_id: "hub".to_owned(),
        secret: Some(CANARY.into()),
        private_key: Some(CANARY.into()),
        key_id: None,
        issuer: None,
        subject: None,
    }
}

#[test]
fn keys_and_what_they_seal() {
    let ring = || Keyring::new([KeyEncryptionKey::from_bytes(1, bytes())], None).unwrap();
    silent!(
        KeyEncryptionKey::from_bytes(1, bytes()),
        ring(),
        Vault::new(ring(), Arc::new(SystemRandom)),
        KeyHasher::new(bytes()),
        ArtefactMac::new(bytes()),
        credentials(),
        credentials().values().clone(),
        SecretString::from(CANARY),
        KeySources {
            keys: BTreeMap::from([(1, KeySource::Command(KeyCommand::new("kms", vec![format!("--token={CANARY}")])))]),
            current: None
        },
    );
    let made = new_api_key(&SystemRandom);
    assert!(!format!("{made:?}").contains(&made.expose_secret()[3..]));
}

#[tokio::test]
async fn data_keys_and_the_key_that_signs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let signer = CheckpointKey::from_file_or_create(&path, &SystemRandom).unwrap();
    let seed = std::fs::read_to_string(&path).unwrap().split_whitespace().last().unwrap().to_owned();
    assert!(!format!("{signer:?}").contains(&seed));

    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
    database.migrate().await.unwrap();
    let org = OrgId::new(&SystemClock, &SystemRandom);
    let vault = Vault::new(KeyEncryptionKey::from_bytes(1, bytes()), Arc::new(SystemRandom));
    let mut tx = database.begin().await.unwrap();
    let made = patchbay_model::org::Org { id: org, name: "o".to_owned(), created_at: Timestamp::default() };
    tx.hub().insert_org(&made).await.unwrap();
    vault.add_data_key(&mut tx.org(org)).await.unwrap();
    let keys = vault.data_keys(&mut tx.org(org)).await.unwrap();
    assert_eq!(format!("{keys:?}"), "DataKeys([1])");
    silent!(vault, tx.org(org).keys().list().await.unwrap());
}

#[test]
fn what_is_on_its_way_to_a_vendor() {
    let place =
        Inject { header: Some("authorization".to_owned()), format: "Bearer {}".to_owned(), ..Inject::default() };
    silent!(
        Injection { place, hosts: Vec::new(), secret: Arc::new(CANARY.into()), user: None },
        Redactor::new([CANARY]),
        PutConnection {
            credentials: BTreeMap::from([("secret_key".to_owned(), CANARY.into())]),
            account: None,
            keep_previous_for_s: None,
        },
        PutClient { client: client() },
        format!("postgres://hub:{CANARY}@db/patchbay").parse::<DatabaseUrl>().unwrap(),
        format!("redis://:{CANARY}@cache:6379").parse::<StoreUrl>().unwrap(),
    );
    assert_silent(&format!("postgres://hub:{CANARY}@db/patchbay").parse::<DatabaseUrl>().unwrap().to_string());
}

/// What people type, and what proves afterwards who they are.
#[test]
fn people_who_sign_in_and_are_invited() {
    let at = Timestamp::default();
    let random = SeededRandom::new(1);
    let org = OrgId::new(&SystemClock, &random);
    let email = || "ada@example.com".to_owned();
    let session = Session {
        id: SessionId::new(&SystemClock, &random),
        org,
        user: UserId::new(&SystemClock, &random),
        method: SignInMethod::Password,
        user_agent: None,
        address: None,
        created_at: at,
        used_at: at,
        expires_at: at,
    };
    let invitation = Invitation {
        id: InvitationId::new(&SystemClock, &random),
        org,
        email: email(),
        role: Role::Viewer,
        invited_by: "operator".to_owned(),
        created_at: at,
        expires_at: at,
    };
    let url = format!("https://hub.example/invitations/{CANARY}").into();
    silent!(
        OidcSettings {
            issuer: "https://id.example".to_owned(),
            client_id: "hub".to_owned(),
            client_secret: Some(CANARY.into()),
        },
        SignIn { email: email(), password: CANARY.into(), org: None },
        NewMember { email: email(), name: None, role: Role::Viewer, password: Some(CANARY.into()) },
        Acceptance { password: CANARY.into(), name: None },
        NewSession {
            token: CANARY.into(),
            signed_in: SignedIn { session, role: Role::Viewer },
            replaces_others: false,
        },
        NewInvitation { invitation, token: CANARY.into(), url },
    );
}

#[test]
fn what_oauth_gives_and_needs() {
    let tokens = || Tokens {
        access: CANARY.into(),
        refresh: Some(CANARY.into()),
        grant: Grant::AuthorizationCode,
        issued_at: Timestamp::default(),
        expires_at: None,
        due_at: None,
        scopes: Vec::new(),
        account: Account { id: None, name: None },
        kept: BTreeMap::new(),
        parties: Parties { client_id: "hub".to_owned(), origin: "https://auth.vendor.example".to_owned() },
    };
    silent!(
        tokens(),
        Stored { tokens: tokens().into(), version: 1, needs_authorization: false },
        tokens().to_secret(),
        client(),
        client().to_secret(),
        Callback::parse(&format!("code={CANARY}&state={CANARY}")).unwrap(),
    );
    let pair = KeyPair::generate(JwtAlgorithm::EdDsa);
    let key = SigningKey::from_pem(JwtAlgorithm::EdDsa, &pair.private.as_str().into(), None).unwrap();
    let body: String = pair.private.lines().filter(|line| !line.starts_with("--")).collect();
    assert!(!format!("{key:?}").contains(&body[..20]));
}

#[test]
fn what_leads_a_browser_on() {
    let pending = || patchbay_hub::Authorization::Pending {
        url: format!("https://hub.example/connect/{CANARY}").parse().unwrap(),
        expires_at: Timestamp::default(),
    };
    let page = patchbay_hub::ConnectPage {
        plugin: "openai".parse().unwrap(),
        plugin_name: "OpenAI".to_owned(),
        organization: "acme".to_owned(),
        asked_by: None,
        vendor: "auth.vendor.example".to_owned(),
        scopes: Vec::new(),
        account: None,
        nonce: CANARY.into(),
        proof: CANARY.to_owned(),
    };
    silent!(pending(), patchbay_hub::Begun { authorization: pending(), nonce: Some(CANARY.into()) }, page);
}
