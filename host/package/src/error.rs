//! Why a file is not a plugin, in words that name the fix: a publisher reads them.

use std::{io, path::PathBuf};

use patchbay_model::{Code, Failure, Violation};
use semver::Version;

use crate::HOST_API;

/// Why a package was not made or not opened.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// More bytes than the operator allows.
    #[error("the package has {size} bytes and the limit is {limit}: make it smaller, or ask the operator for more")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The largest size in bytes.
        limit: u64,
    },
    /// Cut short, damaged, or something else altogether.
    #[error(
        "not well-formed WebAssembly, at byte {offset}: {reason}; the file is damaged or cut short, build it again"
    )]
    Malformed {
        /// Where reading stopped.
        offset: usize,
        /// What was wrong there.
        reason: String,
    },
    /// A module instead of a component.
    #[error("this is a core module, not a component: build it with `patchbay plugin build`")]
    CoreModule,
    /// A component that was never packed.
    #[error("the component has no manifest: pack it with `patchbay plugin pack`")]
    NoManifest,
    /// A section that may be there once is there again.
    #[error("there are {count} sections {name:?} where one is allowed: pack the bare component again")]
    Repeated {
        /// The section's name.
        name: &'static str,
        /// How often it is there.
        count: usize,
    },
    /// A component given for packing is packed already.
    #[error("the component has a section {0:?} already: give the component as it was before packing")]
    AlreadyPacked(&'static str),
    /// No signature, and the operator demands one.
    #[error(
        "the package is not signed: sign it with `patchbay plugin pack --sign`, or let the operator allow unsigned ones"
    )]
    Unsigned,
    /// Bytes that no signature covers.
    #[error("something was appended after the signature: sign the finished package again")]
    AfterSignature,
    /// The signature section does not hold a signature.
    #[error("the signature cannot be read ({0}): sign the package again with `patchbay plugin pack --sign`")]
    SignatureMalformed(String),
    /// Signed by somebody whom the operator does not trust.
    #[error(
        "signed with the key {key_id}, which is not among the trusted publishers: let the operator add it, or sign with another"
    )]
    UntrustedPublisher {
        /// 16 hexadecimal digits.
        key_id: String,
    },
    /// The signature is for other bytes.
    #[error("the signature by {key_id} does not fit the contents: the package was changed after it was signed")]
    SignatureMismatch {
        /// 16 hexadecimal digits.
        key_id: String,
    },
    /// Built for a contract that this host does not serve.
    #[error(
        "built for patchbay:connector {built_for}, this host serves {major}.0.0..={major}.{minor}.x: {fix}",
        major = HOST_API.major, minor = HOST_API.minor, fix = incompatible_fix(built_for)
    )]
    Incompatible {
        /// The version in the manifest.
        built_for: Version,
    },
    /// The manifest is not what it should be.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A key is not a key, or the passphrase is wrong.
    #[error("{0}")]
    Key(String),
    /// The core module cannot become a component.
    #[error("the module does not become a component: {0}")]
    Encode(String),
}

fn incompatible_fix(built_for: &Version) -> &'static str {
    if built_for.major > HOST_API.major || (built_for.major == HOST_API.major && built_for.minor > HOST_API.minor) {
        "update the host, or build the plugin with an older SDK"
    } else {
        "build the plugin again with a current SDK"
    }
}

impl PackageError {
    /// The stable code that a caller sees.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::PackageTooLarge,
            Self::Malformed { .. }
            | Self::CoreModule
            | Self::NoManifest
            | Self::Repeated { .. }
            | Self::AlreadyPacked(_)
            | Self::Encode(_) => Code::PackageInvalid,
            Self::Unsigned => Code::PackageUnsigned,
            Self::AfterSignature
            | Self::SignatureMalformed(_)
            | Self::UntrustedPublisher { .. }
            | Self::SignatureMismatch { .. }
            | Self::Key(_) => Code::PackageSignatureInvalid,
            Self::Incompatible { .. } => Code::PackageIncompatible,
            Self::Manifest(_) => Code::PackageManifestInvalid,
        }
    }
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        let code = error.code();
        match error {
            PackageError::Manifest(ManifestError::Rules { violations, .. }) => {
                Self { violations, ..Self::new(code, "the manifest breaks its rules") }
            }
            other => Self::new(code, other.to_string()),
        }
    }
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}{}", file.display(), hint(source, .fix))]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
        /// What to do when it does not exist.
        fix: String,
    },
    /// Not TOML, not JSON, or a key or value that the manifest does not have.
    #[error("{file}: {reason}")]
    Syntax {
        /// Which file, or `manifest` for the one in a package.
        file: String,
        /// Where and why.
        reason: String,
    },
    /// It can be read, and breaks rules.
    #[error("{file}: {}", listed(.violations))]
    Rules {
        /// Which file, or `manifest` for the one in a package.
        file: String,
        /// Place by place.
        violations: Vec<Violation>,
    },
}

fn hint(source: &io::Error, fix: &str) -> String {
    if source.kind() == io::ErrorKind::NotFound && !fix.is_empty() { format!("; {fix}") } else { String::new() }
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(|v| format!("at `{}`: expected {}", v.pointer, v.expected)).collect::<Vec<_>>().join("; ")
}
