//! A transcript read as it flows in: what matters of it is small, its words are tens of megabytes.

use std::io::{self, Read};

use patchbay_sdk::{Error, Source};
use serde::Deserialize;

use crate::sentiment::Figures;

/// Bytes asked for at a time: what one call between guest and host moves at most.
const CHUNK: u32 = 256 << 10;

/// What matters of a transcript.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Transcript {
    pub(crate) id: String,
    pub(crate) status: String,
    /// In seconds.
    pub(crate) audio_duration: Option<f64>,
    /// Why there is none.
    pub(crate) error: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) confidence: Option<f64>,
    pub(crate) language_code: Option<String>,
    pub(crate) speech_model_used: Option<String>,
    pub(crate) webhook_url: Option<String>,
    #[serde(rename = "sentiment_analysis_results")]
    pub(crate) sentiment: Option<Figures>,
}

impl Transcript {
    /// Reads one that AssemblyAI sends.
    pub(crate) fn read(source: &Source) -> Result<Self, Error> {
        let mut reading = Reading { source, chunk: Vec::new(), at: 0, broken: None };
        let read = serde_json::from_reader(&mut reading);
        match reading.broken {
            Some(error) => Err(error),
            None => {
                read.map_err(|error| Error::upstream(200, format!("AssemblyAI's answer is not a transcript: {error}")))
            }
        }
    }

    /// The audio's length as it is metered: in seconds, and a part of one is a whole one.
    pub(crate) fn seconds(&self) -> Option<u64> {
        let duration = self.audio_duration.filter(|duration| duration.is_finite() && *duration >= 0.0)?;
        // what is too large becomes the largest
        Some(duration.ceil() as u64)
    }
}

/// A source as a reader.
struct Reading<'a> {
    source: &'a Source,
    chunk: Vec<u8>,
    at: usize,
    broken: Option<Error>,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.chunk.len() {
            match self.source.read(CHUNK) {
                Ok(Some(chunk)) => (self.chunk, self.at) = (chunk, 0),
                Ok(None) => return Ok(0),
                Err(error) => {
                    self.broken = Some(error);
                    return Err(io::Error::other("the answer broke off"));
                }
            }
        }
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::{MockHost, source};

    use super::*;

    fn read(text: &str) -> Result<Transcript, Error> {
        let _host = MockHost::new();
        Transcript::read(&source(text))
    }

    #[test]
    fn what_matters_is_read_and_the_rest_is_passed_over() {
        let found = read(
            r#"{"id":"a-1","status":"completed","words":[{"text":"x","start":1}],"audio_duration":61.2,"text":"x","new":{}}"#,
        )
        .unwrap();
        assert_eq!((found.id.as_str(), found.status.as_str(), found.seconds()), ("a-1", "completed", Some(62)));
        assert_eq!((found.error, found.sentiment), (None, None));
    }

    #[test]
    fn a_length_is_whole_seconds_or_none() {
        let seconds = |value: &str| {
            read(&format!(r#"{{"id":"a","status":"completed","audio_duration":{value}}}"#)).unwrap().seconds()
        };
        assert_eq!([seconds("0"), seconds("0.1"), seconds("60"), seconds("60.0001")], [0, 1, 60, 61].map(Some));
        assert_eq!([seconds("null"), seconds("-1")], [None, None]);
    }

    #[test]
    fn what_is_no_transcript_is_a_failure_of_the_vendor() {
        for text in ["", "{}", "[1]", r#"{"id":"a"}"#, r#"{"id":"a","status":"completed"} more"#] {
            assert!(matches!(read(text), Err(Error::Upstream(_))), "{text}");
        }
    }
}
