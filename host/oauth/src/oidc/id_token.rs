//! What a provider says of who signed in, and whether it is the provider who says it (OpenID Connect Core 1.0, 3.1.3.7).

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::{Identity, OidcError, OidcProvider, discovery::Described};

/// By public keys alone, and by none that is out of date. `none` and all that a shared secret makes are not here.
const ALGORITHMS: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS512];
/// Clocks differ, in seconds.
const SKEW: f64 = 60.0;
/// A token is made for this answer; one that lay somewhere is not, in seconds.
const OLDEST: f64 = 600.0;
/// The longest subject, by the specification.
const MAX_SUBJECT: usize = 255;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<Truth>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, client: &str) -> bool {
        match self {
            Self::One(name) => name == client,
            Self::Several(names) => names.iter().any(|name| name == client),
        }
    }

    fn is_one(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Several(names) => names.len() == 1,
        }
    }
}

/// Some providers write truth as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Truth {
    Bool(bool),
    Text(String),
}

impl OidcProvider {
    /// Checks a token and gives what it says.
    pub(super) async fn verify(
        &self,
        token: &SecretString,
        nonce: &SecretString,
        described: &Described,
    ) -> Result<Identity, OidcError> {
        let token = token.expose_secret();
        let refused = |why| Err(OidcError::Token(why));
        let header = match decode_header(token) {
            Ok(header) => header,
            Err(_) => return refused("it is no signed token, or by an algorithm that is not known"),
        };
        if !ALGORITHMS.contains(&header.alg) {
            return refused("it is signed by an algorithm that is not taken");
        }
        if header.crit.is_some() {
            return refused("it calls for extensions that are not known");
        }
        let Some(key) = self.key(&described.keys, header.kid.as_deref(), header.alg).await? else {
            return refused("it is signed by a key that the provider does not list");
        };
        // Signature alone: the rest is checked by the hub's own clock, and more strictly.
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims: Claims = match decode(token, &key, &validation) {
            Ok(decoded) => decoded.claims,
            Err(_) => return refused("its signature is wrong, or a claim is missing"),
        };
        self.check(&claims, nonce)?;
        let email_verified = match claims.email_verified {
            Some(Truth::Bool(truth)) => truth,
            Some(Truth::Text(text)) => text == "true",
            None => false,
        };
        Ok(Identity { subject: claims.sub, email: claims.email, email_verified, name: claims.name })
    }

    fn check(&self, claims: &Claims, nonce: &SecretString) -> Result<(), OidcError> {
        let client = &self.settings.client_id;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in 53 bits for ages")]
        let now = self.net.clock.now().timestamp() as f64;
        let said = claims.nonce.as_deref().unwrap_or_default();
        let rules = [
            (claims.iss == self.settings.issuer, "it is of another issuer"),
            (claims.aud.names(client), "it is for another client"),
            // Several may read it, so it has to say for whom it was made.
            (claims.aud.is_one() || claims.azp.is_some(), "it is for several clients and does not say whose it is"),
            (claims.azp.as_ref().is_none_or(|azp| azp == client), "it was made for another client"),
            (claims.exp + SKEW > now, "it has expired"),
            (claims.iat - SKEW <= now, "it was made in the future"),
            (claims.iat + OLDEST + SKEW > now, "it was made too long ago"),
            (claims.nbf.is_none_or(|nbf| nbf - SKEW <= now), "it does not count yet"),
            (said.as_bytes().ct_eq(nonce.expose_secret().as_bytes()).into(), "it is not for this sign-in"),
            (!claims.sub.is_empty() && claims.sub.len() <= MAX_SUBJECT, "it does not say who it is about"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, why)) => Err(OidcError::Token(why)),
            None => Ok(()),
        }
    }
}
