//! What a command is given beside its flags: from a file, or from standard input.

use std::{
    fs::File,
    io::{IsTerminal as _, Read},
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
    let what = path.display().to_string();
    let opened = File::open(path).with_context(|| format!("cannot read {what}")).or_fix("name a file that is there")?;
    bounded(opened, &what)
}

fn standard_input() -> Result<String> {
    bounded(std::io::stdin(), "standard input")
}

fn bounded(from: impl Read, what: &str) -> Result<String> {
    let mut text = String::new();
    from.take(MOST + 1).read_to_string(&mut text).with_context(|| format!("cannot read {what}"))?;
    if text.len() as u64 > MOST {
        bail!("{what} has more than {MOST} bytes");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let most = usize::try_from(MOST).unwrap();
        std::fs::write(&path, "x".repeat(most)).unwrap();
        assert_eq!(file(&path).unwrap().len(), most);
        std::fs::write(&path, "x".repeat(most + 1)).unwrap();
        assert!(file(&path).unwrap_err().to_string().contains("more than 1048576 bytes"));
        assert!(file(&folder.path().join("none")).is_err());
    }
}
