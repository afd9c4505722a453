//! What happens in the hub, told in channels.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_slack::Slack;
use patchbay_sdk::events::Event;
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::{Error, Violation};
use serde_json::{Value, json};

const HOOK: &str = "https://hooks.slack.com/services/incoming/webhook/url";

fn host(config: Value) -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("bot_token", "xoxb-canary");
    host.set_secret("webhook_url", "https://hooks.slack.com/services/T0/B0/canary");
    host.set_config(config);
    host
}

fn event(kind: &str, data: Value) -> Event {
    Event {
        id: "evt_1".into(),
        kind: kind.into(),
        subject: "in_1".into(),
        source: kind.split('.').next().unwrap().into(),
        time: 1_793_491_200_000,
        data: data.to_string(),
    }
}

fn invoice(amount: u64, customer: &str) -> Event {
    let object = json!({"amount_due": amount, "currency": "usd", "customer_email": customer, "hosted_invoice_url": "https://pay.example/i?a=1&b=2"});
    event("stripe.invoice.payment_failed", json!({"type": "invoice.payment_failed", "object": object}))
}

fn post() -> Exchange {
    Exchange::post("https://slack.com/api/chat.postMessage").credential("bot_token")
}

fn taken() -> Reply {
    Reply::json(200, &json!({"ok": true, "channel": "C1", "ts": "1.2"}))
}

/// Hands an event over, and does the jobs that come of it.
fn tell(host: &MockHost, event: Event) -> Result<(), Error> {
    host.deliver::<Slack>(event)?;
    host.work_off::<Slack>().map(drop)
}

/// The texts that were sent to Slack, in order.
fn texts(host: &MockHost) -> Vec<String> {
    host.sent().iter().map(|sent| sent.json()["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_event_is_told_in_the_words_of_its_template_with_values_escaped() {
    let host = host(json!({"notifications": [{
        "event": "stripe.invoice.payment_failed", "channel": "C1",
        "template": "*{{ data.object.customer_email }}* owes {{ data.object.amount_due | money(data.object.currency) }}{{ data.object.nothing.at.all }}",
    }]}));
    host.expect(
        post().json(json!({
            "channel": "C1", "text": "*&lt;!channel&gt; &amp; co* owes 49.00 USD",
            "metadata": {"event_type": "patchbay_notification", "event_payload": {"id": "evt_1:0"}},
        })),
        taken(),
    );
    tell(&host, invoice(4900, "<!channel> & co")).unwrap();
}

#[test]
fn each_message_is_a_job_and_what_was_posted_is_not_posted_again() {
    let host = host(json!({"notifications": [
        {"event": "stripe.*", "channel": "C1", "template": "one"},
        {"event": "*", "channel": "C2", "template": "two"},
    ]}));
    host.deliver::<Slack>(invoice(1, "a")).unwrap();
    host.deliver::<Slack>(invoice(1, "a")).unwrap();
    assert_eq!(host.jobs().len(), 2, "one for each message, however often the event comes");
    host.expect(post(), taken());
    host.expect(post(), Reply::json(200, &json!({"ok": false, "error": "internal_error"})));
    assert!(host.work_off::<Slack>().is_err(), "the second is to be tried again");
    host.expect(post(), taken());
    host.work_off::<Slack>().unwrap();
    // the event once more, after its jobs are done
    tell(&host, invoice(1, "a")).unwrap();
    assert_eq!(texts(&host), ["one", "two", "two"]);
}

#[test]
fn only_events_that_pass_the_filter_are_told() {
    let host = host(json!({"notifications": [{
        "event": "stripe.*", "channel": "C1", "template": "x", "filter": "data.object.amount_due >= 10000 and event.source == 'stripe'",
    }]}));
    tell(&host, invoice(9_999, "a")).unwrap();
    host.expect(post(), taken());
    tell(&host, invoice(10_000, "a")).unwrap();
    tell(&host, event("call.created", json!({"record": {}}))).unwrap();
}

#[test]
fn without_a_channel_the_incoming_webhook_is_used() {
    let host = host(json!({"notifications": [{"event": "call.updated", "template": "hi"}]}));
    host.expect(
        Exchange::post(HOOK).credential("webhook_url").json(json!({"text": "hi"})),
        Reply::status(200).chunk("ok"),
    );
    tell(&host, event("call.updated", json!({}))).unwrap();
}

#[test]
fn completed_calls_and_failed_payments_have_words_of_their_own() {
    let host = host(json!({"alerts_channel": "C9"}));
    let call = |status: &str, changed: &[&str]| {
        let record = json!({"status": status, "from": "+15550100", "to": "+15550199", "to_name": "Ada <3", "duration_s": 61, "summary": "wants\na refund"});
        event(
            "call.updated",
            json!({"object": "call", "id": "call_1", "version": 2, "changed": changed, "record": record}),
        )
    };
    tell(&host, call("in-progress", &["status"])).unwrap();
    tell(&host, call("completed", &["summary"])).unwrap();
    host.expect(post(), taken());
    tell(&host, call("completed", &["duration_s", "status"])).unwrap();
    host.expect(post(), taken());
    tell(&host, Event { id: "evt_2".into(), ..invoice(4900, "a@example.com") }).unwrap();
    assert_eq!(
        texts(&host),
        [
            ":telephone_receiver: *Call completed* from +15550100 to Ada &lt;3, 61 s\n>wants a refund",
            ":warning: *Payment failed*: 49.00 USD of a@example.com (<https://pay.example/i?a=1&amp;b=2|invoice>)",
        ]
    );
}

#[test]
fn any_other_event_is_told_by_its_type() {
    let host = host(json!({"notifications": [{"event": "*", "channel": "C1"}]}));
    host.expect(post(), taken());
    tell(&host, event("hubspot.deal.won", json!({}))).unwrap();
    assert_eq!(
        texts(&host),
        ["*hubspot.deal.won* in_1 (<!date^1793491200^{date_short_pretty} {time}|2026-11-01T00:00:00Z>)"]
    );
}

#[test]
fn slacks_own_events_are_told_only_where_they_are_named() {
    let host = host(
        json!({"notifications": [{"event": "*", "channel": "C1"}, {"event": "slack.team_join", "channel": "C2", "template": "welcome"}]}),
    );
    host.expect(post(), taken());
    tell(&host, event("slack.team_join", json!({}))).unwrap();
    tell(&host, event("slack.message", json!({}))).unwrap();
    assert_eq!(texts(&host), ["welcome"]);
}

#[test]
fn the_texts_of_blocks_are_templates_too() {
    let host = host(json!({"notifications": [{
        "event": "stripe.*", "channel": "C1", "template": "failed",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "{{ data.object.customer_email }}"}}],
    }]}));
    host.expect(post(), taken());
    tell(&host, invoice(1, "<b>")).unwrap();
    assert_eq!(host.sent()[0].json()["blocks"][0]["text"]["text"], "&lt;b&gt;");
}

#[test]
fn a_template_that_does_not_fit_an_event_holds_nothing_else_up() {
    let host = host(json!({"notifications": [
        {"event": "*", "channel": "C1", "template": "{{ data.text | date }}"},
        {"event": "*", "channel": "C2", "template": "{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}"},
        {"event": "*", "channel": "C3", "template": "{% if data.silent %}x{% endif %}"},
        {"event": "*", "channel": "C4", "template": "fine"},
    ]}));
    host.expect(post(), taken());
    tell(&host, event("a.b", json!({"text": "no time"}))).unwrap();
    assert_eq!(texts(&host), ["fine"]);
    assert_eq!(host.log().len(), 2, "the two that failed are in the log; the one that is empty is nobody's failure");
}

#[test]
fn a_message_that_is_too_large_holds_nothing_else_up() {
    let block = json!({"type": "section", "text": {"type": "mrkdwn", "text": "{{ data.text }}"}});
    let blocks = vec![block; 8];
    let host = host(json!({"notifications": [
        {"event": "*", "channel": "C1", "template": "x", "blocks": blocks},
        {"event": "*", "channel": "C2", "template": "fine"},
    ]}));
    host.expect(post(), taken());
    tell(&host, event("a.b", json!({"text": "x".repeat(39_000)}))).unwrap();
    assert_eq!(texts(&host), ["fine"]);
    assert_eq!(host.log().len(), 1);
}

#[test]
fn a_message_that_could_not_be_posted_is_not_told_by_a_message() {
    let host = host(json!({"notifications": [{"event": "*", "channel": "C1", "template": "{{ data.plugin }}"}]}));
    let failed = |plugin: &str| event("job.failed", json!({"job": "job_1", "kind": "task", "plugin": plugin}));
    tell(&host, failed("slack")).unwrap();
    host.expect(post(), taken());
    tell(&host, failed("stripe")).unwrap();
    assert_eq!(texts(&host), ["stripe"]);
}

#[test]
fn settings_that_cannot_work_are_pointed_at() {
    let host = host(json!({}));
    let wrong = |config: Value| -> Vec<String> {
        let violations = host.validate_config::<Slack>(&config).unwrap_err();
        violations.into_iter().map(|Violation { pointer, .. }| pointer).collect()
    };
    let one = |notification: Value| json!({"notifications": [notification]});
    for (config, place) in [
        (one(json!({"event": "Stripe!", "channel": "C"})), "/notifications/0/event"),
        (one(json!({"event": "*.x", "channel": "C"})), "/notifications/0/event"),
        (one(json!({"event": "a.b", "template": "{{ data"})), "/notifications/0/template"),
        (one(json!({"event": "a.b", "template": "{{ data | nosuchfilter }}"})), "/notifications/0/template"),
        (one(json!({"event": "a.b", "filter": "data ="})), "/notifications/0/filter"),
        (one(json!({"event": "a.b", "blocks": [{"type": "divider"}]})), "/notifications/0/template"),
        (
            one(
                json!({"event": "a.b", "template": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "{%"}}]}),
            ),
            "/notifications/0/blocks/0/text/text",
        ),
        (json!({"commands": [{"command": "/a", "template": "{{"}]}), "/commands/0/template"),
        (json!({"interactions": [{"id": "a", "answer": "ok"}]}), "/interactions/0/answer"),
        (
            json!({"bot_messages": true, "notifications": [{"event": "slack.message", "channel": "C"}]}),
            "/notifications/0/event",
        ),
    ] {
        assert_eq!(wrong(config.clone()), [place], "{config}");
    }
    let fine = json!({"notifications": [{"event": "a.b", "channel": "C", "template": "{{ data.x | default('y') | upper }}", "filter": "data.x in ['a', 'b']"}]});
    assert_eq!(host.validate_config::<Slack>(&fine), Ok(()));
}

#[test]
fn a_channel_that_slack_holds_back_waits() {
    let host = host(json!({"notifications": [{"event": "*", "channel": "C1", "template": "x"}]}));
    host.deliver::<Slack>(event("a.b", json!({}))).unwrap();
    let job = host.jobs().remove(0);
    let step = || {
        host.step::<Slack>(Task {
            job: job.id.clone(),
            kind: job.kind.clone(),
            payload: job.payload.to_string(),
            cursor: None,
            attempt: 1,
        })
    };
    host.expect(post(), Reply::json(429, &json!({"ok": false, "error": "ratelimited"})).header("retry-after", "7"));
    assert_eq!(step(), Ok(Outcome::Later(7_000)));
    host.expect(post(), Reply::fails(Error::RateLimited(3_000)));
    assert_eq!(step(), Ok(Outcome::Later(3_000)));
    host.expect(post(), Reply::json(200, &json!({"ok": false, "error": "channel_not_found"})));
    assert!(matches!(step(), Err(Error::Upstream(failure)) if failure.status == 404));
    host.expect(post(), taken());
    assert_eq!(step(), Outcome::done(&json!({"posted": true, "channel": "C1", "ts": "1.2"})));
    assert_eq!(step(), Outcome::done(&json!({"posted": true, "repeat": true})));
}
