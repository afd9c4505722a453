//! Passwords: what is taken for one, and how many are hashed at once.
//!
//! The length is all that is asked for, as NIST has it (SP 800-63B): rules about kinds of characters make people write `1!` at
//! the end. Hashing is slow on purpose, so it is done on threads that may block, and a few at once: who sends a thousand
//! sign-ins waits in a queue, while calls go on.

use std::{sync::Arc, time::Duration};

use patchbay_model::{Code, Failure, Random};
use patchbay_vault::{Verified, hash_password, verify_password};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The shortest password, in characters.
const FEWEST: usize = 12;
/// The longest; more would only be work.
const MOST: usize = 256;
/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hashes passwords, some at once.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    random: Arc<dyn Random>,
}

impl Passwords {
    /// Half of the machine's cores at once, and one at least.
    pub(crate) fn new(random: Arc<dyn Random>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Arc::new(Semaphore::new((cores / 2).max(1))), random }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Failure> {
        match tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(turn) => turn.map_err(Failure::internal),
            Err(_) => {
                let busy = Failure::new(Code::Overloaded, "too many sign-ins at once");
                Err(busy.retry_after(PATIENCE))
            }
        }
    }

    /// What is stored of a password.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Failure> {
        let (turn, random) = (self.turn().await?, Arc::clone(&self.random));
        let work = move || {
            let _turn = turn;
            hash_password(&password, &*random)
        };
        Ok(tokio::task::spawn_blocking(work).await.map_err(Failure::internal)??)
    }

    /// Compares a password with what is stored; takes as long if nothing is.
    pub(crate) async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<Verified, Failure> {
        let turn = self.turn().await?;
        let work = move || {
            let _turn = turn;
            verify_password(&password, stored.as_deref())
        };
        Ok(tokio::task::spawn_blocking(work).await.map_err(Failure::internal)??)
    }
}

/// True for what could be somebody's password: what is longer than any is not worth hashing.
pub(crate) fn could_be(password: &SecretString) -> bool {
    password.expose_secret().chars().take(MOST + 1).count() <= MOST
}

/// `invalid_input` at this place for what is not taken as a new password.
pub(crate) fn check(pointer: &str, password: &SecretString, email: &str) -> Result<(), Failure> {
    let text = password.expose_secret();
    let length = text.chars().take(MOST + 1).count();
    if !(FEWEST..=MOST).contains(&length) {
        return Err(Failure::violation(pointer, format!("{FEWEST} to {MOST} characters")));
    }
    if text.eq_ignore_ascii_case(email) {
        return Err(Failure::violation(pointer, "something else than the e-mail address"));
    }
    let mut others = text.chars();
    let first = others.next();
    if others.all(|character| Some(character) == first) {
        return Err(Failure::violation(pointer, "more than one character over and over"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_what_counts() {
        let checked = |text: &str| check("/password", &text.into(), "ada@example.com").is_ok();
        assert!(checked("correct horse") && checked("ééééééééééëë") && checked(&"ab".repeat(128)));
        for bad in ["", "elevenchars", &"ab".repeat(129), "ada@example.com", "aaaaaaaaaaaaaaaa"] {
            assert!(!checked(bad), "{bad}");
        }
        assert!(could_be(&"x".repeat(256).into()) && !could_be(&"x".repeat(257).into()));
    }
}
