//! `application/x-www-form-urlencoded`, as Slack sends commands and interactions.

/// The fields in their order, decoded. What is not UTF-8 becomes the replacement character: Slack sends none such.
pub(crate) fn fields(body: &[u8]) -> Vec<(String, String)> {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(parts.next().unwrap_or_default());
            (name, decoded(parts.next().unwrap_or_default()))
        })
        .collect()
}

/// The first field of this name.
pub(crate) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match others.get(..2).and_then(byte) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = others.get(2..).unwrap_or_default();
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn byte(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0u8, |sum, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(sum << 4 | u8::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_broken_escapes_are_left_alone() {
        let all = fields(b"text=a+b%26c&empty=&command=%2Fdeploy&odd=%2&x=%C3%BC&flag");
        assert_eq!(field(&all, "text"), Some("a b&c"));
        assert_eq!(field(&all, "empty"), Some(""));
        assert_eq!(field(&all, "command"), Some("/deploy"));
        assert_eq!(field(&all, "odd"), Some("%2"));
        assert_eq!(field(&all, "x"), Some("ü"));
        assert_eq!(field(&all, "flag"), Some(""));
        assert_eq!(field(&all, "none"), None);
    }
}
