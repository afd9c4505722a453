//! Why a request did not go out, or its answer did not come in.

use std::time::Duration;

use patchbay_model::{Code, Failure};

/// A failure of the way out. Its texts are for the plugin's author and the caller: they name hosts, never
/// a query, never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The manifest or the operator does not allow the destination; names what would.
    #[error("{0}")]
    Denied(String),
    /// The destination is an address that no plugin may reach.
    #[error("{0}")]
    AddressDenied(String),
    /// Too many or too large headers, up or down.
    #[error("{0}")]
    HeadersTooLarge(String),
    /// The body passes the cap on its size or on its decompression.
    #[error("{0}")]
    BodyTooLarge(String),
    /// The time for the headers, or the whole call's, is over.
    #[error("the vendor did not answer in time")]
    Timeout,
    /// The vendor asked for a pause that is longer than what there is time for; nothing was sent.
    #[error("the vendor asked not to be called for another {} s", .0.as_secs_f64().ceil())]
    Paused(Duration),
    /// No connection; nothing was sent.
    #[error("{0}")]
    Unreachable(String),
    /// The exchange broke off after it had begun: the vendor may have seen the request.
    #[error("{0}")]
    BrokenOff(String),
    /// The guest's request is not one that HTTP allows.
    #[error("{0}")]
    InvalidRequest(String),
}

impl EgressError {
    /// True if the vendor cannot have done anything of the request, because it cannot have seen it.
    #[must_use]
    pub const fn is_unseen(&self) -> bool {
        matches!(
            self,
            Self::Denied(_) | Self::AddressDenied(_) | Self::Paused(_) | Self::Unreachable(_) | Self::InvalidRequest(_)
        )
    }

    /// The code that goes with it.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Denied(_) => Code::EgressDenied,
            Self::AddressDenied(_) => Code::EgressAddressDenied,
            Self::HeadersTooLarge(_) => Code::EgressHeadersTooLarge,
            Self::BodyTooLarge(_) => Code::EgressBodyTooLarge,
            Self::Timeout => Code::UpstreamTimeout,
            Self::Paused(_) => Code::VendorRateLimited,
            Self::Unreachable(_) | Self::BrokenOff(_) => Code::UpstreamUnavailable,
            Self::InvalidRequest(_) => Code::PluginError,
        }
    }
}

impl From<EgressError> for Failure {
    fn from(error: EgressError) -> Self {
        let failure = Self::new(error.code(), error.to_string());
        match error {
            EgressError::Paused(wait) => failure.retry_after(wait),
            _ => failure,
        }
    }
}
