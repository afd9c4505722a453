//! What is stored of passwords.
//!
//! People choose passwords that can be guessed, so the hash is slow and takes memory: Argon2id with the parameters that OWASP
//! gives as the least (19 MiB, two passes, one lane). Each hash says by which parameters it was made: when these change, the
//! old ones are told apart and made anew with the next sign-in.
//!
//! What this costs is a lever for whoever wants to keep the hub busy. Bounding how many are made at once is the caller's.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version, password_hash::phc::PasswordHash,
};
use patchbay_model::Random;
use secrecy::{ExposeSecret as _, SecretString};

use crate::VaultError;

/// In KiB.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT: usize = 32;
const SALT: usize = 16;

/// A hash that no password has, made by the present parameters: checked against in the place of one that is not there, so
/// that the time tells nobody whether it is.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// How a password compares with what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is another one, or nothing is stored.
    No,
    /// It is the one.
    Yes,
    /// It is the one, and should be hashed anew: by other parameters than today's.
    YesButOld,
}

fn hasher() -> Result<Argon2<'static>, VaultError> {
    let params = Params::new(MEMORY, PASSES, LANES, Some(OUTPUT)).map_err(|_| VaultError::Password)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password under a new salt, in the PHC's form. Takes some 20 ms and 19 MiB.
///
/// # Errors
/// There is not enough memory.
pub fn hash_password(password: &SecretString, random: &dyn Random) -> Result<String, VaultError> {
    let mut salt = [0; SALT];
    random.fill(&mut salt);
    let hash = hasher()?.hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
    Ok(hash.map_err(|_| VaultError::Password)?.to_string())
}

/// Compares a password with what is stored; takes as long if nothing is.
///
/// # Errors
/// There is not enough memory, or what is stored is no hash.
pub fn verify_password(password: &SecretString, stored: Option<&str>) -> Result<Verified, VaultError> {
    let hasher = hasher()?;
    let hash = PasswordHash::new(stored.unwrap_or(NOBODYS)).map_err(|_| VaultError::Password)?;
    match hasher.verify_password(password.expose_secret().as_bytes(), &hash) {
        Ok(()) if stored.is_none() => Ok(Verified::No),
        Ok(()) => Ok(if is_present(&hash) { Verified::Yes } else { Verified::YesButOld }),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verified::No),
        Err(_) => Err(VaultError::Password),
    }
}

/// True if a hash was made by today's parameters.
fn is_present(hash: &PasswordHash) -> bool {
    Params::try_from(hash).is_ok_and(|params| {
        let lengths = hash.hash.as_ref().map(|output| output.as_bytes().len());
        hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into())
            && (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY, PASSES, LANES)
            && lengths == Some(OUTPUT)
    })
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let hash = hash_password(&secret("correct horse battery"), &SeededRandom::new(1)).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(verify_password(&secret("correct horse battery"), Some(&hash)).unwrap(), Verified::Yes);
        assert_eq!(verify_password(&secret("correct horse batterx"), Some(&hash)).unwrap(), Verified::No);
        let again = hash_password(&secret("correct horse battery"), &SeededRandom::new(2)).unwrap();
        assert_ne!(hash, again, "each has a salt of its own");
    }

    #[test]
    fn one_made_by_other_parameters_is_told_apart() {
        let params = Params::new(1024, 1, 1, Some(32)).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = weak.hash_password_with_salt(b"correct horse battery", &[7; 16]).unwrap().to_string();
        assert_eq!(verify_password(&secret("correct horse battery"), Some(&hash)).unwrap(), Verified::YesButOld);
        assert_eq!(verify_password(&secret("x"), Some(&hash)).unwrap(), Verified::No);
    }

    #[test]
    fn where_nothing_is_stored_the_same_is_done_and_nobody_gets_in() {
        assert_eq!(verify_password(&secret(""), None).unwrap(), Verified::No);
        assert!(is_present(&PasswordHash::new(NOBODYS).unwrap()), "it takes as long as a real one");
    }

    #[test]
    fn what_is_no_hash_is_an_error_that_does_not_quote_it() {
        let error = verify_password(&secret("x"), Some("canary")).unwrap_err();
        assert!(!error.to_string().contains("canary"));
    }
}
