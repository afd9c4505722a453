//! Guests as packages: the built component, its manifest, and whatever a test changes in either.
//!
//! Rust guests are built once by `cargo xtask fixtures`; those in the text format are assembled here,
//! because they break the canonical ABI on purpose and no compiler would emit them.

use std::path::{Path, PathBuf};

use patchbay_package::{Manifest, section};
use serde_json::Value;
use wit_component::StringEncoding;

/// A guest, ready to be packed.
#[derive(Clone)]
pub struct Fixture {
    /// The component, unpacked.
    pub component: Vec<u8>,
    /// What it will say of itself.
    pub manifest: Manifest,
}

impl Fixture {
    /// The guest of this name, of `fixtures/guests` or `fixtures/modules`.
    #[must_use]
    pub fn load(name: &str) -> Self {
        let text = fixtures().join(format!("modules/{name}.wat"));
        let component = if text.exists() { assemble(&read_text(&text)) } else { built(name) };
        Self { component, manifest: manifest(name) }
    }

    /// A component made of a core module's text, with the usual manifest under this id.
    #[must_use]
    pub fn of_text(id: &str, text: &str) -> Self {
        Self { component: assemble(text), manifest: manifest(id) }
    }

    /// A plugin of the repository, as `cargo xtask plugins` packed it.
    #[must_use]
    pub fn plugin(id: &str) -> Self {
        Self::packed_file(&output("PATCHBAY_PLUGINS_DIR", "plugins").join(format!("{id}.wasm")), "cargo xtask plugins")
    }

    /// A guest in another language, as `cargo xtask fixtures` packed it.
    #[must_use]
    pub fn foreign(name: &str) -> Self {
        Self::packed_file(&built_file(name), "cargo xtask fixtures")
    }

    fn packed_file(path: &Path, how: &str) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|_| panic!("{} is missing: run `{how}`", path.display()));
        let manifest = patchbay_package::manifest_of(&bytes).expect("a packed plugin");
        Self { component: unpacked(&bytes), manifest }
    }

    /// The same guest under another version number, which is another package.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.manifest.version = version.parse().expect("a semantic version");
        self
    }

    /// The same guest with another id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.manifest.id = id.parse().expect("a plugin's id");
        self
    }

    /// The same guest with a changed manifest.
    #[must_use]
    pub fn edit(mut self, change: impl FnOnce(&mut Manifest)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// The package, unsigned.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        patchbay_package::pack(&self.component, &self.manifest).expect("the fixture packs")
    }

    /// The names of all guests that this repository holds the source of.
    #[must_use]
    pub fn names() -> Vec<String> {
        let sources = [("guests/examples", "rs"), ("modules", "wat")];
        let mut names: Vec<String> = sources
            .iter()
            .flat_map(|(folder, kind)| {
                std::fs::read_dir(fixtures().join(folder)).expect("the fixtures' folder").filter_map(|entry| {
                    let path = entry.ok()?.path();
                    (path.extension()? == *kind).then(|| path.file_stem()?.to_str().map(str::to_owned))?
                })
            })
            .collect();
        names.sort();
        names
    }
}

/// A folder of build output: where `variable` says, else below `target/`.
fn output(variable: &str, folder: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| workspace().join("target").join(folder), PathBuf::from)
}

fn built_file(name: &str) -> PathBuf {
    output("PATCHBAY_FIXTURES_DIR", "fixtures").join(format!("{name}.wasm"))
}

fn workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn fixtures() -> PathBuf {
    workspace().join("tests/fixtures")
}

fn read_text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(name: &str) -> Manifest {
    let folder = fixtures().join("guests/manifests");
    let own = folder.join(format!("{name}.toml"));
    let path = if own.exists() { own } else { folder.join("default.toml") };
    let mut value: Value =
        toml::from_str(&read_text(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    value["id"] = Value::from(name);
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn built(name: &str) -> Vec<u8> {
    let path = built_file(name);
    let bytes =
        std::fs::read(&path).unwrap_or_else(|_| panic!("{} is missing: run `cargo xtask fixtures`", path.display()));
    unpacked(&bytes)
}

/// Without the sections that packing added.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut component = bytes.to_vec();
    let sections = section::read(bytes).expect("a component");
    for added in sections.iter().rev().filter(|one| [section::MANIFEST, section::SIGNATURE].contains(&one.name)) {
        component.drain(added.range.clone());
    }
    component
}

fn assemble(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).expect("a module in the text format");
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_path(workspace().join("wit/patchbay@1.0.0")).expect("the contract's WIT");
    let world = resolve.select_world(&[package], Some("connector")).expect("the contract's world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("metadata fits into any module");
    patchbay_package::component::encode(&module).expect("the module has the world's shape")
}
