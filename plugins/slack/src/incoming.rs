//! URLs that take a message and ask for no token: an app's incoming webhook, and the `response_url` of a command or a press
//! of a button. They answer in plain text.

use patchbay_sdk::{Error, UpstreamFailure, clock, http};
use serde::Serialize;

/// The credential in the manifest. The URL is the secret, so the hub puts it in: what is written here in its place is never
/// sent.
const WEBHOOK: &str = "webhook_url";

/// Has the shape that the manifest's egress allows.
const PLACEHOLDER: &str = "https://hooks.slack.com/services/incoming/webhook/url";

const HOOKS: &str = "https://hooks.slack.com/";

/// Posts to the connection's incoming webhook.
pub(crate) fn post<T: Serialize + ?Sized>(message: &T) -> Result<(), Error> {
    let response = http::Request::post(PLACEHOLDER).json(message)?.credential(WEBHOOK).fetch()?;
    match told(&response) {
        Told::Posted => Ok(()),
        // The URL is no more: nothing will come of it until the connection has another.
        Told::Gone(word) => {
            Err(Error::Reauthorize(format!("Slack does not know the incoming webhook's URL any more: {word}")))
        }
        Told::Failed(error) => Err(error),
    }
}

/// Answers a command or a press of a button, at the URL that came with it.
pub(crate) fn respond<T: Serialize + ?Sized>(response_url: &str, message: &T) -> Result<(), Error> {
    let path = response_url.strip_prefix(HOOKS).unwrap_or_default();
    if !(path.starts_with("commands/") || path.starts_with("actions/")) || path.contains(['?', '#', '@', '\\', ' ']) {
        return Err(Error::invalid(
            "/response_url",
            "the response_url of a command or an interaction, as in https://hooks.slack.com/commands/…",
        ));
    }
    let response = http::Request::post(response_url).json(message)?.fetch()?;
    match told(&response) {
        Told::Posted => Ok(()),
        Told::Gone(word) => Err(Error::Upstream(UpstreamFailure {
            status: response.status,
            code: Some(word),
            message: "the response_url is used up: one is good for five answers within 30 minutes".to_owned(),
            retry_after_ms: None,
        })),
        Told::Failed(error) => Err(error),
    }
}

enum Told {
    Posted,
    /// This URL takes nothing any more.
    Gone(String),
    Failed(Error),
}

fn told(response: &http::WholeResponse) -> Told {
    if response.is_success() {
        // 200 with `{"ok":false,"error":…}` is how response_url says that a message is wrong
        return match serde_json::from_slice::<Refusal>(&response.body) {
            Ok(Refusal { ok: false, error }) => {
                Told::Failed(crate::failure::of(&error.unwrap_or_default(), crate::failure::Details::default()))
            }
            _ => Told::Posted,
        };
    }
    let text = String::from_utf8_lossy(&response.body);
    let json = serde_json::from_slice::<Refusal>(&response.body).ok().and_then(|refusal| refusal.error);
    let word: String = json.as_deref().unwrap_or(text.trim()).chars().filter(|c| !c.is_control()).take(100).collect();
    let gone = matches!(
        (response.status, word.as_str()),
        (403, "invalid_token")
            | (404, "no_service" | "no_team" | "team_disabled" | "used_url" | "expired_url")
            | (410, "no_service")
    );
    if gone {
        return Told::Gone(word);
    }
    let wait = http::retry_after_ms(&response.headers, clock::now());
    let message = match word.as_str() {
        "" => format!("Slack answered with the status {}", response.status),
        word => format!("Slack refused it: {word}"),
    };
    let code = (!word.is_empty()).then_some(word);
    Told::Failed(Error::Upstream(UpstreamFailure { status: response.status, code, message, retry_after_ms: wait }))
}

#[derive(serde::Deserialize)]
struct Refusal {
    ok: bool,
    error: Option<String>,
}
