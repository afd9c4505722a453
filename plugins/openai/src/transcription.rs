//! Recordings that are written down: forms in, and answers in five formats.
//!
//! What a transcription costs stands in OpenAI's JSON and nowhere else. So plain text is asked for as JSON, and the client gets the
//! text that is in it; of subtitles the end of the last one is taken for the recording's length.

use patchbay_sdk::proxy::{Request, Responder, retain_response_headers};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::{Error, http};
use serde::Deserialize;

use crate::config::Config;
use crate::multipart::Form;
use crate::prices::Quantities;
use crate::refusal::Refusal;
use crate::usage::{self, Bill, Expected};
use crate::{KEY, proxy};

/// OpenAI takes recordings of 25 MB; the rest is the form's. As in the manifest, in bytes.
const MAX_FORM: u32 = 26 << 20;

/// The largest answer that is read whole, in bytes.
const MAX_ANSWER: u32 = 16 << 20;

/// Bytes of a recording per second where nothing else is known: 128 kbit/s.
const BYTES_PER_SECOND: u64 = 16_000;

/// Forwards one form and its answer.
pub(crate) fn handle(config: &Config, request: Request, responder: &Responder) -> Result<(), Error> {
    let content_type = request.headers.get("content-type").unwrap_or_default().to_owned();
    let mut body = request.body.read_to_end(MAX_FORM)?;
    let form = match Form::read(&content_type, &body) {
        Ok(form) => form,
        Err(why) => return Refusal::no_form(why).answer(responder),
    };
    let model = form.text("model", &body).map(str::to_owned);
    if config.minds_models() && form.count("model") > 1 {
        return Refusal::no_form("it names more than one model").answer(responder);
    }
    if let Err(refusal) = config.check(model.as_deref()) {
        return refusal.answer(responder);
    }
    let streams = form.text("stream", &body) == Some("true");
    let format = Format::of(form.text("response_format", &body));
    if format == Format::Text
        && !streams
        && let Some(place) = form.part("response_format").and_then(|range| body.get_mut(range))
    {
        place.copy_from_slice(b"json");
    }
    let recording = form.part("file").map_or(0, |range| range.len() as u64);
    let estimate = Quantities { seconds: recording.div_ceil(BYTES_PER_SECOND), ..Quantities::default() };
    let expected = Expected { known: Quantities::default(), estimate, writes: false };
    let bill = Bill::new(config, model.as_deref());

    let url = config.url(&request.path, &request.query);
    let sent = http::Request::new(request.method, url).headers(request.headers).credential(KEY);
    let response = match sent.body(http::Body::Bytes(body)).send() {
        Err(Error::Timeout) => {
            expected.meter_unanswered(&bill)?;
            return Err(Error::Timeout);
        }
        answered => answered?,
    };
    if !response.is_success() {
        return proxy::pass_answer(response, responder);
    }
    match format {
        Format::Text if !streams => answer_text(response, responder, &expected, &bill),
        Format::Subtitles => answer_subtitles(response, responder, &expected, &bill),
        Format::Text | Format::Json => {
            let metered = proxy::Metered { expected, observation: usage::observation() };
            proxy::answer(response, responder, &metered, &bill)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// In any of its three shapes, or a stream.
    Json,
    Text,
    /// `srt` and `vtt`.
    Subtitles,
}

impl Format {
    fn of(asked: Option<&str>) -> Self {
        match asked {
            Some("text") => Self::Text,
            Some("srt" | "vtt") => Self::Subtitles,
            _ => Self::Json,
        }
    }
}

#[derive(Deserialize)]
struct Transcript {
    text: String,
}

fn answer_text(
    mut response: http::Response,
    responder: &Responder,
    expected: &Expected,
    bill: &Bill<'_>,
) -> Result<(), Error> {
    let status = response.status;
    retain_response_headers(&mut response.headers);
    let mut headers = std::mem::take(&mut response.headers);
    let body = read(response, expected, bill)?;
    expected.meter_body(bill, &body)?;
    let text = match serde_json::from_slice::<Transcript>(&body) {
        Ok(transcript) => {
            headers.set("content-type", "text/plain; charset=utf-8");
            format!("{}\n", transcript.text).into_bytes()
        }
        // another vendor's own idea of JSON passes as it is
        Err(_) => body,
    };
    responder.start(status, headers)?;
    responder.write(&text)
}

fn answer_subtitles(
    mut response: http::Response,
    responder: &Responder,
    expected: &Expected,
    bill: &Bill<'_>,
) -> Result<(), Error> {
    let status = response.status;
    retain_response_headers(&mut response.headers);
    let headers = std::mem::take(&mut response.headers);
    let body = read(response, expected, bill)?;
    let seconds = std::str::from_utf8(&body).ok().and_then(end_of_subtitles);
    let seconds = seconds.unwrap_or(expected.estimate.seconds);
    bill.meter(&Quantities { seconds, ..Quantities::default() }, Basis::Estimated)?;
    responder.start(status, headers)?;
    responder.write(&body)
}

/// The whole answer; one that breaks off was paid for.
fn read(response: http::Response, expected: &Expected, bill: &Bill<'_>) -> Result<Vec<u8>, Error> {
    let read = response.body.read_to_end(MAX_ANSWER);
    if read.is_err() {
        expected.meter_unanswered(bill)?;
    }
    read
}

/// When the last subtitle ends, in seconds: one that was begun counts.
fn end_of_subtitles(text: &str) -> Option<u64> {
    let ends = text.lines().filter_map(|line| line.split_once("-->").map(|(_, end)| end));
    ends.filter_map(|end| seconds(end.split_whitespace().next()?)).max()
}

/// `00:01:02,500` in SRT; `01:02.500` in WebVTT, where hours may be missing.
fn seconds(time: &str) -> Option<u64> {
    let (whole, part) = time.split_once([',', '.'])?;
    let mut sum = 0_u64;
    for number in whole.split(':') {
        sum = sum.checked_mul(60)?.checked_add(number.parse().ok()?)?;
    }
    Some(if part.bytes().all(|byte| byte == b'0') { sum } else { sum + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_subtitle_says_how_long_a_recording_is() {
        let srt = "1\n00:00:00,000 --> 00:00:02,500\nhello\n\n2\n00:00:02,500 --> 00:01:04,000\nworld\n";
        assert_eq!(end_of_subtitles(srt), Some(64));
        let vtt = "WEBVTT\n\n00:00.000 --> 00:01.240 align:start\nhello\n";
        assert_eq!(end_of_subtitles(vtt), Some(2));
        assert_eq!(end_of_subtitles("WEBVTT\n"), None);
        assert_eq!(end_of_subtitles("x --> y"), None);
    }
}
