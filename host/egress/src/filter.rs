//! Redaction of a stream, across the borders of its chunks.
//!
//! A chunk with no trace of a secret passes as it is, without a copy. Only an end that some secret may
//! begin with is held back until the next chunk (or the end) decides, so a stream of events is delayed by
//! no chunk but one that ends so. Secrets are masked byte by byte (`*`), which keeps the body's length and
//! with it the vendor's content-length.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::Redactor;

/// Redacts one stream. Give it every chunk in order, then call [`Filter::finish`].
#[derive(Debug)]
pub struct Filter {
    redactor: Arc<Redactor>,
    /// Raw bytes held back, since a secret that started earlier and one that starts here may overlap.
    held: BytesMut,
    /// How many of them are already known to be a secret's.
    known: usize,
}

impl Filter {
    pub(crate) fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, held: BytesMut::new(), known: 0 }
    }

    /// What can be passed on of the stream so far; none if all of it is held back.
    pub fn push(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        if self.redactor.is_empty() {
            return some(chunk);
        }
        if self.held.is_empty() && !self.redactor.matches(&chunk) {
            let open = self.redactor.open_end(&chunk);
            if open < chunk.len() {
                self.held.extend_from_slice(&chunk.split_off(open));
            }
            return some(chunk);
        }
        self.held.extend_from_slice(&chunk);
        let open = self.redactor.open_end(&self.held);
        some(self.release(open))
    }

    /// What was held back, at the end of the stream.
    pub fn finish(&mut self) -> Option<Bytes> {
        let rest = self.held.len();
        some(self.release(rest))
    }

    /// Masks and gives the first `count` held bytes.
    fn release(&mut self, count: usize) -> Bytes {
        let ranges = self.redactor.ranges(&self.held);
        let mut ready = self.held.split_to(count.min(self.held.len()));
        let mut known = self.known.saturating_sub(count);
        let earlier = (0, self.known);
        for (start, end) in std::iter::once(earlier).chain(ranges) {
            if let Some(secret) = ready.get_mut(start..end.min(count)) {
                secret.fill(b'*');
            }
            if start < count {
                known = known.max(end.saturating_sub(count));
            }
        }
        self.known = known;
        ready.freeze()
    }
}

fn some(bytes: Bytes) -> Option<Bytes> {
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(redactor: &Arc<Redactor>, chunks: &[&[u8]]) -> String {
        let mut filter = redactor.filter();
        let mut out: Vec<u8> = Vec::new();
        for chunk in chunks {
            out.extend(filter.push(Bytes::copy_from_slice(chunk)).unwrap_or_default());
        }
        out.extend(filter.finish().unwrap_or_default());
        String::from_utf8(out).unwrap()
    }

    const SECRETS: [&str; 3] = ["sk-secret-1234", "secret-1234-sk-se", "sk-secret-1234-longer"];

    #[test]
    fn a_secret_is_masked_wherever_the_chunks_are_cut() {
        let redactor = Arc::new(Redactor::new(SECRETS));
        for text in [
            "before sk-secret-1234 after",
            "sk-sk-secret-1234",
            "sk-secret-1234-sk-secret-1234",
            "x sk-secret-1234-longer y",
            "x sk-secret-1234-longe",
            "sk-secret-123",
            "sk-secret-1234-sk-secret-1234-longer",
        ] {
            let whole = filtered(&redactor, &[text.as_bytes()]);
            assert_eq!(whole.len(), text.len());
            assert!(!whole.contains("secret-1234"), "{whole}");
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let (a, b, c) = (&text[..first], &text[first..second], &text[second..]);
                    assert_eq!(
                        filtered(&redactor, &[a.as_bytes(), b.as_bytes(), c.as_bytes()]),
                        whole,
                        "{first} {second}"
                    );
                }
            }
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(filtered(&redactor, &bytes), whole);
        }
    }

    #[test]
    fn a_chunk_without_a_trace_passes_at_once_and_uncopied() {
        let redactor = Arc::new(Redactor::new(["sk-secret-1234"]));
        let mut filter = redactor.filter();
        let chunk = Bytes::from_static(b"data: {\"delta\":\"hello\"}\n\n");
        let passed = filter.push(chunk.clone()).unwrap();
        assert_eq!(passed.as_ptr(), chunk.as_ptr());
        assert_eq!(passed, chunk);
        assert_eq!(filter.finish(), None);
    }

    #[test]
    fn only_a_possible_beginning_is_held_back() {
        let redactor = Arc::new(Redactor::new(["sk-secret-1234"]));
        let mut filter = redactor.filter();
        assert_eq!(filter.push(Bytes::from_static(b"ask-se")).unwrap(), "a");
        assert_eq!(filter.push(Bytes::from_static(b"nt")).unwrap(), "sk-sent");
        assert_eq!(filter.push(Bytes::from_static(b"sk")), None);
        assert_eq!(filter.finish().unwrap(), "sk");
        assert_eq!(filter.finish(), None);
    }

    #[test]
    fn without_secrets_everything_passes() {
        let mut filter = Arc::new(Redactor::default()).filter();
        assert_eq!(filter.push(Bytes::from_static(b"sk")).unwrap(), "sk");
        assert_eq!(filter.push(Bytes::new()), None);
    }
}
