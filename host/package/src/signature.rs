//! Publishers' keys and signatures, in minisign's formats.
//!
//! minisign was chosen over certificates and over keyless signing: a key is one line of text that an
//! operator pastes into a configuration, verifying needs no network and no clock, and keys made with the
//! tool of that name work. Only its prehashed form is accepted. The trusted comment is fixed, so that
//! one key's signature of something else is never taken for a package's.
//!
//! The signature is embedded as the last section and covers every byte before it. Its own section must
//! be encoded the one canonical way, so that nobody can give the same contents another digest by
//! padding a length.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minisign::{KeyPair, SecretKeyBox};

use crate::{
    PackageError, Trust,
    section::{self, SIGNATURE, Section},
};

/// What every signature of a package says of itself.
const TRUSTED_COMMENT: &str = "patchbay plugin package";

/// Longer than any signature text; what is larger is refused unread.
const MAX_SIGNATURE_BYTES: usize = 2_048;

/// A publisher's public key.
#[derive(Clone)]
pub struct PublicKey {
    inner: minisign_verify::PublicKey,
    id: String,
    base64: String,
}

impl PublicKey {
    /// 16 upper-case hexadecimal digits: what minisign shows, and how a publisher is called.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.id
    }
}

impl FromStr for PublicKey {
    type Err = PackageError;

    /// Takes the bare base64 (`RW…`) or the text of a `.pub` file.
    fn from_str(text: &str) -> Result<Self, PackageError> {
        let base64 = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with("untrusted comment:"))
            .unwrap_or_default();
        let wrong = |_| {
            PackageError::Key(
                "not a minisign public key: give its base64 line, which starts with RW, or the text of its .pub file"
                    .to_owned(),
            )
        };
        let inner = minisign_verify::PublicKey::from_base64(base64).map_err(|error| wrong(error.to_string()))?;
        let id = key_id(base64).map_err(wrong)?;
        Ok(Self { inner, id, base64: base64.to_owned() })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base64)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.id).finish()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.base64 == other.base64
    }
}

impl Eq for PublicKey {}

/// The key's id out of minisign's binary layout: two bytes of algorithm, then eight of id.
fn key_id(base64: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(base64).map_err(|error| error.to_string())?;
    let id: [u8; 8] = bytes.get(2..10).and_then(|id| id.try_into().ok()).ok_or("too short")?;
    Ok(format!("{:016X}", u64::from_le_bytes(id)))
}

/// A publisher's secret key, ready to sign. It has no `Debug`: it must not be printed.
pub struct SecretKey(minisign::SecretKey);

impl SecretKey {
    /// True if the text of a key file is encrypted with a passphrase.
    ///
    /// # Errors
    /// [`PackageError::Key`] if it is no secret key at all.
    pub fn needs_passphrase(text: &str) -> Result<bool, PackageError> {
        let bytes = text.lines().nth(1).and_then(|line| STANDARD.decode(line.trim()).ok()).unwrap_or_default();
        match bytes.get(..4) {
            Some([b'E', b'd', 0, 0]) => Ok(false),
            Some([b'E', b'd', _, _]) => Ok(true),
            _ => Err(PackageError::Key("not a minisign secret key: give the file that `plugin keygen` wrote".into())),
        }
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`PackageError::Key`] if it is not one, or if the passphrase is missing or wrong.
    pub fn parse(text: &str, passphrase: Option<String>) -> Result<Self, PackageError> {
        let boxed = SecretKeyBox::from(text.to_owned());
        let key = match (Self::needs_passphrase(text)?, passphrase) {
            (false, _) => boxed.into_unencrypted_secret_key(),
            (true, Some(passphrase)) => boxed.into_secret_key(Some(passphrase)),
            (true, None) => return Err(PackageError::Key("the secret key needs its passphrase".to_owned())),
        };
        key.map(Self).map_err(|error| PackageError::Key(format!("the secret key cannot be used: {error}")))
    }

    /// The text of a detached signature over these bytes.
    ///
    /// # Errors
    /// [`PackageError::Key`] if the system gives no randomness.
    pub fn sign(&self, bytes: &[u8]) -> Result<String, PackageError> {
        minisign::sign(None, &self.0, bytes, Some(TRUSTED_COMMENT), Some("signature of a patchbay plugin"))
            .map(minisign::SignatureBox::into_string)
            .map_err(|error| PackageError::Key(format!("signing failed: {error}")))
    }
}

/// A new pair of keys, as the texts of their files.
pub struct NewKeys {
    /// For the operators who shall trust it.
    pub public: PublicKey,
    /// The text of the `.pub` file.
    pub public_text: String,
    /// The text of the secret key's file.
    pub secret_text: String,
}

/// Makes a pair of keys; with a passphrase the secret one is encrypted.
///
/// # Errors
/// [`PackageError::Key`] if the system gives no randomness or not the memory to stretch the passphrase.
pub fn generate(passphrase: Option<String>) -> Result<NewKeys, PackageError> {
    let failed = |error: minisign::PError| PackageError::Key(format!("no key could be made: {error}"));
    let pair = match passphrase {
        Some(passphrase) => KeyPair::generate_encrypted_keypair(Some(passphrase)),
        None => KeyPair::generate_unencrypted_keypair(),
    }
    .map_err(failed)?;
    let public_text = pair.pk.to_box().map_err(failed)?.into_string();
    let secret_text = pair.sk.to_box(Some("patchbay publisher's secret key")).map_err(failed)?.into_string();
    Ok(NewKeys { public: public_text.parse()?, public_text, secret_text })
}

/// The signature section of a package: the bytes that it covers, its text, and whose it says it is.
struct Embedded<'a> {
    covered: &'a [u8],
    text: &'a str,
    key_id: String,
}

fn embedded<'a>(bytes: &'a [u8], sections: &[Section<'a>]) -> Result<Option<Embedded<'a>>, PackageError> {
    let Some(section) = sections.iter().find(|section| section.name == SIGNATURE) else { return Ok(None) };
    if section.range.end != bytes.len() {
        return Err(PackageError::AfterSignature);
    }
    let malformed = |reason: &str| PackageError::SignatureMalformed(reason.to_owned());
    let (covered, own) = bytes.split_at_checked(section.range.start).ok_or_else(|| malformed("it has no place"))?;
    if section.data.len() > MAX_SIGNATURE_BYTES {
        return Err(malformed("it is too long"));
    }
    let mut canonical = Vec::with_capacity(own.len());
    section::append(&mut canonical, SIGNATURE, section.data);
    if canonical != own {
        return Err(malformed("its section is padded"));
    }
    let text = std::str::from_utf8(section.data).map_err(|_| malformed("it is not text"))?;
    let line = text.lines().nth(1).ok_or_else(|| malformed("it has one line"))?;
    let key_id = key_id(line).map_err(|reason| malformed(&reason))?;
    Ok(Some(Embedded { covered, text, key_id }))
}

/// The id of the key that a package says it was signed with, unverified: for tools that show it.
///
/// # Errors
/// If there is a signature section that is not one.
pub fn claimed(bytes: &[u8], sections: &[Section<'_>]) -> Result<Option<String>, PackageError> {
    Ok(embedded(bytes, sections)?.map(|embedded| embedded.key_id))
}

/// Verifies the signature of a package and gives the publisher's key id; none for an unsigned package
/// where such are allowed. A signature that is there is always verified.
///
/// # Errors
/// Every way in which the signature is missing, misplaced, unreadable, foreign or wrong.
pub fn check(bytes: &[u8], sections: &[Section<'_>], trust: &Trust) -> Result<Option<String>, PackageError> {
    let Some(Embedded { covered, text, key_id }) = embedded(bytes, sections)? else {
        return if trust.allow_unsigned { Ok(None) } else { Err(PackageError::Unsigned) };
    };
    let signature = minisign_verify::Signature::decode(text)
        .map_err(|error| PackageError::SignatureMalformed(error.to_string().to_lowercase()))?;
    let mut same_id = trust.publishers.iter().filter(|publisher| publisher.id == key_id).peekable();
    if same_id.peek().is_none() {
        return Err(PackageError::UntrustedPublisher { key_id });
    }
    // Key ids are 64 random bits that anybody can copy, so several keys may share one.
    let verified = same_id.any(|publisher| publisher.inner.verify(covered, &signature, false).is_ok());
    if !verified {
        return Err(PackageError::SignatureMismatch { key_id });
    }
    if signature.trusted_comment() != TRUSTED_COMMENT {
        return Err(PackageError::SignatureMalformed(format!(
            "its trusted comment is not {TRUSTED_COMMENT:?}, so it was made for something else"
        )));
    }
    Ok(Some(key_id))
}
