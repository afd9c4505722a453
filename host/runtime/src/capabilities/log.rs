//! The run's log. What a guest writes is untrusted text: it is redacted, escaped and bounded.

use std::fmt::Write as _;

use patchbay_model::run::{LogLevel, LogLine};

use crate::{
    bindings::log::{Host, Level},
    call::CallState,
    limits::Stop,
};

/// How far past its allowance a guest may go, unheard, before it is stopped.
const FLOOD_FACTOR: u64 = 16;

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
            let message = format!("{} lines were dropped: the run's allowance of log is used up", self.dropped);
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
    fn control_characters_cannot_forge_lines_or_colours() {
        assert_eq!(escape("a\r\nb\u{1b}[31m"), "a\\r\\nb\\u{1b}[31m");
    }
}
