//! What a command is given beside its flags: from a file, or from standard input.

use std::{
    io::{IsTerminal as _, Read as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use secrecy::SecretString;
use serde_json::Value;

use crate::fix::OrFix;

/// The most that is read, in bytes.
const MOST: u64 = 1 << 20;

/// A JSON document of a file, or of standard input for `-`.
pub fn json(path: &Path) -> Result<Value> {
    let text = if path == Path::new("-") { standard_input()? } else { file(path)? };
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display())).or_fix("correct it")
}

/// A secret text of a file, or of standard input. At a terminal it is asked for and not shown.
pub fn secret(path: Option<&Path>) -> Result<SecretString> {
    if let Some(path) = path.filter(|path| *path != Path::new("-")) {
        return file(path).map(SecretString::from);
    }
    if std::io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("credentials as JSON, {\"name\": \"value\"}: ");
        return typed.map(SecretString::from).context("cannot read from the terminal");
    }
    standard_input().map(SecretString::from)
}

fn file(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}", path.display()))
        .or_fix("name a file that is there")
}

fn standard_input() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().take(MOST + 1).read_to_string(&mut text).context("cannot read standard input")?;
    if text.len() as u64 > MOST {
        bail!("standard input has more than {MOST} bytes");
    }
    Ok(text)
}
