//! What Slack's words for a failure mean.
//!
//! Slack answers 200 to nearly everything and says in a word what went wrong. The caller is told the HTTP status that fits
//! the word, so that what treats failures by their status does right by Slack's, too.

use patchbay_sdk::{Error, UpstreamFailure};

/// How long to wait where Slack says that it is too much and not for how long: as long as its slowest methods' limit.
const DEFAULT_WAIT_MS: u64 = 60_000;

/// The longest message of Slack that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// The connection has to be made anew, or its token renewed.
const UNAUTHORIZED: [&str; 6] =
    ["not_authed", "invalid_auth", "token_revoked", "token_expired", "account_inactive", "org_login_required"];

/// Trying again later helps.
const PASSING: [&str; 4] = ["internal_error", "fatal_error", "service_unavailable", "request_timeout"];

const MISSING: [&str; 8] = [
    "channel_not_found",
    "user_not_found",
    "users_not_found",
    "message_not_found",
    "team_not_found",
    "thread_not_found",
    "view_not_found",
    "unknown_method",
];

const FORBIDDEN: [&str; 22] = [
    "missing_scope",
    "not_in_channel",
    "is_archived",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "method_not_supported_for_channel_type",
    "not_allowed_token_type",
    "no_permission",
    "access_denied",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "team_access_not_granted",
    "two_factor_setup_required",
    "cant_update_message",
    "cant_delete_message",
    "edit_window_closed",
    "compliance_exports_prevent_deletion",
    "user_not_in_channel",
    "messages_tab_disabled",
];

/// What Slack says beside the word.
#[derive(Debug, Default)]
pub(crate) struct Details {
    /// Scopes that the method needs.
    pub(crate) needed: Option<String>,
    /// Scopes that the token has.
    pub(crate) provided: Option<String>,
    /// Sentences, as for blocks that are not valid.
    pub(crate) messages: Vec<String>,
    /// How long Slack asks to wait, in milliseconds.
    pub(crate) wait_ms: Option<u64>,
}

/// The failure behind a word of Slack.
pub(crate) fn of(word: &str, details: Details) -> Error {
    if UNAUTHORIZED.contains(&word) {
        return Error::Reauthorize(format!("Slack does not take the token: {word}"));
    }
    let limited = matches!(word, "ratelimited" | "rate_limited" | "message_limit_exceeded");
    let status = match word {
        _ if limited => 429,
        _ if PASSING.contains(&word) => 503,
        _ if MISSING.contains(&word) => 404,
        _ if FORBIDDEN.contains(&word) => 403,
        _ => 400,
    };
    let wait = details.wait_ms.or(limited.then_some(DEFAULT_WAIT_MS));
    let message = message(word, &details);
    Error::Upstream(UpstreamFailure { status, code: Some(word.to_owned()), message, retry_after_ms: wait })
}

fn message(word: &str, details: &Details) -> String {
    let mut text = match word {
        "not_in_channel" => {
            "the app is not in the channel: invite it, or let it join with join-conversation".to_owned()
        }
        "channel_not_found" => "there is no such channel, or the app does not see it: invite it there".to_owned(),
        "missing_scope" => {
            let needed = details.needed.as_deref().unwrap_or("another scope");
            let provided = details.provided.as_deref().unwrap_or("others");
            format!("the token needs {needed} and has {provided}: connect Slack again with it")
        }
        "is_archived" => "the channel is archived".to_owned(),
        "ratelimited" | "rate_limited" => "Slack asks to wait".to_owned(),
        "users_not_found" => "nobody in the workspace has this email address".to_owned(),
        "expired_trigger_id" | "exchanged_trigger_id" => {
            "the trigger is used up: one is good once, for three seconds".to_owned()
        }
        word => format!("Slack refused it: {word}"),
    };
    for more in &details.messages {
        text.push_str("; ");
        text.push_str(more);
    }
    text.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(word: &str) -> Option<u16> {
        match of(word, Details::default()) {
            Error::Upstream(failure) => Some(failure.status),
            _ => None,
        }
    }

    #[test]
    fn words_have_the_status_that_fits_them() {
        for (word, expected) in [
            ("channel_not_found", 404),
            ("not_in_channel", 403),
            ("invalid_blocks", 400),
            ("internal_error", 503),
            ("ratelimited", 429),
            ("a_word_of_tomorrow", 400),
        ] {
            assert_eq!(status(word), Some(expected), "{word}");
        }
        for word in UNAUTHORIZED {
            assert!(matches!(of(word, Details::default()), Error::Reauthorize(_)), "{word}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let details = Details {
            needed: Some("chat:write".into()),
            provided: Some("users:read".into()),
            messages: vec!["[ERROR] must be less than 51 items".into()],
            wait_ms: None,
        };
        let text = of("missing_scope", details).to_string();
        assert!(text.contains("needs chat:write and has users:read") && text.contains("51 items"), "{text}");
    }
}
