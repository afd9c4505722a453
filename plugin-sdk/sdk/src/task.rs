//! Durable background work, one step at a time.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// A step to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The job's id, the same for all its steps.
    pub job: String,
    /// What kind of job it is.
    pub kind: String,
    /// What it was made with, as JSON text.
    pub payload: String,
    /// What the step before gave, as JSON text; `None` on the first.
    pub cursor: Option<String>,
    /// 1 for the first try of this step.
    pub attempt: u32,
}

impl Task {
    /// What it was made with.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not a `T`.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_str(&self.payload)?)
    }

    /// What the step before gave; `None` on the first.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not a `T`.
    pub fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        self.cursor.as_deref().map(serde_json::from_str).transpose().map_err(Error::from)
    }
}

/// What is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Finished, with a result as JSON text.
    Done(Option<String>),
    /// Commit this cursor with the step's effects and run the next step.
    Again {
        /// For the next step, as JSON text.
        cursor: String,
        /// Progress in per mille, if known.
        progress: Option<u32>,
    },
    /// Nothing went wrong; do this step later, in so many milliseconds.
    Later(u64),
}

impl Outcome {
    /// Finished, with a result.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written as JSON.
    pub fn done<T: Serialize>(result: &T) -> Result<Self, Error> {
        Ok(Self::Done(Some(encode(result)?)))
    }

    /// The next step starts at `cursor`; progress in per mille, if known.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written as JSON.
    pub fn again<T: Serialize>(cursor: &T, progress: Option<u32>) -> Result<Self, Error> {
        Ok(Self::Again { cursor: encode(cursor)?, progress })
    }
}

fn encode<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}
