//! The run's log, readable by the org. Never log what a person wrote or said.

use crate::host;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the connector's author.
    Debug,
    /// What a reader of the log expects.
    Info,
    /// Something is odd, the call goes on.
    Warn,
    /// Something failed.
    Error,
}

/// Writes one line, with structured fields. What passes the run's allowance of bytes is dropped and counted.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    host::log(level, message, fields);
}

/// Writes one line at [`Level::Debug`].
pub fn debug(message: &str, fields: &[(&str, &str)]) {
    write(Level::Debug, message, fields);
}

/// Writes one line at [`Level::Info`].
pub fn info(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

/// Writes one line at [`Level::Warn`].
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

/// Writes one line at [`Level::Error`].
pub fn error(message: &str, fields: &[(&str, &str)]) {
    write(Level::Error, message, fields);
}
