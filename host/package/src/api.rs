//! Which version of the contract the host serves.
//!
//! The WIT package is versioned by semver: within a major version interfaces only gain functions, so a
//! host serves every plugin of its own major version that was built for its minor version or an older
//! one. The check comes before compiling, because a linker's message names a missing function and not
//! the fix.

use semver::Version;

use crate::PackageError;

/// The version of `patchbay:connector` that this host serves.
pub const HOST_API: Version = Version::new(1, 1, 0);

/// True if a plugin built for this version can run here.
#[must_use]
pub fn serves(api: &Version) -> bool {
    api.pre.is_empty() && api.major == HOST_API.major && api.minor <= HOST_API.minor
}

/// Refuses what [`serves`] does not cover.
///
/// # Errors
/// [`PackageError::Incompatible`], which names both versions and the fix.
pub fn check(api: &Version) -> Result<(), PackageError> {
    if serves(api) { Ok(()) } else { Err(PackageError::Incompatible { built_for: api.clone() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_of_a_served_minor_version_is_served() {
        assert!(serves(&Version::new(1, 0, 0)));
        assert!(serves(&Version::new(1, 0, 9)));
        assert!(serves(&Version::new(1, 1, 0)));
    }

    #[test]
    fn newer_older_and_unfinished_contracts_are_not_served() {
        for text in ["2.0.0", "1.2.0", "0.9.0", "1.1.0-rc.1"] {
            assert!(!serves(&text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_refusal_names_both_versions_and_the_fix() {
        let newer = check(&Version::new(2, 1, 0)).unwrap_err().to_string();
        assert_eq!(
            newer,
            "built for patchbay:connector 2.1.0, this host serves 1.0.0..=1.1.x: \
             update the host, or build the plugin with an older SDK"
        );
        let older = check(&Version::new(0, 9, 0)).unwrap_err().to_string();
        assert!(older.ends_with("build the plugin again with a current SDK"), "{older}");
    }
}
