//! The rules of a manifest, place by place.
//!
//! Every rule that the types' documentation states is checked here and nowhere else, so a plugin that
//! was opened can be trusted by the code that compiles its rules. All violations are collected, because
//! an author fixes a list faster than one error at a time; each says what would be right.

mod document;
mod oauth;
mod outbound;
mod plan;
mod report;
mod surface;
mod syncs;
pub(crate) mod text;

use patchbay_model::Violation;

use crate::Manifest;
use report::Report;

/// Checks every rule.
///
/// # Errors
/// All violations: a JSON Pointer into the manifest, and what was expected there.
pub fn validate(manifest: &Manifest) -> Result<(), Vec<Violation>> {
    let mut report = Report::default();
    document::check(manifest, &mut report);
    outbound::check(manifest, &mut report);
    oauth::check(manifest, &mut report);
    surface::check(manifest, &mut report);
    syncs::check(manifest, &mut report);
    plan::check(manifest, &mut report);
    report.finish()
}

#[cfg(test)]
mod tests;
