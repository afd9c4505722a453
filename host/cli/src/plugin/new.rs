//! `plugin new`: a connector that compiles, with one typed action and a test of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use patchbay_model::PluginId;

use super::file;

/// The SDK in a checkout of Patchbay.
const SDK: &str = "plugin-sdk/sdk";

/// The files of a new connector; `{{…}}` is filled in.
const TEMPLATE: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("plugin.toml", include_str!("template/plugin.toml.in")),
    ("README.md", include_str!("template/README.md.in")),
    (".gitignore", include_str!("template/gitignore.in")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("schemas/get-thing.input.json", include_str!("template/get-thing.input.json")),
    ("schemas/get-thing.output.json", include_str!("template/get-thing.output.json")),
];

/// Start a connector in a new folder.
#[derive(Debug, Args)]
pub(super) struct New {
    /// The plugin's id: a-z, 0-9 and -, starting with a letter.
    id: PluginId,
    /// The folder to make [default: the id]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Depend on the SDK in this folder [default: the checkout that this program was built in].
    #[arg(long, value_name = "DIR", conflicts_with = "sdk_git")]
    sdk_path: Option<PathBuf>,
    /// Depend on the SDK in this repository.
    #[arg(long, value_name = "URL")]
    sdk_git: Option<String>,
}

impl New {
    pub(super) fn run(self) -> Result<String> {
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from(self.id.as_str()));
        if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty: name another folder with --dir", dir.display());
        }
        let id = self.id.as_str();
        let (name, sdk) = (title(id), self.sdk()?);
        for (path, text) in TEMPLATE {
            let path = dir.join(path);
            let folder = path.parent().unwrap_or(&dir);
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
            let text = text.replace("{{id}}", id).replace("{{name}}", &name).replace("{{sdk}}", &sdk);
            file::create(&path, &text, false)?;
        }
        let place = dir.display();
        Ok(format!(
            "{place}: a connector with one action\n  patchbay plugin test --dir {place}    runs its tests, natively\n  \
             patchbay plugin build --dir {place}   makes {place}/{id}.wasm"
        ))
    }

    /// The value of the dependency in `Cargo.toml`.
    fn sdk(&self) -> Result<String> {
        let (key, value) = match (&self.sdk_path, &self.sdk_git) {
            (Some(path), _) => ("path", sdk_folder(path)?),
            (None, Some(url)) => ("git", url.clone()),
            (None, None) => ("path", sdk_folder(&sdk_beside(&std::env::current_exe()?)?)?),
        };
        Ok(format!("{{ {key} = {} }}", toml::Value::String(value)))
    }
}

/// The SDK of the checkout in whose `target` folder a program lies.
fn sdk_beside(program: &Path) -> Result<PathBuf> {
    let found = program.ancestors().map(|folder| folder.join(SDK)).find(|sdk| sdk.join("Cargo.toml").is_file());
    found
        .context("the SDK is not beside this program: name its folder with --sdk-path or its repository with --sdk-git")
}

fn sdk_folder(path: &Path) -> Result<String> {
    let path = path.canonicalize().with_context(|| format!("finding the SDK in {}", path.display()))?;
    if !path.join("Cargo.toml").is_file() {
        bail!("{} holds no Cargo.toml: name the folder of the crate patchbay-sdk", path.display());
    }
    path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))
}

/// `my-crm` for people: `My crm`.
fn title(id: &str) -> String {
    let words = id.replace('-', " ");
    let mut letters = words.trim().chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaffold(dir: &Path) -> Result<String> {
        New { id: "my-crm".parse().unwrap(), dir: Some(dir.to_owned()), sdk_path: None, sdk_git: None }.run()
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        let dir = tempfile::tempdir().unwrap();
        scaffold(dir.path()).unwrap();
        for (path, _) in TEMPLATE {
            let text = fs::read_to_string(dir.path().join(path)).unwrap();
            assert!(!text.contains("{{"), "{path}: {text}");
        }
    }

    #[test]
    fn the_manifest_is_valid() {
        let dir = tempfile::tempdir().unwrap();
        scaffold(dir.path()).unwrap();
        let manifest = patchbay_package::load_manifest_dir(dir.path()).unwrap();
        assert_eq!((manifest.id.as_str(), manifest.name.as_str()), ("my-crm", "My crm"));
        assert!(patchbay_package::serves(&manifest.api));
    }

    #[test]
    fn the_sdk_is_found_in_the_checkout_or_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("target/release/patchbay");
        assert!(sdk_beside(&program).unwrap_err().to_string().contains("--sdk-path"));
        fs::create_dir_all(dir.path().join(SDK)).unwrap();
        fs::write(dir.path().join(SDK).join("Cargo.toml"), "").unwrap();
        assert_eq!(sdk_beside(&program).unwrap(), dir.path().join(SDK));
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Cargo.toml"), "mine").unwrap();
        assert!(scaffold(dir.path()).unwrap_err().to_string().contains("is not empty"));
        assert_eq!(fs::read_to_string(dir.path().join("Cargo.toml")).unwrap(), "mine");
    }
}
