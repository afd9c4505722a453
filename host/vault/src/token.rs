//! Tokens that the hub gives out: API keys, sessions, connect sessions, invitations.
//!
//! All are 256 random bits behind a prefix that says what they are, so that one is never taken for another, a scanner finds
//! them in places where they do not belong, and junk is told from them without a question to the database.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use patchbay_model::Random;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// 32 bytes in base64url.
const RANDOM_LENGTH: usize = 43;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Calls the API for an org.
    ApiKey,
    /// A member who signed in.
    Session,
    /// An end user who connects an account.
    Connect,
    /// Somebody who may become a member.
    Invitation,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::Session, Self::Connect, Self::Invitation];

    /// What a token of this kind begins with. None is the beginning of another.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "pb_",
            Self::Session => "pbs_",
            Self::Connect => "pbc_",
            Self::Invitation => "pbi_",
        }
    }

    /// A new token of this kind: the prefix, and 43 characters of base64url for 32 random bytes.
    #[must_use]
    pub fn generate(self, random: &dyn Random) -> SecretString {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(bytes.as_mut_slice());
        let mut token = String::with_capacity(self.prefix().len() + RANDOM_LENGTH);
        token.push_str(self.prefix());
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut token);
        SecretString::from(token)
    }

    /// True for a text that could be a token of this kind. Costs nothing.
    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        text.len() == self.prefix().len() + RANDOM_LENGTH
            && text.strip_prefix(self.prefix()).is_some_and(|rest| {
                rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            })
    }

    /// The kind that a text could be a token of.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.fits(text))
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_token_is_its_prefix_and_256_bits_and_of_one_kind() {
        for kind in TokenKind::ALL {
            let token = kind.generate(&SeededRandom::new(1));
            let rest = token.expose_secret().strip_prefix(kind.prefix()).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.decode(rest).unwrap().len(), 32);
            assert_ne!(token.expose_secret(), kind.generate(&SeededRandom::new(2)).expose_secret());
            assert_eq!(TokenKind::ALL.iter().filter(|kind| kind.fits(token.expose_secret())).count(), 1);
            assert_eq!(TokenKind::of(token.expose_secret()), Some(kind));
        }
    }

    #[test]
    fn junk_is_no_token() {
        let good = format!("pb_{}", "aZ0-_".repeat(9).get(..43).unwrap());
        assert!(TokenKind::ApiKey.fits(&good));
        for junk in ["", "pb_", "sk-abc", &good.replace("pb_", "pc_"), &format!("{good}x"), &good.replace('0', "é")] {
            assert_eq!(TokenKind::of(junk), None, "{junk}");
        }
    }
}
