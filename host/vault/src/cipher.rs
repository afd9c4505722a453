//! AES-256-GCM with a random nonce, bound to a place.
//!
//! 96 random bits stay unique for some 2^32 messages per key; an org changes its credentials a few times a year. A
//! counter would need a place that survives restored backups.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use patchbay_model::Random;
use zeroize::Zeroizing;

/// How many bytes a key has.
pub(crate) const KEY_LEN: usize = 32;

/// A key's bytes; wiped when dropped.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_LEN]>;

/// The cipher could not do it: a wrong key, changed bytes, another place.
#[derive(Debug)]
pub(crate) struct Refused;

/// A value's place, as associated data: each part with its length before it, so that no two places can be spelled
/// alike.
pub(crate) fn place(parts: &[&[u8]]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        framed.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        framed.extend_from_slice(part);
    }
    framed
}

/// The nonce, then the ciphertext and its tag.
pub(crate) fn seal(key: &KeyBytes, place: &[u8], plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, Refused> {
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce);
    let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
    text.extend_from_slice(plain);
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut *text)
        .map_err(|_| Refused)?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + text.len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&text);
    Ok(sealed)
}

/// What [`seal`] was given, if key and place are the same and no byte was changed.
pub(crate) fn open(key: &KeyBytes, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(Refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Refused)?;
    let mut plain = Zeroizing::new(text.to_vec());
    let length = cipher(key)?.open_in_place(nonce, Aad::from(place), &mut plain).map_err(|_| Refused)?.len();
    plain.truncate(length);
    Ok(plain)
}

fn cipher(key: &KeyBytes) -> Result<LessSafeKey, Refused> {
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(|_| Refused)
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;

    use super::*;

    #[test]
    fn a_changed_byte_anywhere_does_not_open() {
        let key = Zeroizing::new([7; KEY_LEN]);
        let sealed = seal(&key, b"here", b"secret", &SeededRandom::new(1)).unwrap();
        assert_eq!(open(&key, b"here", &sealed).unwrap().as_slice(), b"secret");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(open(&key, b"here", &changed).is_err(), "byte {index}");
        }
        for length in 0..sealed.len() {
            assert!(open(&key, b"here", &sealed[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn another_place_or_key_does_not_open() {
        let key = Zeroizing::new([7; KEY_LEN]);
        let sealed = seal(&key, b"here", b"secret", &SeededRandom::new(1)).unwrap();
        assert!(open(&key, b"there", &sealed).is_err());
        assert!(open(&Zeroizing::new([8; KEY_LEN]), b"here", &sealed).is_err());
    }

    #[test]
    fn places_that_read_alike_when_joined_are_told_apart() {
        assert_ne!(place(&[b"ab", b"c"]), place(&[b"a", b"bc"]));
        assert_ne!(place(&[b"a", b""]), place(&[b"", b"a"]));
        assert_ne!(place(&[b"a"]), place(&[b"a", b""]));
    }
}
