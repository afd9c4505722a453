//! No secret is in any text that people or logs get: the canaries are looked for everywhere.

use std::{
    fmt::{self, Write as _},
    io,
    sync::{Arc, Mutex},
};

use patchbay_model::Failure;
use patchbay_oauth::Registration;
use patchbay_package::manifest::oauth::JwtAlgorithm;
use patchbay_tests::oauth::{Auth, Behaviour, Client, Fault, KeyPair, Style};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    database::Database,
    scene::{NONCE, REDIRECT, SECRET, Scene, begin, job, plugin, signing},
};

/// All that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Texts for people, all in one.
#[derive(Default)]
struct Texts(String);

impl Texts {
    fn debug(&mut self, value: &dyn fmt::Debug) {
        write!(self.0, "{value:?}\n{value:#?}\n").unwrap();
    }

    fn error<E: fmt::Debug + fmt::Display + Clone + Into<Failure>>(&mut self, error: &E) {
        self.debug(error);
        let failure: Failure = error.clone().into();
        write!(self.0, "{error}\n{failure}\n{failure:?}\n").unwrap();
    }
}

fn assert_clean(text: &str, secrets: &[String]) {
    assert!(!secrets.is_empty());
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{secret} is in a text:\n{text}");
    }
    assert!(!text.contains("canary"), "a canary is in a text:\n{text}");
}

#[tokio::test]
async fn whatever_happens_no_text_holds_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let mut texts = Texts::default();
    let mut secrets = vec![SECRET.to_owned()];
    for style in [Style::Standard, Style::Slack] {
        let scene = Scene::start().await;
        // Each refusal repeats everything that it was sent.
        let echo = Behaviour { echo: true, rotate: true, style, ..Behaviour::default() };
        scene.vendor.behave(Behaviour { style: Style::Standard, ..echo.clone() });
        let client = scene.client(json!({}));
        texts.debug(&client);
        let started = begin(&client);
        texts.debug(&started);
        let state = started.url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let sealed = started.pending.to_secret();
        let verifier = sealed.expose_secret().split("\"verifier\":\"").nth(1).unwrap().split('"').next().unwrap();
        secrets.extend([NONCE.to_owned(), state, verifier.to_owned()]);
        let callback = scene.browse(&started).await;
        texts.debug(&callback);
        let consent = started.pending.redeem(callback, &plugin(), Some(NONCE), scene.net.clock.now()).unwrap();
        texts.debug(&consent);
        let tokens = client.exchange(consent).await.unwrap();
        texts.debug(&tokens);
        texts.debug(&tokens.to_secret());

        let database = Database::with(&tokens);
        let node = scene.node(&database);
        let seen = job(&client, database.stored());
        texts.debug(&seen);
        texts.debug(&node.renew(&seen).await.unwrap());
        for fault in [
            Fault::Error(400, "invalid_scope"),
            Fault::Error(401, "invalid_client"),
            Fault::Error(200, "temporarily_unavailable"),
            Fault::Error(503, "later"),
            Fault::Status(500),
            Fault::CutJson,
            Fault::OtherShape,
            Fault::LostAnswer,
        ] {
            scene.vendor.behave(Behaviour { fault: Some(fault), ..echo.clone() });
            scene.advance(1_000);
            texts.error(&node.renew(&job(&client, database.stored())).await.unwrap_err());
            texts.error(&client.renew(&tokens).await.unwrap_err());
        }
        scene.vendor.behave(Behaviour { fault: Some(Fault::Error(400, "invalid_grant")), ..echo.clone() });
        scene.advance(1_000);
        texts.error(&node.renew(&job(&client, database.stored())).await.unwrap_err());
        texts.debug(&database.events());
        scene.vendor.behave(echo);
        scene.vendor.end_all_grants();
        texts.error(&client.account(&tokens).await.unwrap_err());
        texts.error(&client.renew(&tokens).await.unwrap_err());
        let wrong = Registration::new("hub-client", Some("canary-wrong-secret".into()));
        let wrong = scene.client_of(json!({}), wrong);
        texts.debug(&wrong);
        texts.error(&wrong.renew(&tokens).await.unwrap_err());
        texts.error(&wrong.revoke(&tokens).await.unwrap_err());
        secrets.extend(scene.vendor.secrets());
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("tokens were not renewed"), "the log was looked at:\n{log}");
    assert!(texts.0.contains("[redacted]"), "the vendor's echo was looked at:\n{}", texts.0);
    assert_clean(&texts.0, &secrets);
    assert_clean(&log, &secrets);
}

#[tokio::test]
async fn keys_and_assertions_are_in_no_text_either() {
    let scene = Scene::start().await;
    let pair = KeyPair::generate(JwtAlgorithm::Rs256);
    let assertions = Some((pair.algorithm, pair.public.clone()));
    let auth = Auth::PrivateKey(pair.algorithm, pair.public.clone());
    scene.vendor.register(Client { assertions, ..Client::new("hub-client", auth, REDIRECT) });
    scene.vendor.behave(Behaviour {
        echo: true,
        fault: Some(Fault::Error(400, "invalid_scope")),
        ..Behaviour::default()
    });
    let section = json!({"grants": ["jwt-bearer"], "authorize-url": null, "client-auth": "private-key-jwt",
        "jwt": {"algorithm": "RS256"}});
    let client = scene.client_of(section, signing(&pair, Some("bot@vendor.example")));
    let mut texts = Texts::default();
    texts.debug(&client);
    texts.error(&client.jwt_bearer().await.unwrap_err());
    assert!(texts.0.contains("[redacted]"), "{}", texts.0);
    assert!(!texts.0.contains("eyJ"), "an assertion: {}", texts.0);
    let lines: Vec<String> = pair.private.lines().map(str::to_owned).collect();
    assert_clean(&texts.0, &lines);
}
