//! Forms with a file, taken apart strictly.

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
    response::Response,
};

use super::auth;

/// A form: its fields in order, and its file.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) file_name: String,
    pub(crate) file: Vec<u8>,
}

impl Form {
    /// Reads a body; an error answer if it is not a form with a file, or has a field that the API does not know.
    pub(crate) fn read(headers: &HeaderMap, body: &Bytes, known: &[&str]) -> Result<Self, Box<Response>> {
        let refuse = |why: &str| Box::new(auth::invalid(why));
        let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = media.strip_prefix("multipart/form-data; boundary=").ok_or_else(|| refuse("not a form"))?;
        let delimiter = format!("--{}", boundary.trim_matches('"'));
        let mut parts = split(body, delimiter.as_bytes());
        if parts.len() < 3 || !parts[0].is_empty() || !parts.pop().is_some_and(|end| end.starts_with(b"--")) {
            return Err(refuse("the form does not begin and end with its boundary"));
        }
        let mut form = Self::default();
        let mut has_file = false;
        for part in &parts[1..] {
            let part = part.strip_prefix(b"\r\n").and_then(|part| part.strip_suffix(b"\r\n"));
            let part = part.ok_or_else(|| refuse("a part is not on lines of its own"))?;
            let end = memchr::memmem::find(part, b"\r\n\r\n").ok_or_else(|| refuse("a part without a header"))?;
            let head = String::from_utf8_lossy(&part[..end]).into_owned();
            let content = &part[end + 4..];
            let parameter = |name: &str| {
                let (_, rest) = head.split_once(&format!(" {name}=\""))?;
                rest.split('"').next().map(str::to_owned)
            };
            let name = parameter("name").ok_or_else(|| refuse("a part without a name"))?;
            if !known.contains(&name.trim_end_matches("[]")) {
                return Err(refuse(&format!("Unknown parameter: '{name}'.")));
            }
            match parameter("filename") {
                Some(file_name) => {
                    has_file = name == "file";
                    (form.file_name, form.file) = (file_name, content.to_vec());
                }
                None => form.fields.push((name, String::from_utf8_lossy(content).into_owned())),
            }
        }
        if has_file { Ok(form) } else { Err(refuse("a form needs its 'file'")) }
    }

    /// The one value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

fn split<'a>(body: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for at in memchr::memmem::find_iter(body, delimiter) {
        parts.push(&body[begin..at]);
        begin = at + delimiter.len();
    }
    parts.push(&body[begin..]);
    parts
}
