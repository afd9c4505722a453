//! Durable background work, one step at a time.
//!
//! A connector lists its kinds of jobs as [`Tasks`], each with a function that does one step. Whoever wants the bare texts
//! implements [`crate::Connector::step`] instead.

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

/// One step of a job, with its payload and cursor as types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<P, C> {
    /// The job's id, the same for all its steps.
    pub job: String,
    /// What it was made with.
    pub payload: P,
    /// What the step before gave; `None` on the first.
    pub cursor: Option<C>,
    /// 1 for the first try of this step.
    pub attempt: u32,
}

/// What comes after a step, as types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<C, R = ()> {
    /// Nothing: the job is done, with this result.
    Done(R),
    /// The next step, from this cursor, which is committed with the step's effects.
    Again(C),
    /// The same, and how much is done, in per mille.
    Progress(C, u32),
    /// The same step once more, in so many milliseconds: nothing went wrong.
    LaterMs(u64),
}

type Run = Box<dyn Fn(Task) -> Result<Outcome, Error>>;

/// The kinds of jobs of a connector, by their names in the manifest.
#[derive(Default)]
pub struct Tasks {
    entries: Vec<(&'static str, Run)>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds()).finish()
    }
}

impl Tasks {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds a kind under its name in the manifest, with what does one step of it.
    #[must_use]
    pub fn add<P, C, R>(
        mut self,
        kind: &'static str,
        step: impl Fn(Step<P, C>) -> Result<Next<C, R>, Error> + 'static,
    ) -> Self
    where
        P: DeserializeOwned,
        C: Serialize + DeserializeOwned,
        R: Serialize,
    {
        let run = move |task: Task| {
            let (payload, cursor) = (task.payload()?, task.cursor()?);
            match step(Step { job: task.job, payload, cursor, attempt: task.attempt })? {
                Next::Done(result) => Outcome::done(&result),
                Next::Again(cursor) => Outcome::again(&cursor, None),
                Next::Progress(cursor, progress) => Outcome::again(&cursor, Some(progress)),
                Next::LaterMs(wait) => Ok(Outcome::Later(wait)),
            }
        };
        self.entries.push((kind, Box::new(run)));
        self
    }

    /// Their names.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|(kind, _)| *kind)
    }

    /// Does a step of the kind that the task names.
    pub(crate) fn step(&self, task: Task) -> Result<Outcome, Error> {
        match self.entries.iter().find(|(kind, _)| *kind == task.kind) {
            Some((_, run)) => run(task),
            None => Err(Error::NotFound(format!("this plugin does not offer jobs of the kind {}", task.kind))),
        }
    }
}
