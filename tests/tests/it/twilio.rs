//! Twilio, from a ringing call to the minute on the bill: menu, object, Slack, endpoint; and who its webhooks are from.

use std::{io::Write as _, process::Stdio, sync::Arc, time::Duration};

use patchbay_model::SystemClock;
use patchbay_tests::{
    Fixture, Org, Reply, Slack, TestHub, TestReceiver, Twilio, TwilioSender,
    slack::CHANNEL,
    twilio::{ACCOUNT, API_KEY, Fault, TOKEN},
};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    endpoints::scene::{endpoint_at, on_this_machine},
    sdk,
};

const CALLER: &str = "+14155550123";
const NUMBER: &str = "+14155550199";
const SALES: &str = "+14155550100";
const CALL: &str = "CA00000000000000000000000000000001";
const CHILD: &str = "CA00000000000000000000000000000002";
const SOON: Duration = Duration::from_secs(60);

struct Scene {
    hub: TestHub,
    org: Org,
    twilio: Twilio,
    slack: Slack,
    receiver: TestReceiver,
}

type Form<'a> = Vec<(&'a str, &'a str)>;

impl Scene {
    async fn start() -> Self {
        let (twilio, receiver) = (Twilio::start().await, TestReceiver::start().await);
        let slack = Slack::start(Arc::new(SystemClock)).await;
        let setup = TestHub::setup().edit(on_this_machine);
        let setup = setup.upstream("api.twilio.com", &twilio.url()).upstream("slack.com", &slack.url());
        let hub = setup.start().await;
        let org = hub.org("acme").await;
        for plugin in ["twilio", "ivr", "slack"] {
            let _ = org.upload(Fixture::plugin(plugin).pack()).await.expect(201);
        }
        Self { hub, org, twilio, slack, receiver }
    }

    /// Switches Twilio on for an org; gives the whole webhook URL.
    async fn connect(&self, org: &Org, more: Value) -> String {
        let mut config = json!({"account_sid": ACCOUNT});
        for (name, value) in more.as_object().unwrap() {
            config[name.as_str()] = value.clone();
        }
        let installed = org.install("twilio", config).await.expect(200).json();
        let _ = org.connect("twilio", "auth_token", TOKEN).await.expect(200);
        installed["webhook_url"].as_str().unwrap().to_owned()
    }

    /// A menu with one key, on the number.
    async fn menu(&self, org: &Org) {
        let _ = org.install("ivr", json!({})).await.expect(200);
        let menu = json!({
            "name": "Front desk", "start": "main",
            "menus": {"main": {
                "greeting": {"say": "Press one for sales."},
                "options": {"1": {"do": "transfer", "to": SALES, "ring_s": 20}},
            }},
        });
        let saved = org.act("ivr", "save-menu", &json!({"id": "main", "menu": menu})).await.expect(200).json();
        assert_eq!(saved["output"]["problems"], json!([]));
        let publish = json!({"id": "main", "version": saved["output"]["version"], "numbers": [NUMBER]});
        let _ = org.act("ivr", "publish-menu", &publish).await.expect(200);
    }

    /// Posts a form as Twilio would.
    async fn post(&self, org: &Org, url: &str, form: &Form<'_>) -> Reply {
        let path = url.strip_prefix(&self.hub.url).unwrap();
        TwilioSender::new(TOKEN).post(org, url, path, form).send().await
    }

    async fn call(&self, org: &Org) -> Option<Value> {
        let reply = org.get(&format!("/v1/records/call/twilio:{CALL}")).await;
        (reply.status == 200).then(|| reply.json()["data"].clone())
    }

    /// The call once it is over, with its path through the menu.
    async fn ended(&self, org: &Org) -> Value {
        let done = || async {
            self.hub.hub.process_due_webhooks().await.unwrap();
            let call = self.call(org).await?;
            let path = call["extra"]["ivr"].to_string();
            (call["status"] == "completed" && call["duration_s"] == 61 && path.contains("transfer")).then_some(call)
        };
        org.wait_for(SOON, done).await
    }
}

fn arriving<'a>() -> Form<'a> {
    vec![
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", CALL),
        ("CallStatus", "ringing"),
        ("CallerName", ""),
        ("Direction", "inbound"),
        ("From", CALLER),
        ("To", NUMBER),
    ]
}

/// A request during the call, with more.
fn during<'a>(more: &[(&'a str, &'a str)]) -> Form<'a> {
    let mut form: Form<'a> = arriving().into_iter().filter(|(name, _)| *name != "CallStatus").collect();
    form.push(("CallStatus", "in-progress"));
    form.extend(more);
    form
}

fn over<'a>() -> Form<'a> {
    let mut form: Form<'a> = arriving().into_iter().filter(|(name, _)| *name != "CallStatus").collect();
    form.extend([
        ("CallStatus", "completed"),
        ("CallDuration", "61"),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", "1"),
        ("Timestamp", "Mon, 02 Nov 2026 15:01:06 +0000"),
    ]);
    form
}

fn child_over<'a>() -> Form<'a> {
    vec![
        ("AccountSid", ACCOUNT),
        ("CallSid", CHILD),
        ("ParentCallSid", CALL),
        ("CallStatus", "completed"),
        ("CallDuration", "30"),
        ("CallbackSource", "call-progress-events"),
        ("Direction", "outbound-dial"),
        ("From", CALLER),
        ("To", SALES),
        ("SequenceNumber", "3"),
        ("Timestamp", "Mon, 02 Nov 2026 15:01:05 +0000"),
    ]
}

/// A call without what the hub's own clock tells: when its menu did what.
fn by_twilio(mut call: Value) -> Value {
    let members = call.as_object_mut().unwrap();
    members.remove("extra");
    members.remove("started_at");
    call
}

/// Where a document has the answer sent.
fn action(document: &str, verb: &str) -> String {
    let rest = document.split(&format!("<{verb}")).nth(1).unwrap_or_else(|| panic!("no {verb} in {document}"));
    let value = rest.split("action=\"").nth(1).unwrap_or_else(|| panic!("no action in {document}"));
    value.split('"').next().unwrap().replace("&amp;", "&")
}

pub async fn a_call_goes_through_its_menu_to_slack_to_an_endpoint_and_on_the_bill() {
    let scene = Scene::start().await;
    let org = &scene.org;
    let _ = org.install("slack", json!({"alerts_channel": CHANNEL})).await.expect(200);
    let _ = org.connect("slack", "bot_token", &scene.slack.token(&["chat:write"])).await.expect(200);
    let hook = scene.connect(org, json!({})).await;
    scene.menu(org).await;
    let _ = endpoint_at(org, &scene.receiver, json!({})).await;

    let greeting = scene.post(org, &hook, &arriving()).await.expect(200);
    assert!(greeting.header("content-type").unwrap().starts_with("text/xml"), "{:?}", greeting.headers);
    assert!(greeting.text().contains("Press one for sales."), "{}", greeting.text());
    let pressed = action(&greeting.text(), "Gather");
    let dial = scene.post(org, &pressed, &during(&[("Digits", "1")])).await.expect(200).text();
    assert!(dial.contains(SALES), "{dial}");
    let dialled = action(&dial, "Dial");
    let ended = [("DialCallSid", CHILD), ("DialCallStatus", "completed"), ("DialCallDuration", "30")];
    let goodbye = scene.post(org, &dialled, &during(&ended)).await.expect(200).text();
    assert!(goodbye.contains("<Response"), "{goodbye}");
    for form in [child_over(), over()] {
        let _ = scene.post(org, &hook, &form).await.expect(200);
    }
    let call = scene.ended(org).await;
    assert_eq!((&call["from"], &call["to"], &call["direction"]), (&json!(CALLER), &json!(NUMBER), &json!("inbound")));
    org.wait_for(SOON, || async { (org.metered("twilio", "minute").await == 3).then_some(()) }).await;
    assert_eq!(org.metered("twilio", "call").await, 1);
    let told = || async {
        scene.hub.hub.process_due_deliveries().await.unwrap();
        let slack = scene.slack.messages().iter().any(|message| message["text"].to_string().contains("Call completed"));
        let endpoint = scene.receiver.received().iter().any(|one| {
            let event = one.json();
            event["type"] == "call.updated" && event["data"]["record"]["status"] == "completed"
        });
        (slack && endpoint).then_some(())
    };
    org.wait_for(SOON, told).await;
    let runs = org.runs("ivr").await;
    assert!(runs.iter().any(|run| run["operation"] == "answer"), "{runs:#?}");

    // the same in another order and twice
    let other = scene.hub.org("other").await;
    let their_hook = scene.connect(&other, json!({})).await;
    scene.menu(&other).await;
    let theirs = |url: &str| url.replace(&hook, &their_hook);
    let (pressed, dialled) = (theirs(&pressed), theirs(&dialled));
    let digits = during(&[("Digits", "1")]);
    let after = during(&ended);
    let (parent, child, start) = (over(), child_over(), arriving());
    let shuffled: [(&str, &Form<'_>); 8] = [
        (&their_hook, &parent),
        (&dialled, &after),
        (&their_hook, &child),
        (&pressed, &digits),
        (&their_hook, &parent),
        (&their_hook, &start),
        (&pressed, &digits),
        (&their_hook, &child),
    ];
    for (url, form) in shuffled {
        let _ = scene.post(&other, url, form).await.expect(200);
    }
    let same = || async {
        scene.hub.hub.process_due_webhooks().await.unwrap();
        let (ours, theirs) = (by_twilio(scene.call(org).await?), by_twilio(scene.call(&other).await?));
        (ours == theirs).then_some(())
    };
    other.wait_for(SOON, same).await;
    // the call is the same before the call that it was transferred to is over, which may be told last
    other.wait_for(SOON, || async { (other.metered("twilio", "minute").await == 3).then_some(()) }).await;
    assert_eq!((other.metered("twilio", "call").await, other.metered("twilio", "minute").await), (1, 3));
    assert_eq!(scene.twilio.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_answered_and_metered_by_its_parts() {
    let scene = Scene::start().await;
    let org = &scene.org;
    let hook = scene.connect(org, json!({"api_key_sid": API_KEY.0})).await;
    let credentials = json!({"credentials": {"auth_token": TOKEN, "api_key_secret": API_KEY.1}});
    let _ = org.call("PUT", "/v1/connections/twilio").json(&credentials).send().await.expect(200);
    let input = json!({"to": CALLER, "from": NUMBER, "body": "x".repeat(200)});
    let sent = org.act("twilio", "send-sms", &input).await.expect(200).json();
    let sid = sent["output"]["sid"].as_str().unwrap().to_owned();
    assert_eq!(org.metered("twilio", "sms").await, 2);
    for status in ["delivered", "sent"] {
        let form = vec![("MessageSid", sid.as_str()), ("MessageStatus", status), ("From", NUMBER), ("To", CALLER)];
        let _ = scene.post(org, &hook, &form).await.expect(200);
    }
    let stop = vec![
        ("MessageSid", "SM0000000000000000000000000000ffff"),
        ("SmsStatus", "received"),
        ("From", CALLER),
        ("To", NUMBER),
        ("Body", "STOP"),
    ];
    let _ = scene.post(org, &hook, &stop).await.expect(200);
    let done = || async {
        scene.hub.hub.process_due_webhooks().await.unwrap();
        let reply = org.get(&format!("/v1/records/message/twilio:{sid}")).await;
        let came = org.get("/v1/records/message/twilio:SM0000000000000000000000000000ffff").await;
        (came.status == 200 && reply.json()["data"]["status"] == "delivered").then_some(())
    };
    org.wait_for(SOON, done).await;
    org.act("twilio", "send-sms", &input).await.expect_problem("invalid_input");
    scene.twilio.fail("POST", [Fault::Status(429)]);
    let other = json!({"to": "+14155550124", "from": NUMBER, "body": "x"});
    org.act("twilio", "send-sms", &other).await.expect_problem("upstream_rate_limited");
    assert_eq!(scene.twilio.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_bought_for_the_price_that_was_shown_and_never_twice() {
    let scene = Scene::start().await;
    let org = &scene.org;
    let prices = json!({"prices": [{"country": "US", "kind": "local", "monthly": 115, "currency": "USD"}]});
    let hook = scene.connect(org, prices).await;
    let search = json!({"country": "US", "kind": "local", "area_code": 628, "features": ["voice", "sms"], "limit": 3});
    let found = org.act("twilio", "search-numbers", &search).await.expect(200).json();
    let number = found["output"]["numbers"][0]["phone_number"].as_str().unwrap().to_owned();
    let mut order = json!({"phone_number": number, "country": "US", "kind": "local"});
    let quote = org.act("twilio", "buy-number", &order).await.expect(200).json()["output"].clone();
    assert_eq!(quote["status"], "quoted");
    assert!(scene.twilio.bought().is_empty());
    order["confirm"] = quote["monthly"].clone();
    // it is sold, and the answer is lost
    scene.twilio.fail("POST", [Fault::CutAfter]);
    let lost = org.act("twilio", "buy-number", &order).await;
    assert!(lost.status >= 500, "{}", lost.text());
    assert_eq!(scene.twilio.paid_for().len(), 1);
    let again = org.act("twilio", "buy-number", &order).await.expect(200).json()["output"].clone();
    assert_eq!((&again["status"], scene.twilio.bought().len()), (&json!("owned"), 1));
    assert_eq!(scene.twilio.bought()[0].voice_url, hook);
    let sid = again["number"]["sid"].as_str().unwrap();
    // who holds a number is not taken away with it
    org.call("DELETE", "/v1/installations/twilio").send().await.expect_problem("conflict");
    assert_eq!(scene.hub.hub.numbers_held(org.id).await.unwrap(), 1);
    let release = json!({"sid": sid, "confirm": number});
    let _ = org.act("twilio", "release-number", &release).await.expect(200);
    assert!(scene.twilio.paid_for().is_empty());
    assert_eq!(org.call("DELETE", "/v1/installations/twilio").send().await.status, 204);
    assert_eq!(scene.twilio.violations(), Vec::<String>::new());
}

/// A request as a mutation leaves it.
struct Case {
    /// Behind the hook's URL.
    query: String,
    media: &'static str,
    body: String,
    signature: String,
}

/// Forty ways to get a request wrong, and some that are right.
fn cases(sender: &TwilioSender, hook: &str) -> Vec<Case> {
    let form = arriving();
    let encoded = |form: &Form<'_>| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let right = sender.sign(hook, &form);
    let body = encoded(&form);
    let case = |query: &str, body: String, signature: String| Case {
        query: query.to_owned(),
        media: "application/x-www-form-urlencoded",
        body,
        signature,
    };
    let mut all = vec![case("", body.clone(), right.clone())];
    // each parameter left out, doubled with another value, emptied, and renamed in case
    for index in 0..form.len() {
        let mut without = form.clone();
        let (name, value) = without.remove(index);
        all.push(case("", encoded(&without), right.clone()));
        let mut doubled = form.clone();
        doubled.push((name, "other"));
        all.push(case("", encoded(&doubled), right.clone()));
        let mut repeated = form.clone();
        repeated.push((name, value));
        all.push(case("", encoded(&repeated), right.clone()));
        let lower = name.to_lowercase();
        let mut renamed: Vec<(String, String)> =
            form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        renamed[index].0 = lower;
        let renamed = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&renamed).finish();
        all.push(case("", renamed, right.clone()));
    }
    // and the signature itself, and the URL
    let other = TwilioSender::new("fedcba98765432100123456789abcdef").sign(hook, &form);
    let swapped: String = right.chars().rev().collect();
    for signature in [other, swapped, right.to_lowercase(), format!("{right}="), String::new(), "x".repeat(28)] {
        all.push(case("", body.clone(), signature));
    }
    for query in ["?a=1", "?a=1&a=1", "?bodySHA256=00"] {
        all.push(case(query, body.clone(), right.clone()));
        all.push(case(query, body.clone(), sender.sign(&format!("{hook}{query}"), &form)));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_own_check_and_ours_agree() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start().await;
    let hook = scene.connect(&scene.org, json!({})).await;
    let cases = cases(&TwilioSender::new(TOKEN), &hook);
    assert!(cases.len() >= 40);
    let mut file = tempfile::tempfile().unwrap();
    for case in &cases {
        let line = json!({"url": format!("{hook}{}", case.query), "body": case.body, "signature": case.signature});
        writeln!(file, "{line}").unwrap();
    }
    std::io::Seek::rewind(&mut file).unwrap();
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("twilio_signatures.py")).env("TOKEN", TOKEN).stdin(Stdio::from(file));
    let output = command.kill_on_drop(true).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts: Vec<bool> = printed.lines().map(|line| line == "true").collect();
    assert_eq!(verdicts.len(), cases.len(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(verdicts.iter().filter(|accepted| !**accepted).count() >= 25, "{printed}");
    let path = hook.strip_prefix(&scene.hub.url).unwrap();
    for (case, accepted) in cases.iter().zip(verdicts) {
        let call = scene.org.without_key("POST", &format!("{path}{}", case.query)).body(case.media, case.body.clone());
        let reply = call.header("x-twilio-signature", &case.signature).send().await;
        assert_eq!(reply.status == 200, accepted, "{} {} {}: {}", case.query, case.body, case.signature, reply.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twilio_sdk_for_python_works_with_base_url_and_key_changed() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start().await;
    let hook = scene.connect(&scene.org, json!({})).await;
    for index in 0..9 {
        let _ = scene.twilio.buy_by_hand(&format!("+1415555010{index}"), "by hand");
    }
    let mut command = Command::new(interpreter);
    command
        .arg(sdk::script("twilio_sdk.py"))
        .env("HUB_URL", format!("{}/v1/proxy/twilio", scene.hub.url))
        .env("HUB_KEY", &scene.org.key)
        .env("HOOK", &hook)
        .env("NO_PROXY", "127.0.0.1");
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    for line in ["listed: 9", "sent: queued", "called: queued", "ended: completed", "found: 3", "refused: 401"] {
        assert!(printed.lines().any(|own| own == line), "no {line:?} in {printed}");
    }
    let org = &scene.org;
    assert_eq!((org.metered("twilio", "sms").await, org.metered("twilio", "call").await), (1, 1));
    assert_eq!(scene.twilio.violations(), Vec::<String>::new());
}
