//! The components that only tests and benchmarks load.
//!
//! Guests that are written in WebAssembly text are not here: they are one small module each, which the
//! tests assemble when they load them.

mod guest;
mod javascript;
mod manifest;
mod python;

use anyhow::{Result, bail};

use crate::{files, toolchain::Toolchain, workspace::Workspace};

/// Builds those in Rust, which need no other language's tools.
pub fn guests(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let mut names = guest::build(workspace, toolchain)?;
    names.extend([javascript::NAME.to_owned(), python::NAME.to_owned()]);
    files::remove_other_components(&workspace.packed_fixtures(), &names)
}

/// Builds all of them; one that fails does not hide the next.
pub fn all(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let built = [guests(workspace, toolchain), javascript::build(workspace), python::build(workspace)];
    let failures: Vec<String> = built.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("\n"));
    }
    Ok(())
}
