//! The run's log. What a guest writes is untrusted text: it is redacted, escaped and bounded.

use std::{fmt::Write as _, num::NonZeroU32};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use patchbay_model::run::{LogLevel, LogLine};

use crate::{
    bindings::log::{Host, Level},
    call::CallState,
    limits::Stop,
};

/// How far past its allowance a guest may go, unheard, before it is stopped.
const FLOOD_FACTOR: u64 = 16;

/// Bytes of log that one org's calls of one plugin may leave at once, and each second from then on. Every byte
/// is a byte that all orgs' runs wait for when it is stored.
const BURST: NonZeroU32 = NonZeroU32::new(1 << 20).expect("not zero");
const PER_SECOND: NonZeroU32 = NonZeroU32::new(64 << 10).expect("not zero");

/// What is left of the log that the calls of one (org, plugin) may leave together.
#[derive(Debug)]
pub(crate) struct LogAllowance(DefaultDirectRateLimiter);

impl Default for LogAllowance {
    fn default() -> Self {
        Self(RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(BURST)))
    }
}

impl LogAllowance {
    /// Takes so many bytes, if there are so many.
    fn take(&self, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).ok().and_then(NonZeroU32::new);
        bytes.is_some_and(|bytes| matches!(self.0.check_n(bytes), Ok(Ok(()))))
    }
}

/// Lines of this run.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    kept: Vec<LogLine>,
    bytes: u64,
    dropped: u64,
}

impl Lines {
    /// The lines, with a last one that counts what was dropped.
    pub(crate) fn finish(mut self) -> Vec<LogLine> {
        if self.dropped > 0 {
            let message = format!("{} lines were dropped: the allowance of log is used up", self.dropped);
            self.kept.push(LogLine { level: LogLevel::Warn, message, fields: Vec::new() });
        }
        self.kept
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            // writing to a String does not fail
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

impl Host for CallState {
    async fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.enter()?;
        let size = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + 16;
        let allowance = u64::from(self.limits.log_bytes);
        let lines = &mut self.capabilities.log;
        lines.bytes = lines.bytes.saturating_add(size as u64);
        if lines.bytes > allowance {
            lines.dropped += 1;
            if lines.bytes > allowance.saturating_mul(FLOOD_FACTOR) {
                return Err(Stop::Log(self.limits.log_bytes).into());
            }
            return Ok(());
        }
        if !self.tenant.share.log.take(size) {
            lines.dropped += 1;
            return Ok(());
        }
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let clean = |text: &str| escape(&self.tenant.redact.redact_str(text));
        let line = LogLine {
            level,
            message: clean(&message),
            fields: fields.iter().map(|(name, value)| (clean(name), clean(value))).collect(),
        };
        tracing::debug!(
            run = %self.run,
            plugin = %self.grants.plugin,
            level = ?line.level,
            text = line.message,
            "the plugin wrote a log line"
        );
        lines.kept.push(line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_share_an_allowance_that_a_flood_uses_up() {
        let allowance = LogAllowance::default();
        assert!(allowance.take(1 << 20));
        assert!(!allowance.take(512 << 10));
        assert!(LogAllowance::default().take(1), "another's is untouched");
    }

    #[test]
    fn control_characters_cannot_forge_lines_or_colours() {
        assert_eq!(escape("a\r\nb\u{1b}[31m"), "a\\r\\nb\\u{1b}[31m");
    }
}
