//! What the vendor served, by its own books.

use std::sync::Mutex;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The path of the endpoint.
    pub endpoint: String,
    /// As the request named it.
    pub model: String,
    /// Tokens of the request.
    pub prompt: u64,
    /// Tokens of the answer that left the server.
    pub completion: u64,
    /// The answer was served to its end.
    pub complete: bool,
}

/// All of them, in the order in which they began.
#[derive(Debug, Default)]
pub struct Ledger {
    served: Mutex<Vec<Served>>,
}

impl Ledger {
    pub(crate) fn open(&self, endpoint: &str, model: &str, prompt: u64) -> usize {
        let mut served = self.served.lock().unwrap();
        served.push(Served {
            endpoint: endpoint.to_owned(),
            model: model.to_owned(),
            prompt,
            completion: 0,
            complete: false,
        });
        served.len() - 1
    }

    pub(crate) fn serve(&self, entry: usize, tokens: u64) {
        self.served.lock().unwrap()[entry].completion += tokens;
    }

    pub(crate) fn close(&self, entry: usize) {
        self.served.lock().unwrap()[entry].complete = true;
    }

    /// Every entry so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Served> {
        self.served.lock().unwrap().clone()
    }

    /// Tokens of all requests, and tokens of all answers.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let served = self.served.lock().unwrap();
        (served.iter().map(|one| one.prompt).sum(), served.iter().map(|one| one.completion).sum())
    }
}

/// The simulator's tokenizer: one token per word.
#[must_use]
pub fn count_tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
