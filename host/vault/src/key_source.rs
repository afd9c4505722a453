//! Where a key comes from: a file, the environment, or what a command prints, for keys that another service keeps.
//!
//! A command is run without a shell, with nothing to read, for a bounded time, and no more of what it prints is taken than
//! a key can be; its complaints go where the hub's own do. It is asked once in the life of the process. A variable of the
//! environment stays readable in `/proc` for whoever may look there: a file or a command says less.

use std::{env, fmt, path::PathBuf, process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    VaultError,
    cipher::KeyBytes,
    key_file,
    key_text::{self, LONGEST},
};

/// How long a command may take if nothing else is said.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// Where a key is. Its texts name places, and no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a file, which nobody but its owner may read.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
    /// What a program prints.
    Command(KeyCommand),
}

/// A program that prints a key. Its text for people leaves its arguments out: some tools are given their access there.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyCommand {
    /// The program, by its path or as it is found in `PATH`.
    pub program: String,
    /// What it is given, word by word.
    pub arguments: Vec<String>,
    /// How long it may take; it is killed after that.
    pub timeout: Duration,
}

impl KeyCommand {
    /// This program, for at most 10 seconds.
    #[must_use]
    pub fn new(program: impl Into<String>, arguments: Vec<String>) -> Self {
        Self { program: program.into(), arguments, timeout: COMMAND_TIME }
    }
}

impl fmt::Debug for KeyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCommand")
            .field("program", &self.program)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the environment's {name}"),
            Self::Command(command) => write!(f, "the command {}", command.program),
        }
    }
}

impl KeySource {
    /// The key that is there now. `version` is the one that it is wanted for: a key that says it has another is refused.
    pub(crate) async fn read(&self, version: u32) -> Result<KeyBytes, VaultError> {
        let (said, key) = match self {
            Self::File(path) => key_file::read(path)?,
            Self::Env(name) => {
                let mut text = env::var(name).map_err(|_| self.failed("it is not set, or is no text"))?;
                let parsed = key_text::parse(&text);
                text.zeroize();
                parsed.ok_or_else(|| self.failed("it does not hold a key"))?
            }
            Self::Command(command) => self.run(command).await?,
        };
        if let Some(said) = said.filter(|said| *said != version) {
            return Err(self.failed(&format!("it says that it is version {said}, and not {version}")));
        }
        Ok(key)
    }

    fn failed(&self, why: &str) -> VaultError {
        VaultError::Source { place: self.to_string(), why: why.to_owned() }
    }

    async fn run(&self, command: &KeyCommand) -> Result<(Option<u32>, KeyBytes), VaultError> {
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.failed(&format!("it does not start: {error}")))?;
        let mut stdout = child.stdout.take().ok_or_else(|| self.failed("it has no output"))?;
        let mut text = Zeroizing::new([0; LONGEST]);
        let asked = async {
            let mut length = 0;
            loop {
                let room = text.get_mut(length..).unwrap_or_default();
                if room.is_empty() {
                    return Err(self.failed("it prints more than a key"));
                }
                match stdout.read(room).await {
                    Ok(0) => break,
                    Ok(read) => length += read,
                    Err(error) => return Err(self.failed(&format!("its output cannot be read: {error}"))),
                }
            }
            match child.wait().await {
                Ok(status) if status.success() => Ok(length),
                Ok(status) => Err(self.failed(&format!("it ended with {status}"))),
                Err(error) => Err(self.failed(&format!("how it ended is not known: {error}"))),
            }
        };
        let length = timeout(command.timeout, asked)
            .await
            .map_err(|_| self.failed(&format!("it took longer than {:?}", command.timeout)))??;
        let text = text.get(..length).and_then(|text| std::str::from_utf8(text).ok());
        text.and_then(key_text::parse).ok_or_else(|| self.failed("it does not print a key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn shell(script: &str) -> KeySource {
        KeySource::Command(KeyCommand::new("sh", vec!["-c".to_owned(), script.to_owned()]))
    }

    async fn why(source: &KeySource) -> String {
        let VaultError::Source { place, why } = source.read(2).await.unwrap_err() else { panic!("another error") };
        assert!(!place.contains(HEX) && !why.contains(HEX));
        why
    }

    #[tokio::test]
    async fn a_commands_output_is_the_key() {
        for script in [format!("echo {HEX}"), format!("printf 'patchbay-key 2 {HEX}'"), format!("cat; echo {HEX}")] {
            assert_eq!(shell(&script).read(2).await.unwrap()[31], 31, "{script}");
        }
    }

    #[tokio::test]
    async fn a_command_gets_its_words_as_they_are() {
        let source = KeySource::Command(KeyCommand::new("echo", vec![HEX.to_owned()]));
        assert!(source.read(2).await.is_ok());
        let source = KeySource::Command(KeyCommand::new("echo", vec![format!("$(echo {HEX})")]));
        assert_eq!(why(&source).await, "it does not print a key");
    }

    #[tokio::test]
    async fn what_goes_wrong_with_a_command_is_said_without_what_it_printed() {
        assert_eq!(why(&shell(&format!("echo {HEX}; exit 3"))).await, "it ended with exit status: 3");
        assert_eq!(why(&shell("echo nothing")).await, "it does not print a key");
        assert_eq!(why(&shell("yes")).await, "it prints more than a key");
        assert_eq!(why(&shell(&format!("echo patchbay-key 1 {HEX}"))).await, "it says that it is version 1, and not 2");
        let missing = KeySource::Command(KeyCommand::new("/nowhere/kms", Vec::new()));
        assert!(why(&missing).await.starts_with("it does not start"));
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_killed() {
        let KeySource::Command(command) = shell("exec sleep 600") else { panic!("a command") };
        let source = KeySource::Command(KeyCommand { timeout: Duration::from_millis(50), ..command });
        assert_eq!(why(&source).await, "it took longer than 50ms");
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_and_a_file_that_is_not_there_are_named() {
        let source = KeySource::Env("PATCHBAY_TEST_NO_SUCH_KEY".to_owned());
        assert_eq!(why(&source).await, "it is not set, or is no text");
        let file = KeySource::File(PathBuf::from("/nowhere/key")).read(1).await.unwrap_err();
        assert!(file.to_string().contains("/nowhere/key"), "{file}");
    }
}
