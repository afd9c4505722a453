//! How the simulator is told to misbehave.
//!
//! By a handle, or by the model's name, as in `sim:status=429,retry-after=7`: a name travels through
//! SDKs and the hub unchanged, so one server serves many tests at once.

use std::time::Duration;

/// A failure in place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The value of `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// A stream that does not end as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// An `error` frame, then the end.
    Error,
    /// The connection is cut inside a frame.
    Cut,
}

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// A failure instead of an answer.
    pub fault: Option<Fault>,
    /// Time before the first byte.
    pub delay: Duration,
    /// Tokens of the answer, per choice. Default: 6, or less if the request caps them lower.
    pub tokens: Option<u32>,
    /// Time before each frame of a stream.
    pub pace: Duration,
    /// A stream that never ends by itself.
    pub endless: bool,
    /// How a stream breaks, and after how many token frames.
    pub broken: Option<(u32, Break)>,
    /// The presented credential comes back in headers and body, in several encodings.
    pub echo_credential: bool,
    /// The answer's text has this many bytes more.
    pub padding: usize,
    /// The answer is a gzip stream that decodes to this many zero bytes.
    pub gzip_bomb: Option<usize>,
}

impl Behaviour {
    /// What the model's name asks for; `self` for an ordinary name.
    ///
    /// # Errors
    /// A word after `sim:` that means nothing.
    pub fn for_model(self, model: &str) -> Result<Self, String> {
        let Some(words) = model.strip_prefix("sim:") else { return Ok(self) };
        let mut wanted = Self::default();
        for word in words.split(',').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, "1"));
            let number = value.parse::<u64>().map_err(|_| format!("the model asks for {word}: not a number"))?;
            wanted.set(name, number)?;
        }
        Ok(wanted)
    }

    fn set(&mut self, name: &str, number: u64) -> Result<(), String> {
        let small = u32::try_from(number).unwrap_or(u32::MAX);
        let size = usize::try_from(number).unwrap_or(usize::MAX);
        match name {
            "status" => {
                let retry_after = self.fault.take().and_then(|fault| fault.retry_after);
                self.fault = Some(Fault { status: u16::try_from(number).unwrap_or(500), retry_after });
            }
            "retry-after" => {
                let status = self.fault.take().map_or(429, |fault| fault.status);
                self.fault = Some(Fault { status, retry_after: Some(number) });
            }
            "delay" => self.delay = Duration::from_millis(number),
            "tokens" => self.tokens = Some(small),
            "pace" => self.pace = Duration::from_millis(number),
            "endless" => self.endless = true,
            "error-after" => self.broken = Some((small, Break::Error)),
            "cut-after" => self.broken = Some((small, Break::Cut)),
            "echo" => self.echo_credential = true,
            "padding" => self.padding = size,
            "gzip-bomb" => self.gzip_bomb = Some(size),
            _ => return Err(format!("the model asks for {name}, which the simulator cannot do")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_says_how_to_fail() {
        let behaviour = Behaviour::default().for_model("sim:status=429,retry-after=7").unwrap();
        assert_eq!(behaviour.fault, Some(Fault { status: 429, retry_after: Some(7) }));
    }

    #[test]
    fn an_ordinary_model_keeps_what_was_set() {
        let set = Behaviour { endless: true, ..Behaviour::default() };
        assert_eq!(set.clone().for_model("gpt-4.1").unwrap(), set);
    }

    #[test]
    fn an_unknown_word_is_an_error() {
        assert!(Behaviour::default().for_model("sim:explode").is_err());
    }
}
