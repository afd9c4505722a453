//! `plugin inspect`: what a file is, by the code that judges it in the hub.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use patchbay_model::Digest;
use patchbay_package::{Manifest, PackageError, PublicKey, Trust, capabilities, component, section, signature};
use serde::Serialize;

use super::file;

/// Show what a packed plugin is and what it may do.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The packed plugin.
    file: PathBuf,
    /// For programs.
    #[arg(long)]
    json: bool,
    /// Verify the signature with this public key: its base64 line, or the path of its `.pub` file.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Inspect {
    pub(super) fn run(self) -> Result<String> {
        let bytes = file::read(&self.file)?;
        let key = self.key.as_deref().map(public_key).transpose()?;
        let facts = Facts::of(&bytes, key).with_context(|| format!("reading {}", self.file.display()))?;
        if self.json { Ok(serde_json::to_string_pretty(&facts)?) } else { facts.in_words() }
    }
}

/// What `build` and `pack` say of the file that they wrote.
pub(super) fn summary(path: &Path, packed: &[u8]) -> Result<String> {
    let facts = Facts::of(packed, None)?;
    Ok(format!("{}\n{}", path.display(), facts.in_words()?))
}

fn public_key(given: &str) -> Result<PublicKey> {
    match given.parse() {
        Ok(key) => Ok(key),
        Err(_) if Path::new(given).is_file() => {
            file::read_text(Path::new(given))?.parse().with_context(|| format!("reading {given}"))
        }
        Err(error) => Err(error).with_context(|| format!("{given:?} is neither a key nor a file")),
    }
}

/// How it stands with the signature.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Signature {
    /// There is none.
    Unsigned,
    /// There is one, and nobody asked for a check.
    Unverified { key_id: String },
    /// It is that key's, over these bytes.
    Verified { key_id: String },
    /// It is not.
    Refused { reason: String },
}

/// Everything that there is to show.
#[derive(Debug, Serialize)]
struct Facts {
    digest: Digest,
    bytes: usize,
    manifest_bytes: usize,
    signature: Signature,
    imports: Vec<String>,
    exports: Vec<String>,
    capabilities: Vec<String>,
    manifest: Manifest,
}

impl Facts {
    fn of(bytes: &[u8], key: Option<PublicKey>) -> Result<Self, PackageError> {
        let sections = section::read(bytes)?;
        let manifest_bytes = section::only(&sections, section::MANIFEST)?.map_or(0, |section| section.data.len());
        let manifest = patchbay_package::manifest_of(bytes)?;
        let component::Shape { imports, exports } = component::shape(bytes)?;
        let signature = match (signature::claimed(bytes, &sections), key) {
            (Ok(None), _) => Signature::Unsigned,
            (Ok(Some(key_id)), None) => Signature::Unverified { key_id },
            (Ok(Some(_)), Some(key)) => {
                match signature::check(bytes, &sections, &Trust { allow_unsigned: false, publishers: vec![key] }) {
                    Ok(publisher) => Signature::Verified { key_id: publisher.unwrap_or_default() },
                    Err(error) => Signature::Refused { reason: error.to_string() },
                }
            }
            (Err(error), _) => Signature::Refused { reason: error.to_string() },
        };
        Ok(Self {
            digest: patchbay_package::digest(bytes),
            bytes: bytes.len(),
            manifest_bytes,
            signature,
            imports,
            exports,
            capabilities: capabilities::in_words(&manifest),
            manifest,
        })
    }

    fn in_words(&self) -> Result<String> {
        let Self { manifest, .. } = self;
        let mut text = format!("{} {} ({})", manifest.id, manifest.version, manifest.name);
        writeln!(text)?;
        if !manifest.description.is_empty() {
            writeln!(text, "  {}", manifest.description)?;
        }
        writeln!(text, "  built for   patchbay:connector {}", manifest.api)?;
        writeln!(text, "  digest      {}", self.digest)?;
        writeln!(text, "  size        {} bytes, {} of them the manifest", self.bytes, self.manifest_bytes)?;
        writeln!(text, "  signature   {}", self.signature.in_words())?;
        for (title, lines) in [("imports", &self.imports), ("exports", &self.exports), ("may", &self.capabilities)] {
            for (index, line) in lines.iter().enumerate() {
                writeln!(text, "  {:<11} {line}", if index == 0 { title } else { "" })?;
            }
        }
        Ok(text.trim_end().to_owned())
    }
}

impl Signature {
    fn in_words(&self) -> String {
        match self {
            Self::Unsigned => "none: a hub takes it only if its operator allows unsigned plugins".to_owned(),
            Self::Unverified { key_id } => format!("says {key_id}, not verified: give the public key with --key"),
            Self::Verified { key_id } => format!("{key_id}, verified"),
            Self::Refused { reason } => format!("refused: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use patchbay_package::{SecretKey, pack, sign};

    use super::*;

    /// The smallest component there is: its header.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn packed() -> Vec<u8> {
        let manifest = serde_json::from_value(serde_json::json!({
            "id": "demo", "name": "Demo", "version": "1.2.3", "api": "1.0.0",
            "egress": [{"host": "api.example.com", "methods": ["GET"], "paths": ["/v1/**"]}],
        }));
        pack(COMPONENT, &manifest.unwrap()).unwrap()
    }

    #[test]
    fn an_unsigned_package_is_shown_in_words() {
        let text = Facts::of(&packed(), None).unwrap().in_words().unwrap();
        assert!(text.starts_with("demo 1.2.3 (Demo)\n"), "{text}");
        assert!(text.contains("signature   none"), "{text}");
        assert!(text.contains("may         reaches api.example.com: GET /v1/**"), "{text}");
    }

    #[test]
    fn a_signature_is_verified_only_against_a_key_that_was_given() {
        let keys = signature::generate(None).unwrap();
        let signed = sign(&packed(), &SecretKey::parse(&keys.secret_text, None).unwrap()).unwrap();
        let key_id = keys.public.key_id().to_owned();
        let state = |bytes: &[u8], key| Facts::of(bytes, key).unwrap().signature;
        assert_eq!(state(&signed, None), Signature::Unverified { key_id: key_id.clone() });
        assert_eq!(state(&signed, Some(keys.public)), Signature::Verified { key_id });
        let other = signature::generate(None).unwrap().public;
        assert!(matches!(state(&signed, Some(other)), Signature::Refused { .. }));
        let mut appended = signed;
        section::append(&mut appended, "late", b"");
        assert!(matches!(state(&appended, None), Signature::Refused { .. }));
    }

    #[test]
    fn programs_get_json() {
        let json = serde_json::to_value(Facts::of(&packed(), None).unwrap()).unwrap();
        assert_eq!(json["signature"]["state"], "unsigned");
        assert_eq!(json["manifest"]["version"], "1.2.3");
        assert_eq!(json["digest"].as_str().unwrap().len(), 64);
    }
}
