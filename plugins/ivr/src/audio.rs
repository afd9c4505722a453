//! Recordings of prompts, for carriers to play.
//!
//! A carrier fetches what it plays by a URL, without a key. The URL is this installation's own, which is nobody's business,
//! with the recording's id: only recordings that `upload-audio` has taken are had by it, and they are what callers hear
//! anyway. They are given without being stored as a webhook, so nothing is logged of it but a run.

use patchbay_sdk::webhook::{Answer, Request, Verdict};
use patchbay_sdk::{Error, Headers, blobs};

/// The largest that is given, in bytes.
const MOST: u32 = 2 << 20;

/// Gives the recording that the URL names.
pub(crate) fn give(request: &Request) -> Result<Verdict, Error> {
    if request.method != "GET" && request.method != "HEAD" {
        return Ok(Verdict::Refused("only recordings are had here, by GET".to_owned()));
    }
    let Some(id) = named(&request.url) else {
        return Ok(Verdict::Refused("the URL names no recording".to_owned()));
    };
    let (blob, source) = match blobs::open(id) {
        Ok(found) => found,
        Err(Error::NotFound(_) | Error::Invalid(_)) => {
            return Ok(Verdict::Refused("there is no such recording".to_owned()));
        }
        Err(error) => return Err(error),
    };
    if !blob.content_type.starts_with("audio/") {
        return Ok(Verdict::Refused("that is no recording".to_owned()));
    }
    let mut headers = Headers::new();
    headers.append("content-type", &blob.content_type);
    // what is under an id never changes; carriers keep what they play often
    headers.append("cache-control", "public, max-age=86400");
    Ok(Verdict::Answer(Answer { status: 200, headers, body: source.read_to_end(MOST)? }))
}

/// The parameter `audio`. Ids need no escaping.
fn named(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next()?;
    query.split('&').find_map(|pair| pair.strip_prefix("audio=")).filter(|id| !id.is_empty() && id.len() <= 100)
}
