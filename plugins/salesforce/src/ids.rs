//! Salesforce's ids: 15 characters that tell capitals from small letters, or the same with three more that make up for it.

/// The letters of the three.
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// True for what can be an id.
pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The id in 18 characters, as answers have it; nothing for what is none.
pub(crate) fn whole(text: &str) -> Option<String> {
    if !is_id(text) {
        return None;
    }
    let short = text.get(..15)?;
    let mut id = short.to_owned();
    for chunk in short.as_bytes().chunks(5) {
        let mut bits = 0_usize;
        for (place, byte) in chunk.iter().enumerate() {
            if byte.is_ascii_uppercase() {
                bits |= 1 << place;
            }
        }
        id.push(char::from(*CHECKS.get(bits)?));
    }
    Some(id)
}

/// True if both are ids of the same.
pub(crate) fn are_same(one: &str, other: &str) -> bool {
    is_id(one) && is_id(other) && one.get(..15) == other.get(..15)
}

/// The org's id in an identity URL: `https://login.salesforce.com/id/<org>/<user>`.
pub(crate) fn org_of_identity(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/id/")?;
    let (org, _) = rest.split_once('/')?;
    is_id(org).then_some(org)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_more_characters_say_which_letters_are_capitals() {
        for (short, long) in [
            ("001D000000IqhSL", "001D000000IqhSLIAZ"),
            ("00D000000000001", "00D000000000001EAA"),
            ("005000000000001", "005000000000001AAA"),
        ] {
            assert_eq!(whole(short).as_deref(), Some(long));
            assert_eq!(whole(long).as_deref(), Some(long));
            assert!(are_same(short, long));
        }
        assert!(!are_same("001D000000IqhSL", "001D000000IqhSl"));
        assert_eq!(whole("001D000000IqhS"), None);
        assert_eq!(whole("001D000000Iqh/L"), None);
    }

    #[test]
    fn an_identity_names_its_org() {
        let url = "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA";
        assert_eq!(org_of_identity(url), Some("00D000000000001EAA"));
        for other in ["", "https://login.salesforce.com/id/", "https://login.salesforce.com/id/me/you", "acme"] {
            assert_eq!(org_of_identity(other), None, "{other}");
        }
    }
}
