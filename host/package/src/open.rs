//! From bytes to a package: the only door.
//!
//! The checks go from cheap to dear and from outside to inside: size, shape, signature, contract,
//! manifest. Nothing of the manifest is read before the signature has been verified. The contract is
//! checked before the rest of the manifest, because a manifest of a later contract may have keys that
//! this host does not know, and "unknown key" would hide the reason.

use bytes::Bytes;
use patchbay_model::Digest;
use semver::Version;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Manifest, ManifestError, PackageError, PublicKey, api,
    section::{self, Section},
    signature, validate,
};

/// A plugin version: verified, read, ready to be compiled.
#[derive(Debug, Clone)]
pub struct Package {
    /// What it is and what it asks for.
    pub manifest: Manifest,
    /// Of all bytes: the version's address.
    pub digest: Digest,
    /// The whole file: the very buffer that was verified, so that nothing can change in between.
    pub bytes: Bytes,
    /// The id of the key whose signature was verified; none for an unsigned package.
    pub publisher: Option<String>,
    /// Where the component ends and what packing appended begins.
    component_end: usize,
}

impl Package {
    /// The component without what packing appended to it: what is compiled. Two packages of the same
    /// component have the same native code, whatever their manifests say.
    #[must_use]
    pub fn component(&self) -> &[u8] {
        self.bytes.get(..self.component_end).unwrap_or(&self.bytes)
    }
}

/// Whom the operator trusts.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Packages without a signature may be opened. One that has a signature must pass all the same.
    pub allow_unsigned: bool,
    /// Whose signatures count.
    pub publishers: Vec<PublicKey>,
}

/// Bounds of what is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLimits {
    /// The largest package, in bytes.
    pub max_bytes: u64,
}

impl Default for OpenLimits {
    /// 64 MiB: a component that carries a Python interpreter has about 40.
    fn default() -> Self {
        Self { max_bytes: 64 << 20 }
    }
}

/// Opens a package.
///
/// # Errors
/// The first check that fails; see [`PackageError::code`].
pub fn open(bytes: Bytes, trust: &Trust, limits: &OpenLimits) -> Result<Package, PackageError> {
    let size = bytes.len() as u64;
    if size > limits.max_bytes {
        return Err(PackageError::TooLarge { size, limit: limits.max_bytes });
    }
    let sections = section::read(&bytes)?;
    let publisher = signature::check(&bytes, &sections, trust)?;
    let manifest = manifest_in(&sections)?;
    let component_end = component_end(&sections, bytes.len());
    Ok(Package { manifest, digest: digest(&bytes), bytes, publisher, component_end })
}

/// The valid manifest of a package whose signature the caller does not ask about: for tools, never for
/// what will run.
///
/// # Errors
/// As for [`open`], but for size and signature.
pub fn manifest_of(bytes: &[u8]) -> Result<Manifest, PackageError> {
    manifest_in(&section::read(bytes)?)
}

/// Where the manifest begins, if nothing but our sections follows it. Anything else behind it is part of
/// the component: then the whole file is.
fn component_end(sections: &[Section<'_>], length: usize) -> usize {
    let Some(index) = sections.iter().position(|section| section.name == section::MANIFEST) else { return length };
    let mut end = length;
    for section in sections.get(index..).unwrap_or_default().iter().rev() {
        if section.range.end != end || !matches!(section.name, section::MANIFEST | section::SIGNATURE) {
            return length;
        }
        end = section.range.start;
    }
    end
}

/// SHA-256 of a packed file.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// The one key that is read before the document is: it says what the rest may look like.
#[derive(Deserialize)]
struct BuiltFor {
    api: Version,
}

fn manifest_in(sections: &[Section<'_>]) -> Result<Manifest, PackageError> {
    let json = section::only(sections, section::MANIFEST)?.ok_or(PackageError::NoManifest)?.data;
    let syntax =
        |error: serde_json::Error| ManifestError::Syntax { file: "manifest".to_owned(), reason: error.to_string() };
    let BuiltFor { api } = serde_json::from_slice(json).map_err(syntax)?;
    api::check(&api)?;
    let manifest: Manifest = serde_json::from_slice(json).map_err(syntax)?;
    validate(&manifest).map_err(|violations| ManifestError::Rules { file: "manifest".to_owned(), violations })?;
    Ok(manifest)
}
