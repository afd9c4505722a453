//! What the browser brings back from the vendor.
//!
//! Anybody can send a browser to the hub's redirect URL with whatever query: nothing here is believed before the state
//! has been found among what the hub itself began.

use std::fmt;

use patchbay_model::{Code, Failure};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded;

use crate::StateHash;

/// The longest value of a parameter, in bytes.
const MAX_VALUE: usize = 4_096;
/// The longest text of a vendor that is shown, in characters.
const MAX_TEXT: usize = 200;

/// The answer of a vendor's authorization endpoint, from the query of the redirect.
pub struct Callback {
    state: SecretString,
    issuer: Option<String>,
    answer: Result<SecretString, CallbackError>,
}

/// An answer that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// Not an answer of OAuth 2.0.
    #[error("the answer is not one of OAuth 2.0: {0}")]
    Malformed(&'static str),
    /// No authorization waits for it.
    #[error(
        "no authorization waits for this answer: it was used already, took too long, or was never begun; begin again"
    )]
    NotPending,
    /// It comes from another browser.
    #[error("the authorization was begun in another browser: begin again and stay in one")]
    OtherBrowser,
    /// It comes from another authorization server.
    #[error("the answer is not from the vendor that was asked: begin again")]
    OtherIssuer,
    /// The person said no.
    #[error("access was denied at the vendor")]
    Denied,
    /// The vendor said no.
    #[error("the vendor refused: {0}")]
    Refused(String),
}

impl Callback {
    /// Reads the query of the redirect, without its question mark.
    ///
    /// # Errors
    /// If there is no state, neither or both of a code and an error, or a parameter twice or too long.
    pub fn parse(query: &str) -> Result<Self, CallbackError> {
        let [mut state, mut code, mut error, mut description, mut issuer] = [const { None }; 5];
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                "error_description" => &mut description,
                "iss" => &mut issuer,
                _ => continue,
            };
            if place.is_some() {
                return Err(CallbackError::Malformed("a parameter is there twice"));
            }
            if value.len() > MAX_VALUE {
                return Err(CallbackError::Malformed("a parameter is too long"));
            }
            *place = Some(value.into_owned());
        }
        let state = state.filter(|state| !state.is_empty()).ok_or(CallbackError::Malformed("it has no state"))?;
        let answer = match (code.filter(|code| !code.is_empty()), error) {
            (Some(code), None) => Ok(SecretString::from(code)),
            (None, Some(error)) if error == "access_denied" => Err(CallbackError::Denied),
            (None, Some(error)) => {
                let text = description.map_or_else(|| error.clone(), |description| format!("{error}: {description}"));
                Err(CallbackError::Refused(text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()))
            }
            (Some(_), Some(_)) => return Err(CallbackError::Malformed("it has both a code and an error")),
            (None, None) => return Err(CallbackError::Malformed("it has neither a code nor an error")),
        };
        Ok(Self { state: state.into(), issuer, answer })
    }

    /// Under which the pending authorization is stored.
    #[must_use]
    pub fn state(&self) -> StateHash {
        StateHash::of(self.state.expose_secret())
    }

    pub(crate) fn answers(&self, state: StateHash) -> bool {
        state.is_of(self.state.expose_secret())
    }

    /// `issuer` is what the answer has to say it is from, if anything.
    pub(crate) fn into_code(self, issuer: Option<&str>) -> Result<SecretString, CallbackError> {
        if issuer.is_some() && issuer != self.issuer.as_deref() {
            return Err(CallbackError::OtherIssuer);
        }
        self.answer
    }

    /// The code, if the answer says that it is of this issuer or says nothing of that.
    pub(crate) fn into_code_of(self, issuer: &str) -> Result<SecretString, CallbackError> {
        if self.issuer.as_ref().is_some_and(|said| said != issuer) {
            return Err(CallbackError::OtherIssuer);
        }
        self.answer
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback([redacted])")
    }
}

impl From<CallbackError> for Failure {
    fn from(error: CallbackError) -> Self {
        let code = match &error {
            CallbackError::Malformed(_) => Code::InvalidRequest,
            CallbackError::NotPending | CallbackError::OtherBrowser | CallbackError::OtherIssuer => Code::Conflict,
            CallbackError::Denied | CallbackError::Refused(_) => Code::UpstreamError,
        };
        Self::new(code, error.to_string())
    }
}
