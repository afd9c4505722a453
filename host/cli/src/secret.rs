//! Passwords at the command line: asked for, read from a pipe, or made. Never a flag, which other users of the machine could
//! read.

use std::io::{self, BufRead as _};

use anyhow::{Context, Result, bail};
use patchbay_model::{Random as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};

/// The first line of standard input.
pub fn from_stdin() -> Result<SecretString> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        bail!("there is no password on standard input");
    }
    Ok(SecretString::from(line))
}

/// Asks a person, twice.
pub fn ask_twice(prompt: &str) -> Result<SecretString> {
    let first = SecretString::from(rpassword::prompt_password(prompt).context("cannot ask for the password")?);
    let again = SecretString::from(rpassword::prompt_password("once more: ").context("cannot ask for the password")?);
    if first.expose_secret() != again.expose_secret() {
        bail!("the two passwords differ");
    }
    Ok(first)
}

/// A new password: 160 random bits as 40 hexadecimal digits.
pub fn generate() -> SecretString {
    let mut bytes = [0; 20];
    SystemRandom.fill(&mut bytes);
    SecretString::from(bytes.map(|byte| format!("{byte:02x}")).concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_password_has_160_bits_of_its_own() {
        let (one, other) = (generate(), generate());
        assert_eq!(one.expose_secret().len(), 40);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
