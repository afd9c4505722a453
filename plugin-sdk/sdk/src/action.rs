//! Typed operations: plain functions, listed by name.
//!
//! The table is erased to text in and text out here, so that only [`Actions::add`] is generic and a
//! connector with fifty actions carries one dispatcher.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::blobs::Blob;
#[cfg(not(target_arch = "wasm32"))]
use crate::schema;
use crate::{Error, Source};

/// One call of an action.
#[derive(Debug)]
pub struct Call<I> {
    /// The run's id.
    pub run: String,
    /// The action's name in the manifest.
    pub action: String,
    /// What the caller gave; valid by the action's input schema.
    pub input: I,
    /// A file sent beside the input.
    pub attachment: Option<Source>,
    /// The caller's `Idempotency-Key`, to pass on where the vendor has such a thing.
    pub idempotency_key: Option<String>,
}

impl<I> Call<I> {
    /// The same call with another input.
    pub fn with_input<J>(self, input: J) -> Call<J> {
        Call {
            run: self.run,
            action: self.action,
            input,
            attachment: self.attachment,
            idempotency_key: self.idempotency_key,
        }
    }
}

/// What an action gives that gives a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// One that is stored.
    Stored(Blob),
    /// The bytes themselves.
    Bytes {
        /// Media type (RFC 9110).
        content_type: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
}

/// What the host is handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Json(String),
    File(File),
}

type Run = Box<dyn Fn(Call<String>) -> Result<Output, Error>>;

pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) input: fn() -> serde_json::Value,
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) output: fn() -> serde_json::Value,
}

/// The actions of a connector.
#[derive(Default)]
pub struct Actions {
    pub(crate) entries: Vec<Action>,
}

impl Actions {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds an action under its name in the manifest. Its schemas are those of `I` and `O`.
    #[must_use]
    pub fn add<I, O>(mut self, name: &'static str, handler: impl Fn(Call<I>) -> Result<O, Error> + 'static) -> Self
    where
        I: DeserializeOwned + JsonSchema,
        O: Serialize + JsonSchema,
    {
        self.entries.push(Action {
            name,
            run: Box::new(move |call| {
                let output = handler(decode(call)?)?;
                serde_json::to_string(&output).map(Output::Json).map_err(|error| Error::Internal(error.to_string()))
            }),
            #[cfg(not(target_arch = "wasm32"))]
            input: schema::of_input::<I>,
            #[cfg(not(target_arch = "wasm32"))]
            output: schema::of_output::<O>,
        });
        self
    }

    /// Adds an action that gives a file.
    #[must_use]
    pub fn add_file<I>(mut self, name: &'static str, handler: impl Fn(Call<I>) -> Result<File, Error> + 'static) -> Self
    where
        I: DeserializeOwned + JsonSchema,
    {
        self.entries.push(Action {
            name,
            run: Box::new(move |call| handler(decode(call)?).map(Output::File)),
            #[cfg(not(target_arch = "wasm32"))]
            input: schema::of_input::<I>,
            #[cfg(not(target_arch = "wasm32"))]
            output: schema::of_file,
        });
        self
    }
}

fn decode<I: DeserializeOwned>(mut call: Call<String>) -> Result<Call<I>, Error> {
    let text = std::mem::take(&mut call.input);
    Ok(call.with_input(serde_json::from_str(&text)?))
}
