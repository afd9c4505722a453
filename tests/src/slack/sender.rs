//! Slack as a sender: events, commands and interactions, signed as Slack signs them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use url::form_urlencoded::Serializer;

/// The check of a signature that Slack's documentation has, and one of ours: slack_sdk 3.47.0 accepts both.
pub mod vector {
    /// From the documentation: the signing secret.
    pub const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    /// Unix seconds of the signature.
    pub const TIME: i64 = 1_531_420_618;
    /// The signed bytes: a slash command.
    pub const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    /// The header that goes with them.
    pub const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    /// Ours: the signing secret.
    pub const OUR_SECRET: &str = "3b9f0c6d1e2a4857b6c9d8e7f0a1b2c3";
    /// Unix seconds of the signature.
    pub const OUR_TIME: i64 = 1_793_491_200;
    /// The signed bytes: an event.
    pub const OUR_BODY: &str = r#"{"type":"event_callback","team_id":"T0TEST","api_app_id":"A0TEST","event":{"type":"app_mention","user":"U0TEST","text":"<@U0BOT> hi","ts":"1793491199.000100","channel":"C0TEST","event_ts":"1793491199.000100"},"event_id":"Ev0TEST01","event_time":1793491199}"#;
    /// The header that goes with them.
    pub const OUR_SIGNATURE: &str = "v0=93f9c4f4b198527906e7f52b8495db0306ac6af48f4efa3d4338a090fcf3d766";
}

/// What Slack sends for an app.
#[derive(Debug, Clone)]
pub struct SlackSender {
    secret: String,
}

impl SlackSender {
    /// Signs with this secret: its text, not what it would be as hexadecimal digits.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned() }
    }

    /// The value of `X-Slack-Signature` for a body at a time (Unix seconds).
    #[must_use]
    pub fn sign(&self, time: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(format!("v0:{time}:{body}").as_bytes());
        format!("v0={}", hex::encode(mac.finalize().into_bytes()))
    }

    /// An event in its envelope, as text.
    #[must_use]
    pub fn event(id: &str, time: i64, event: &Value) -> String {
        json!({
            "token": "deprecated", "team_id": "T0TEST", "api_app_id": "A0TEST", "event": event, "type": "event_callback",
            "event_id": id, "event_time": time, "event_context": "4-abc",
            "authorizations": [{"enterprise_id": null, "team_id": "T0TEST", "user_id": "U0BOT", "is_bot": true, "is_enterprise_install": false}],
        })
        .to_string()
    }

    /// A slash command, as a form.
    #[must_use]
    pub fn command(command: &str, text: &str, trigger: &str) -> String {
        Serializer::new(String::new())
            .extend_pairs([
                ("token", "deprecated"),
                ("team_id", "T0TEST"),
                ("team_domain", "acme"),
                ("channel_id", "C0TEST"),
                ("channel_name", "general"),
                ("user_id", "U0ADA"),
                ("user_name", "ada"),
                ("command", command),
                ("text", text),
                ("api_app_id", "A0TEST"),
                ("is_enterprise_install", "false"),
                ("response_url", "https://hooks.slack.com/commands/T0TEST/1/canaryResponse"),
                ("trigger_id", trigger),
            ])
            .finish()
    }

    /// The press of a button, as a form.
    #[must_use]
    pub fn press(action: &str, trigger: &str) -> String {
        let payload = json!({
            "type": "block_actions", "token": "deprecated", "user": {"id": "U0ADA"}, "team": {"id": "T0TEST"},
            "channel": {"id": "C0TEST"}, "api_app_id": "A0TEST", "trigger_id": trigger,
            "response_url": "https://hooks.slack.com/actions/T0TEST/1/canaryResponse",
            "actions": [{"action_id": action, "block_id": "b1", "type": "button", "value": "42", "action_ts": "1.2"}],
        });
        Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{SlackSender, vector};

    #[test]
    fn the_sender_makes_both_vectors() {
        let signed = |secret: &str, time, body| SlackSender::new(secret).sign(time, body);
        assert_eq!(signed(vector::SECRET, vector::TIME, vector::BODY), vector::SIGNATURE);
        assert_eq!(signed(vector::OUR_SECRET, vector::OUR_TIME, vector::OUR_BODY), vector::OUR_SIGNATURE);
    }
}
