//! Makes the one file: component, then manifest, then signature.

use crate::{
    Manifest, ManifestError, PackageError, SecretKey, api,
    section::{self, MANIFEST, SIGNATURE},
    validate,
};

/// Appends the manifest to a component. The same input gives the same bytes.
///
/// # Errors
/// If the component is not one, is packed already, or the manifest breaks a rule or asks for a contract
/// that no host of this version serves.
pub fn pack(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
    let sections = section::read(component)?;
    for name in [MANIFEST, SIGNATURE] {
        if sections.iter().any(|section| section.name == name) {
            return Err(PackageError::AlreadyPacked(name));
        }
    }
    api::check(&manifest.api)?;
    validate(manifest).map_err(|violations| ManifestError::Rules { file: "manifest".to_owned(), violations })?;
    let json = serde_json::to_vec(manifest)
        .map_err(|error| ManifestError::Syntax { file: "manifest".to_owned(), reason: error.to_string() })?;
    let mut packed = Vec::with_capacity(component.len() + json.len() + 64);
    packed.extend_from_slice(component);
    section::append(&mut packed, MANIFEST, &json);
    Ok(packed)
}

/// Appends the publisher's signature over everything that is there.
///
/// # Errors
/// If it is not a packed component, is signed already, or the system has no randomness.
pub fn sign(packed: &[u8], secret: &SecretKey) -> Result<Vec<u8>, PackageError> {
    let sections = section::read(packed)?;
    if section::only(&sections, MANIFEST)?.is_none() {
        return Err(PackageError::NoManifest);
    }
    if sections.iter().any(|section| section.name == SIGNATURE) {
        return Err(PackageError::AlreadyPacked(SIGNATURE));
    }
    let text = secret.sign(packed)?;
    let mut signed = packed.to_vec();
    section::append(&mut signed, SIGNATURE, text.as_bytes());
    Ok(signed)
}
