//! What can go wrong between the hub and a vendor's endpoints, told apart by what helps.
//!
//! A vendor's own words are in these errors, because they are what an admin can look up; they are redacted, cut and
//! without control characters. What a body holds that cannot be read is never quoted: it may be a token.

use std::{fmt, time::Duration};

use patchbay_egress::EgressError;
use patchbay_model::{Code, Failure, Upstream};

use crate::SetupError;

/// What a vendor said when it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorAnswer {
    /// HTTP status.
    pub status: u16,
    /// The vendor's code, as in `invalid_grant`; at most 100 characters.
    pub code: Option<String>,
    /// The vendor's words; at most 200 characters.
    pub description: Option<String>,
}

impl fmt::Display for VendorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, ", {code}")?;
        }
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        Ok(())
    }
}

/// A request of the protocol that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OauthError {
    /// `invalid_grant`: the code, refresh token or assertion counts no more.
    #[error("the vendor no longer accepts the authorization ({0}): authorize the connection again")]
    InvalidGrant(VendorAnswer),
    /// The token has ended and there is no refresh token to get another one with.
    #[error("the access token has ended and the vendor gave no refresh token: authorize the connection again")]
    NoRefreshToken,
    /// The vendor's API takes the access token no more, and nothing that the hub can do gets one that it takes.
    #[error("the vendor no longer takes the access token: authorize the connection again")]
    TokenRefused,
    /// Another client, or another token endpoint, than those that the tokens or the consent came by. Nothing was sent.
    #[error(
        "the client at the vendor or the vendor's token endpoint was replaced since: authorize the connection again"
    )]
    OtherParties,
    /// The vendor's answer is for something else than what the org's settings name. The tokens go into no request.
    #[error("{}", other_settings(.setting, .told.as_deref()))]
    OtherSettings {
        /// Where the setting is: a JSON Pointer.
        setting: String,
        /// What the vendor says; at most 500 characters.
        told: Option<String>,
    },
    /// `invalid_client`: who registered the client must put it right.
    #[error(
        "the vendor does not accept the hub as its client ({0}): check the client's id, its secret or key, and what it is registered for"
    )]
    InvalidClient(VendorAnswer),
    /// Any other refusal.
    #[error("the vendor refused ({0})")]
    Refused(VendorAnswer),
    /// The vendor cannot answer now; later it may.
    #[error("the vendor cannot answer now: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
        /// The HTTP status, if there was an answer.
        status: Option<u16>,
        /// The vendor's wish.
        retry_after: Option<Duration>,
    },
    /// The answer is not one that the protocol knows.
    #[error("the vendor's answer cannot be used: {0}")]
    Malformed(String),
    /// The way out does not lead there.
    #[error("{0}")]
    Blocked(EgressError),
    /// The manifest or the registration does not allow what was asked.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

fn other_settings(setting: &str, told: Option<&str>) -> String {
    match told {
        Some(told) => format!(
            "the authorization is for {told}, and the setting {setting} says otherwise: change it, or authorize the connection with \
             the account that it names"
        ),
        None => format!(
            "the vendor did not say what the setting {setting} has to be compared with: authorize the connection again"
        ),
    }
}

impl OauthError {
    /// True if nothing but a new authorization helps.
    #[must_use]
    pub const fn needs_authorization(&self) -> bool {
        matches!(self, Self::InvalidGrant(_) | Self::NoRefreshToken | Self::TokenRefused | Self::OtherParties)
    }

    /// True if what was authorized has ended and stays so.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::InvalidGrant(_) | Self::NoRefreshToken | Self::TokenRefused)
    }

    /// True if the same may succeed later without anybody doing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// When the vendor wants to be asked again.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<EgressError> for OauthError {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Timeout | EgressError::Unreachable(_) | EgressError::BrokenOff(_) => {
                Self::Unavailable { reason: error.to_string(), status: None, retry_after: None }
            }
            EgressError::HeadersTooLarge(text) | EgressError::BodyTooLarge(text) => Self::Malformed(text),
            error => Self::Blocked(error),
        }
    }
}

impl From<OauthError> for Failure {
    fn from(error: OauthError) -> Self {
        let detail = error.to_string();
        let failed = |code, answer: &VendorAnswer| Self {
            upstream: Some(Upstream { status: answer.status, code: answer.code.clone() }),
            ..Self::new(code, detail.clone())
        };
        match &error {
            OauthError::InvalidGrant(answer) => failed(Code::ReauthorizationNeeded, answer),
            OauthError::NoRefreshToken | OauthError::TokenRefused | OauthError::OtherParties => {
                Self::new(Code::ReauthorizationNeeded, detail)
            }
            OauthError::InvalidClient(answer) | OauthError::Refused(answer) => failed(Code::UpstreamError, answer),
            OauthError::Unavailable { status, retry_after, .. } => {
                let code = if *status == Some(429) { Code::UpstreamRateLimited } else { Code::UpstreamUnavailable };
                let upstream = status.map(|status| Upstream { status, code: None });
                Self { retry_after: *retry_after, upstream, ..Self::new(code, detail) }
            }
            OauthError::Malformed(_) => Self::new(Code::UpstreamError, detail),
            OauthError::Blocked(error) => Self::new(error.code(), detail),
            OauthError::OtherSettings { .. } => Self::new(Code::Conflict, detail),
            OauthError::Setup(_) => Self::new(Code::ConnectionMissing, detail),
        }
    }
}
