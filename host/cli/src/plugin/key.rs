//! Publishers' keys: `keygen`, and the reading of a secret key.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use patchbay_package::{SecretKey, signature};

use super::file;

/// Holds the passphrase where nobody can be asked for it.
const PASSPHRASE: &str = "PATCHBAY_SIGNING_PASSPHRASE";

const SECRET_FILE: &str = "patchbay.key";
const PUBLIC_FILE: &str = "patchbay.pub";

/// Make a publisher's pair of keys, in minisign's formats.
#[derive(Debug, Args)]
pub(super) struct Keygen {
    /// The folder for `patchbay.key` and `patchbay.pub`.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Leave the secret key unencrypted, for machines that sign by themselves.
    #[arg(long)]
    no_passphrase: bool,
}

impl Keygen {
    pub(super) fn run(self) -> Result<String> {
        let (secret, public) = (self.out.join(SECRET_FILE), self.out.join(PUBLIC_FILE));
        for path in [&secret, &public] {
            if path.exists() {
                bail!("{} exists already: name another folder with --out, or move it away", path.display());
            }
        }
        let passphrase = if self.no_passphrase { None } else { Some(new_passphrase()?) };
        let keys = signature::generate(passphrase)?;
        fs::create_dir_all(&self.out).with_context(|| format!("making {}", self.out.display()))?;
        file::create(&secret, &keys.secret_text, true)?;
        file::create(&public, &keys.public_text, false)?;
        Ok(format!(
            "key {}\n  secret: {} (keep it; sign with `patchbay plugin pack --sign`)\n  public: {}\n\
             An operator trusts it with this line in the hub's configuration:\n  [plugins]\n  publishers = [\"{}\"]",
            keys.public.key_id(),
            secret.display(),
            public.display(),
            keys.public,
        ))
    }
}

fn new_passphrase() -> Result<String> {
    if let Some(passphrase) = from_environment()? {
        return Ok(passphrase);
    }
    let first = ask("passphrase for the new key: ")?;
    if first.is_empty() {
        bail!("the passphrase is empty: give one, or --no-passphrase");
    }
    if first != ask("once more: ")? {
        bail!("the two passphrases differ");
    }
    Ok(first)
}

/// Reads a secret key, and asks for its passphrase if it has one.
pub(super) fn secret(path: &Path) -> Result<SecretKey> {
    let text = file::read_text(path)?;
    let read = || -> Result<SecretKey> {
        let passphrase = if !SecretKey::needs_passphrase(&text)? {
            None
        } else if let Some(passphrase) = from_environment()? {
            Some(passphrase)
        } else {
            Some(ask(&format!("passphrase of {}: ", path.display()))?)
        };
        Ok(SecretKey::parse(&text, passphrase)?)
    };
    read().with_context(|| format!("reading the key {}", path.display()))
}

fn from_environment() -> Result<Option<String>> {
    match env::var(PASSPHRASE) {
        Ok(passphrase) if passphrase.is_empty() => bail!("{PASSPHRASE} is empty: unset it, or give a passphrase"),
        Ok(passphrase) => Ok(Some(passphrase)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).context(PASSPHRASE),
    }
}

fn ask(question: &str) -> Result<String> {
    rpassword::prompt_password(question)
        .with_context(|| format!("no terminal to ask for the passphrase: set {PASSPHRASE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pair_is_written_once_and_the_secret_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keygen = || Keygen { out: dir.path().join("keys"), no_passphrase: true };
        let said = keygen().run().unwrap();
        let public: signature::PublicKey =
            fs::read_to_string(dir.path().join("keys/patchbay.pub")).unwrap().parse().unwrap();
        assert!(said.contains(public.key_id()) && said.contains(&public.to_string()), "{said}");
        assert!(secret(&dir.path().join("keys/patchbay.key")).is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(dir.path().join("keys/patchbay.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let again = keygen().run().unwrap_err().to_string();
        assert!(again.contains("exists already"), "{again}");
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        fs::write(&path, "hello").unwrap();
        let error = format!("{:#}", secret(&path).err().unwrap());
        assert!(error.contains("notes.txt") && error.contains("not a minisign secret key"), "{error}");
    }
}
