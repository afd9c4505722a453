//! The first-party connectors: every folder below `plugins/` with a `plugin.toml`.

use anyhow::{Context as _, Result};

use crate::{component, files, toolchain::Toolchain, workspace::Workspace};

/// Builds and packs all of them.
pub fn build(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let mut ids = Vec::new();
    for folder in files::list(&workspace.plugins())? {
        if folder.join("plugin.toml").is_file() {
            ids.push(files::file_name(&folder)?);
        }
    }
    let packed = workspace.packed_plugins();
    files::remove_other_components(&packed, &ids)?;
    if ids.is_empty() {
        return Ok(());
    }
    let mut what = vec!["--lib".to_owned()];
    what.extend(ids.iter().flat_map(|id| ["--package".to_owned(), format!("patchbay-plugin-{id}")]));
    let modules = component::compile(workspace, toolchain, workspace.root(), &what)?;
    for id in &ids {
        let folder = workspace.plugins().join(id);
        let module = modules.iter().find(|module| module.package.parent() == Some(&folder));
        let module = module.with_context(|| format!("plugins/{id} has no library of the crate type cdylib"))?;
        component::pack(&component::encode(module)?, &folder, &packed.join(format!("{id}.wasm")))?;
    }
    Ok(())
}
