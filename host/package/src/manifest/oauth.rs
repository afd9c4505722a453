//! How a plugin's connection is authorized by OAuth 2.0: the vendor's endpoints and its habits.
//!
//! The hub speaks the protocol, never the plugin, which sees only the credential that an access token fills. What
//! differs from vendor to vendor is said here, so that the hub has no code for any of them. The client's id and its
//! secret or key are not here: they are the operator's or the org's, and a package is public.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// OAuth 2.0 for the plugin's connection.
///
/// Endpoints are https URLs with a full host name and no port. A host may begin with a setting of the org in braces,
/// as in `https://{domain}.my.salesforce.com/services/oauth2/token`; a name of two labels or more follows it, and the
/// setting is a property of the schema in [`Config`](super::Config).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Oauth {
    /// The credential that the access token fills; one with an `inject`.
    pub credential: String,
    /// How the hub may come to a token. Default: `authorization-code` alone.
    #[serde(default = "code_alone")]
    pub grants: Vec<Grant>,
    /// Where a person consents. With the grant `authorization-code`, and only with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize_url: Option<String>,
    /// Where the hub gets tokens.
    pub token_url: String,
    /// What the vendor's answer to a consent says it is from, as `iss` (RFC 9207). If it is said here, an answer without it
    /// or with another is not taken. Default: it is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Where the hub gives tokens back (RFC 7009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_url: Option<String>,
    /// How the hub shows the vendor who it is. Default: `basic`.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The same for single grants, where the vendor wants another way for one: `client-auth-for = { jwt-bearer = "none" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub client_auth_for: BTreeMap<Grant, ClientAuth>,
    /// Proof that who redeems a code is who asked for it (RFC 7636). Default: `s256`.
    #[serde(default)]
    pub pkce: Pkce,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
    /// What more goes into the URL where a person consents, as in `access_type = "offline"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub authorize_parameters: BTreeMap<String, String>,
    /// What more goes into every request for tokens, as in `audience = "…"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub token_parameters: BTreeMap<String, String>,
    /// When tokens are renewed.
    #[serde(default)]
    pub refresh: Refresh,
    /// Whose account it is: for people to see, and what syncs and reconnecting by a link go by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// Where things are in the vendor's answers, if not where RFC 6749 puts them.
    #[serde(default)]
    pub answer: Answer,
    /// What the hub signs. With the grant `jwt-bearer` or the client authentication `private-key-jwt`, and only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Jwt>,
}

impl Oauth {
    /// How the hub shows the vendor who it is for a grant, and for what came of it.
    #[must_use]
    pub fn client_auth_of(&self, grant: Grant) -> ClientAuth {
        self.client_auth_for.get(&grant).copied().unwrap_or(self.client_auth)
    }

    /// True if the hub signs assertions for a grant.
    #[must_use]
    pub fn signs_for(&self, grant: Grant) -> bool {
        grant == Grant::JwtBearer || self.client_auth_of(grant) == ClientAuth::PrivateKeyJwt
    }
}

fn code_alone() -> Vec<Grant> {
    vec![Grant::AuthorizationCode]
}

/// A way to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// A person consents (RFC 6749, 4.1).
    AuthorizationCode,
    /// The client's own secret or key is enough (RFC 6749, 4.4).
    ClientCredentials,
    /// The hub signs for an account (RFC 7523, 2.1).
    JwtBearer,
}

impl Grant {
    /// The grant as it is written in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization-code",
            Self::ClientCredentials => "client-credentials",
            Self::JwtBearer => "jwt-bearer",
        }
    }
}

/// How the hub shows a vendor who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// Id and secret by HTTP Basic, each form-encoded (RFC 6749, 2.3.1).
    #[default]
    Basic,
    /// Id and secret in the form.
    Post,
    /// The id alone: a public client. For the grant `authorization-code` it needs PKCE.
    None,
    /// A signed assertion (RFC 7523, 2.2).
    PrivateKeyJwt,
}

/// Proof key for code exchange. The method `plain` was rejected: it proves nothing to who reads the URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pkce {
    /// The code's redeemer shows what the SHA-256 in the URL was made of.
    #[default]
    S256,
    /// For a vendor that refuses what it does not know.
    Off,
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scopes {
    /// Without these the connection is not complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Asked for as well; a person may leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<String>,
    /// What stands between them. Default: `space`, as RFC 6749 has it.
    #[serde(default)]
    pub separator: Separator,
}

impl Scopes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All of them, the required ones first.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.required.iter().chain(&self.optional).map(String::as_str)
    }
}

/// What stands between scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Separator {
    /// A space.
    #[default]
    Space,
    /// A comma.
    Comma,
}

impl Separator {
    /// The character.
    #[must_use]
    pub const fn as_char(self) -> char {
        match self {
            Self::Space => ' ',
            Self::Comma => ',',
        }
    }
}

/// When tokens are renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Refresh {
    /// How long before its end a token is renewed, in seconds, at most a day. Never more than half of the token's
    /// life. Default: 300.
    #[serde(default = "five_minutes")]
    pub margin_seconds: u32,
    /// A refresh may be sent again when its answer was lost. Not so with a vendor that gives a new refresh token with each
    /// refresh and takes the old one no more: it takes the second time for theft, and ends all that came of the consent.
    /// Default: false.
    #[serde(default)]
    pub repeatable: bool,
    /// How long an access token lives, in seconds, when the vendor does not say. Default: until the vendor refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_seconds: Option<u32>,
    /// The longest that tokens rest, in seconds, at least 60: they are renewed then although they are good, for a vendor
    /// that ends refresh tokens which nobody uses, or that does not say when access tokens end. Default: as long as they
    /// are good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u32>,
}

fn five_minutes() -> u32 {
    300
}

impl Default for Refresh {
    fn default() -> Self {
        Self { margin_seconds: five_minutes(), repeatable: false, lifetime_seconds: None, idle_seconds: None }
    }
}

/// Where the account's id and name are: JSON Pointers into the answer of `url`, or without one into the vendor's
/// answer with the tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Account {
    /// Asked by GET with the access token as a bearer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What stays the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where things are in the vendor's answers: JSON Pointers, and the vendor's own words for what went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Answer {
    /// The access token. Default: `/access_token`.
    pub access_token: String,
    /// The refresh token. Default: `/refresh_token`.
    pub refresh_token: String,
    /// Seconds until the access token ends, as a number or as digits. Default: `/expires_in`.
    pub expires_in: String,
    /// What was granted: one text or a list. Default: `/scope`.
    pub scope: String,
    /// The token's type. Default: `/token_type`.
    pub token_type: String,
    /// Types that are bearer tokens, whatever the case of their letters; so is a token without a type. Default:
    /// `bearer` alone.
    pub token_types: Vec<String>,
    /// The code of what went wrong, whatever the HTTP status: one place, or a list of them of which the first with a code
    /// that means something counts. Default: `/error`.
    #[serde(deserialize_with = "one_or_many")]
    pub error: Vec<String>,
    /// What went wrong, in words. Default: `/error_description`.
    pub error_description: String,
    /// Codes that mean `invalid_grant`: the connection must be authorized again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invalid_grant: Vec<String>,
    /// Codes that mean `invalid_client`: the client's id, secret or key is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invalid_client: Vec<String>,
    /// Codes that mean: later it may work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transient: Vec<String>,
    /// What is kept of the answer beside the tokens, as in `instance_url = "/instance_url"`. No secrets: it is shown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keep: BTreeMap<String, String>,
    /// What of `keep` an org's settings have to say too, as in `instance_url = "/instance_url"`: names of `keep`, each with a JSON
    /// Pointer into the settings. For a vendor whose tokens are for one host: an authorization for another is not taken, and tokens
    /// of one go into no request. A slash at the end makes no difference.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a JSON Pointer or a list of them")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            access_token: "/access_token".to_owned(),
            refresh_token: "/refresh_token".to_owned(),
            expires_in: "/expires_in".to_owned(),
            scope: "/scope".to_owned(),
            token_type: "/token_type".to_owned(),
            token_types: vec!["bearer".to_owned()],
            error: vec!["/error".to_owned()],
            error_description: "/error_description".to_owned(),
            invalid_grant: Vec::new(),
            invalid_client: Vec::new(),
            transient: Vec::new(),
            keep: BTreeMap::new(),
            settings: BTreeMap::new(),
        }
    }
}

/// What the hub signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Jwt {
    /// By which algorithm, and so with which kind of key.
    pub algorithm: JwtAlgorithm,
    /// For whom. It may be a URL that begins with a setting, as endpoints may. Default: the token URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// With the grant `jwt-bearer` a client may do without a subject: the vendor knows by the issuer for whom it signs.
    /// Default: false.
    #[serde(default)]
    pub subject_optional: bool,
    /// How long an assertion is good, in seconds: 30 to 3,600. Default: 120.
    #[serde(default = "two_minutes")]
    pub lifetime_seconds: u32,
    /// The scopes go into the assertion of `jwt-bearer` too, as `scope`. Default: false.
    #[serde(default)]
    pub scope_claim: bool,
    /// What more the assertion of `jwt-bearer` claims.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
}

fn two_minutes() -> u32 {
    120
}

/// An algorithm of signatures, by its name in RFC 7518 and 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JwtAlgorithm {
    /// RSA PKCS#1 1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}
