//! People: who signs in, who is a member of what, and end users who connect an account.
//!
//! A user is the hub's and may be a member of several orgs; a session acts in one of them, the one that was chosen when it
//! began, and another one begins for another org. So a request never has to say for which org it is, and no tab of a browser
//! writes into the org that another tab changed to. Rejected: a header that names the org, which each client would have to
//! send right each time; and a session that changes its org in place, which every open tab would follow without notice.

pub(crate) mod attempts;
pub(crate) mod connect_sessions;
pub(crate) mod invitations;
pub(crate) mod members;
pub(crate) mod oidc;
pub(crate) mod passwords;
pub(crate) mod sessions;
pub(crate) mod sign_in;

use std::net::IpAddr;

use chrono::Duration;
use email_address::{EmailAddress, Options};
use patchbay_model::Failure;

/// A session that is not used for so long has ended.
pub(crate) const IDLE: Duration = Duration::hours(12);
/// A session ends after so long, however much it is used.
pub(crate) const LONGEST: Duration = Duration::days(30);
/// The longest e-mail address, in bytes (RFC 5321).
const MOST_EMAIL: usize = 254;

/// What is known of the program at the other end, for people who look at their sessions and for the audit log.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// From where it asks.
    pub address: Option<IpAddr>,
    /// What it calls itself.
    pub user_agent: Option<String>,
}

impl Client {
    /// The user agent in one line, and short.
    fn user_agent(&self) -> Option<String> {
        let text = self.user_agent.as_ref()?;
        let text: String = text.chars().filter(|character| !character.is_control()).take(200).collect();
        Some(text).filter(|text| !text.is_empty())
    }
}

/// An e-mail address as it is stored: in lower case. `invalid_input` at this place for what is none.
pub(crate) fn email(pointer: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let options = Options::default().without_display_text().without_domain_literal();
    let good = text.is_ascii()
        && text.len() <= MOST_EMAIL
        && !text.contains(['"', '\\'])
        && !text.chars().any(|character| character.is_control() || character.is_whitespace())
        && EmailAddress::parse_with_options(text, options).is_ok();
    if good { Ok(text.to_ascii_lowercase()) } else { Err(Failure::violation(pointer, "an e-mail address")) }
}

#[cfg(test)]
mod tests;
