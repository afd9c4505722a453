//! A form with a file (`multipart/form-data`, RFC 7578), looked into where it lies.
//!
//! The crates for it read streams and give the parts away; here the parts have to stay where they are, so that the form goes on
//! byte for byte, the recording in it is held once, and one field can be replaced.

use std::ops::Range;

use memchr::memmem;

/// More parts than any form of OpenAI has.
const MOST_PARTS: usize = 100;

/// The largest header of a part, in bytes.
const LARGEST_HEAD: usize = 8 << 10;

/// Where the parts of a form are.
#[derive(Debug)]
pub(crate) struct Form {
    parts: Vec<(String, Range<usize>)>,
}

impl Form {
    /// Reads a body by the boundary in its content type.
    ///
    /// # Errors
    /// Says why it is no such form.
    pub(crate) fn read(content_type: &str, body: &[u8]) -> Result<Self, &'static str> {
        let boundary = boundary(content_type).ok_or("the content type is multipart/form-data with a boundary")?;
        let delimiter = format!("\r\n--{boundary}");
        let finder = memmem::Finder::new(&delimiter);
        let broken = "it does not end with its boundary";
        // the first delimiter has no line before it
        let first = delimiter.as_bytes().get(2..).unwrap_or_default();
        let mut at =
            if body.starts_with(first) { first.len() } else { finder.find(body).ok_or(broken)? + delimiter.len() };
        let mut parts = Vec::new();
        loop {
            let rest = body.get(at..).unwrap_or_default();
            if rest.starts_with(b"--") {
                // other readers might see a part where this one sees none
                let seen = memmem::find_iter(body, first).count();
                return if seen == parts.len() + 1 { Ok(Self { parts }) } else { Err("its boundary stands in a part") };
            }
            let line = memmem::find(rest, b"\r\n").ok_or(broken)?;
            if !rest.get(..line).unwrap_or_default().iter().all(|byte| matches!(byte, b' ' | b'\t')) {
                return Err("a boundary is followed by something else than the end of its line");
            }
            let end = at + finder.find(rest).ok_or(broken)?;
            let head = body.get(at + line..end).unwrap_or_default();
            let head_end = memmem::find(head, b"\r\n\r\n").filter(|end| *end <= LARGEST_HEAD);
            let head_end = head_end.ok_or("a part has no header, or too large a one")?;
            let name = name(head.get(..head_end).unwrap_or_default()).ok_or("a part has no name")?;
            parts.push((name, at + line + head_end + 4..end));
            if parts.len() > MOST_PARTS {
                return Err("it has more parts than any such form");
            }
            at = end + delimiter.len();
        }
    }

    /// Where the last part of this name is: as in a JSON object, the last one counts.
    pub(crate) fn part(&self, name: &str) -> Option<Range<usize>> {
        self.parts.iter().rfind(|(own, _)| own == name).map(|(_, range)| range.clone())
    }

    /// How many parts have this name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.parts.iter().filter(|(own, _)| own == name).count()
    }

    /// The text of a part.
    pub(crate) fn text<'a>(&self, name: &str, body: &'a [u8]) -> Option<&'a str> {
        std::str::from_utf8(body.get(self.part(name)?)?).ok()
    }
}

/// The parameter of that name, quoted or not.
fn boundary(content_type: &str) -> Option<&str> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        (name.trim().eq_ignore_ascii_case("boundary") && (1..=70).contains(&value.len())).then_some(value)
    })
}

/// The field's name in a part's header; none if readers could disagree about it.
fn name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let mut disposition = None;
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        if line.contains(['\r', '\n']) {
            return None;
        }
        if name.trim().eq_ignore_ascii_case("content-disposition") && disposition.replace(value).is_some() {
            return None;
        }
    }
    let disposition = disposition?;
    // some take it for a quote within a text, and some for the text's end
    if disposition.contains("\\\"") {
        return None;
    }
    let mut quoted = false;
    let parameters = disposition.split(|character: char| {
        quoted ^= character == '"';
        character == ';' && !quoted
    });
    let mut names = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("name").then_some(value.trim())
    });
    let (name, another) = (names.next()?, names.next());
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    another.is_none().then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=\"b-1\"";

    fn form(parts: &[(&str, &str)]) -> Vec<u8> {
        let parts: String = parts.iter().map(|(head, text)| format!("--b-1\r\n{head}\r\n\r\n{text}\r\n")).collect();
        format!("{parts}--b-1--\r\n").into_bytes()
    }

    #[test]
    fn parts_are_found_where_they_are() {
        let body = form(&[
            (
                "Content-Disposition: form-data; filename=\"name=x\"; name=\"file\"\r\nContent-Type: audio/wav",
                "\r\n--b-2\0\r\n",
            ),
            ("content-disposition: form-data; name=model", "whisper-1"),
            ("content-disposition: form-data; name=\"empty\"", ""),
        ]);
        let read = Form::read(KIND, &body).unwrap();
        assert_eq!(read.text("model", &body), Some("whisper-1"));
        assert_eq!(read.text("empty", &body), Some(""));
        assert_eq!(read.text("file", &body), Some("\r\n--b-2\0\r\n"));
        assert_eq!((read.count("model"), read.count("other")), (1, 0));
        assert_eq!(read.part("other"), None);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let good = form(&[("content-disposition: form-data; name=a", "1")]);
        assert!(Form::read("application/json", &good).is_err());
        assert!(Form::read("multipart/form-data", &good).is_err());
        assert!(Form::read("multipart/form-data; boundary=other", &good).is_err());
        assert!(Form::read(KIND, &good[..good.len() - 6]).is_err());
        assert!(Form::read(KIND, b"").is_err());
        assert!(Form::read(KIND, b"--b-1\r\nno header\r\n--b-1--").is_err());
        assert!(Form::read(KIND, &form(&[("content-type: text/plain", "1")])).is_err());
        let many: Vec<_> = (0..=MOST_PARTS).map(|_| ("content-disposition: form-data; name=a", "1")).collect();
        assert!(Form::read(KIND, &form(&many)).is_err());
    }

    #[test]
    fn a_part_about_which_readers_could_disagree_is_refused() {
        for head in [
            "content-disposition: form-data; name=\"file\"\r\ncontent-disposition: form-data; name=\"model\"",
            "content-disposition: form-data; name=\"file\"\ncontent-disposition: form-data; name=\"model\"",
            "content-disposition: form-data; name=\"file\"; name=\"model\"",
            "content-disposition: form-data; filename=\"a\\\"; name=file; x=\"; name=\"model\"",
        ] {
            assert!(Form::read(KIND, &form(&[(head, "gpt")])).is_err(), "{head}");
        }
        let body = form(&[("content-disposition: form-data; filename=\"; name=file\"; name=\"model\"", "gpt")]);
        assert_eq!(Form::read(KIND, &body).unwrap().text("model", &body), Some("gpt"));
        let hidden = form(&[("content-disposition: form-data; name=\"file\"", "x\n--b-1\r\ny")]);
        assert!(Form::read(KIND, &hidden).is_err());
    }

    #[test]
    fn of_a_field_that_is_there_twice_the_last_counts() {
        let body = form(&[
            ("content-disposition: form-data; name=\"model\"", "a"),
            ("content-disposition: form-data; name=\"model\"", "b"),
        ]);
        assert_eq!(Form::read(KIND, &body).unwrap().text("model", &body), Some("b"));
    }
}
