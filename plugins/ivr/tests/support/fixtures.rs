//! A hub with a menu on a number, and calls to it whose every document is held to what the carriers take.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail them")]

#[path = "../../../../tests/src/ivr/verbs.rs"]
pub mod verbs;

use patchbay_plugin_ivr::Ivr;
use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};
use verbs::{Carrier, Verb};

pub const NUMBER: &str = "+14155550199";
pub const CALLER: &str = "+14155550123";
pub const SALES: &str = "+14155550100";
pub const CALLBACK: &str = "https://hub.example.com/hooks/carrier";
/// A Monday morning in New York.
pub const OPEN: &str = "2026-11-02T15:00:00Z";
/// The evening of it.
pub const CLOSED: &str = "2026-11-03T01:00:00Z";

pub fn host() -> MockHost {
    MockHost::with_manifest(include_str!("../../plugin.toml"))
}

/// With everything that a menu can have.
pub fn menu() -> Value {
    let day = json!([{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:00"}]);
    json!({
        "name": "Front desk",
        "voices": {"texml": "AWS.Polly.Joanna-Neural", "twiml": "Polly.Joanna-Neural"},
        "start": "main",
        "menus": {
            "main": {
                "greeting": {"say": "Welcome to A & B <Co>. Press a key."},
                "options": {
                    "1": {"do": "transfer", "to": SALES, "ring_s": 20, "announce": {"say": "One moment."},
                          "otherwise": {"do": "voicemail", "mailbox": "sales"}},
                    "2": {"do": "submenu", "menu": "support"},
                    "3": {"do": "voicemail", "greeting": {"say": "After the tone."}, "max_s": 60},
                    "4": {"do": "survey", "survey": "csat"},
                    "*": {"do": "repeat"},
                    "#": {"do": "hangup", "say": {"say": "Bye."}},
                },
                "timeout_s": 4,
                "retries": 1,
                "no_input": {"say": "Are you there?"},
            },
            "support": {
                "greeting": {"play": "https://cdn.example.com/support.mp3"},
                "options": {"0": {"do": "submenu", "menu": "main"}, "9": {"do": "hangup"}},
            },
        },
        "surveys": {
            "csat": {
                "questions": [
                    {"id": "score", "ask": {"say": "How was it, 1 to 5?"}, "keys": "12345"},
                    {"id": "again", "ask": {"say": "Again? 1 or 2."}, "keys": "12", "retries": 0},
                ],
                "thanks": {"say": "Thank you."},
            },
        },
        "hours": {
            "time_zone": "America/New_York",
            "weekly": {"mon": day, "tue": day, "wed": day, "thu": day, "fri": day},
            "holidays": [{"date": "2026-12-25", "name": "Christmas", "say": {"say": "Merry Christmas."}}],
            "outside": {"say": {"say": "We are closed."}, "then": {"do": "voicemail", "mailbox": "night"}},
        },
    })
}

/// A small one: a key that hangs up.
pub fn small() -> Value {
    json!({"name": "Small", "start": "main", "menus": {"main": {"greeting": {"say": "Hello."}, "options": {"1": {"do": "hangup"}}}}})
}

/// Saves a menu and publishes it; gives the version.
pub fn publish(host: &MockHost, id: &str, menu: &Value) -> u64 {
    let saved = host.invoke::<Ivr>("save-menu", json!({"id": id, "menu": menu})).unwrap();
    assert_eq!(saved["problems"], json!([]));
    let version = saved["version"].as_u64().unwrap();
    host.invoke::<Ivr>("publish-menu", json!({"id": id, "version": version, "numbers": [NUMBER]})).unwrap();
    version
}

/// What is wrong with a menu, as path and words.
pub fn problems(host: &MockHost, menu: &Value) -> Vec<(String, String)> {
    let saved = host.invoke::<Ivr>("save-menu", json!({"id": "tried", "menu": menu})).unwrap();
    let found = saved["problems"].as_array().unwrap();
    assert_eq!(saved["valid"], found.is_empty());
    let text = |problem: &Value, name: &str| problem[name].as_str().unwrap().to_owned();
    found.iter().map(|problem| (text(problem, "path"), text(problem, "expected"))).collect()
}

/// The places of what is wrong.
pub fn places(host: &MockHost, menu: &Value) -> Vec<String> {
    problems(host, menu).into_iter().map(|(path, _)| path).collect()
}

/// A call at one of the carriers.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub host: &'a MockHost,
    pub carrier: Carrier,
    pub call: &'a str,
    pub from: &'a str,
    pub at: &'a str,
}

/// An answer, and its verbs.
#[derive(Debug, Clone)]
pub struct Told {
    pub answer: Value,
    pub verbs: Vec<Verb>,
}

impl<'a> Line<'a> {
    pub fn new(host: &'a MockHost, carrier: Carrier) -> Self {
        Self { host, carrier, call: "CA1", from: CALLER, at: OPEN }
    }

    pub fn at(self, at: &'a str) -> Self {
        Self { at, ..self }
    }

    pub fn named(self, call: &'a str) -> Self {
        Self { call, ..self }
    }

    pub fn input(&self, position: Option<&str>, request: &Value) -> Value {
        let dialect = match self.carrier {
            Carrier::Telnyx => "texml",
            Carrier::Twilio => "twiml",
        };
        json!({
            "dialect": dialect,
            "call": {"id": self.call, "from": self.from, "to": NUMBER, "direction": "inbound"},
            "callback_url": CALLBACK,
            "request": request,
            "position": position,
            "at": self.at,
        })
    }

    pub fn ask(&self, position: Option<&str>, request: &Value) -> Told {
        let answer = self.host.invoke::<Ivr>("answer", self.input(position, request)).unwrap();
        assert_eq!(answer["content_type"], "text/xml");
        let verbs = verbs::verbs(self.carrier, answer["document"].as_str().unwrap());
        Told { answer, verbs }
    }

    pub fn start(&self) -> Told {
        self.ask(None, &json!({"kind": "start"}))
    }

    pub fn press(&self, before: &Told, key: &str) -> Told {
        let position = before.position("Gather", "action");
        self.ask(Some(&position), &json!({"kind": "digits", "digits": key}))
    }

    /// Nothing is pressed: the carrier goes on to the redirect.
    pub fn wait(&self, before: &Told) -> Told {
        let redirect = before.verb("Redirect");
        self.ask(Some(&position(&redirect.text)), &json!({"kind": "redirect"}))
    }

    pub fn dialled(&self, before: &Told, status: &str) -> Told {
        let position = before.position("Dial", "action");
        self.ask(Some(&position), &json!({"kind": "dial-ended", "dial_status": status}))
    }

    pub fn recorded(&self, before: &Told) -> Told {
        let position = before.position("Record", "action");
        let recording = json!({"url": "https://carrier.example.com/RE1", "duration_s": 12, "id": "RE1"});
        self.ask(Some(&position), &json!({"kind": "recording", "recording": recording}))
    }
}

impl Told {
    pub fn verb(&self, name: &str) -> &Verb {
        self.verbs.iter().find(|verb| verb.name == name).unwrap_or_else(|| panic!("no {name} in {:?}", self.verbs))
    }

    pub fn position(&self, verb: &str, attribute: &str) -> String {
        position(self.verb(verb).attribute(attribute).unwrap())
    }

    /// What is spoken or played, in order.
    pub fn heard(&self) -> Vec<String> {
        fn of(verb: &Verb) -> Vec<String> {
            match verb.name.as_str() {
                "Say" | "Play" => vec![verb.text.clone()],
                _ => verb.nested.iter().flat_map(of).collect(),
            }
        }
        self.verbs.iter().flat_map(of).collect()
    }

    /// The names of the verbs, in order.
    pub fn names(&self) -> Vec<&str> {
        self.verbs.iter().map(|verb| verb.name.as_str()).collect()
    }

    /// What the call did.
    pub fn did(&self) -> Vec<&str> {
        self.answer["steps"].as_array().unwrap().iter().map(|step| step["did"].as_str().unwrap()).collect()
    }

    pub fn ended(&self) -> bool {
        self.answer["ended"].as_bool().unwrap()
    }
}

/// The state in a URL.
pub fn position(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    assert!(url.as_str().starts_with(CALLBACK), "{url}");
    url.query_pairs().find(|(name, _)| name == "ivr").unwrap().1.into_owned()
}
