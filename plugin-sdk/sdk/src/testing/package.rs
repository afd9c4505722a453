//! The two tests that every connector gets: its files say what its code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::manifest::ManifestFacts;
use crate::{Connector, schema};

const WRITE: &str = "PATCHBAY_WRITE_SCHEMAS";

/// Compares the files in `schemas/` with the connector's types; with `PATCHBAY_WRITE_SCHEMAS=1` writes them.
///
/// # Panics
/// If they differ: the test fails.
pub fn schemas_match_types<C: Connector>(directory: &str) {
    let directory = Path::new(directory);
    let folder = directory.join("schemas");
    let expected = schemas::<C>(&manifest(directory));
    if std::env::var_os(WRITE).is_some_and(|value| value == "1") {
        write_changed(&folder, &expected).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
    let mut wrong = Vec::new();
    for (name, schema) in &expected {
        match stored(&folder.join(name)) {
            Some(stored) if stored == *schema => {}
            Some(_) => wrong.push(format!("schemas/{name} differs from its type")),
            None => wrong.push(format!("schemas/{name} is missing or is not JSON")),
        }
    }
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !expected.contains_key(&name) {
            wrong.push(format!("schemas/{name} belongs to no type"));
        }
    }
    let wrong = wrong.join("\n  ");
    assert!(wrong.is_empty(), "run this test with {WRITE}=1 and commit what it writes:\n  {wrong}");
}

/// Compares the actions and schema files that `plugin.toml` names with those of the connector, and looks for the mappings of its syncs.
///
/// # Panics
/// If they differ: the test fails.
pub fn manifest_matches_code<C: Connector>(directory: &str) {
    let manifest = manifest(Path::new(directory));
    let mut wrong = Vec::new();
    let declared: BTreeSet<_> = manifest.actions.iter().map(|action| action.name.as_str()).collect();
    let offered: BTreeSet<_> = C::actions().entries.iter().map(|action| action.name).collect();
    wrong.extend(offered.difference(&declared).map(|name| format!("[[actions]] needs name = \"{name}\"")));
    wrong.extend(declared.difference(&offered).map(|name| format!("the action {name} is not in Connector::actions")));

    let declared: BTreeSet<_> = manifest.jobs.iter().map(|job| job.kind.as_str()).collect();
    let tasks = C::tasks();
    let offered: BTreeSet<_> = tasks.kinds().collect();
    wrong.extend(offered.difference(&declared).map(|kind| format!("[[jobs]] needs kind = \"{kind}\"")));
    // a connector with a `step` of its own lists no tasks
    if !offered.is_empty() {
        wrong.extend(declared.difference(&offered).map(|kind| format!("the job {kind} is not in Connector::tasks")));
    }

    let files = schemas::<C>(&manifest);
    let mut names: Vec<(String, &str)> = Vec::new();
    for action in &manifest.actions {
        names.push((format!("the input of {}", action.name), &action.input));
        names.push((format!("the output of {}", action.name), &action.output));
    }
    names.extend(manifest.config.iter().map(|config| ("the settings".to_owned(), config.schema.as_str())));
    names.extend(manifest.collections.iter().map(|own| (format!("the collection {}", own.name), own.schema.as_str())));
    for event in &manifest.events.emits {
        names.extend(event.schema.iter().map(|schema| (format!("the event {}", event.kind), schema.as_str())));
    }
    for (what, path) in names {
        if !path.strip_prefix("schemas/").is_some_and(|name| files.contains_key(name)) {
            wrong.push(format!("{what} has the schema {path}, which belongs to no type"));
        }
    }
    for sync in &manifest.syncs {
        if let Some(toml::Value::String(path)) = &sync.mapping
            && stored(&Path::new(directory).join(path)).is_none()
        {
            wrong.push(format!("the sync of {} has the mapping {path}, which is missing or is not JSON", sync.object));
        }
    }
    let settings = schema::of_input::<C::Config>();
    let has_settings = settings.pointer("/properties").and_then(Value::as_object).is_some_and(|own| !own.is_empty());
    if has_settings && manifest.config.is_none() {
        wrong.push("[config] is missing, and Connector::Config has members".to_owned());
    }
    let wrong = wrong.join("\n  ");
    assert!(wrong.is_empty(), "plugin.toml does not match the code:\n  {wrong}");
}

fn manifest(directory: &Path) -> ManifestFacts {
    let path = directory.join("plugin.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    ManifestFacts::parse(&text)
}

/// File name to schema.
fn schemas<C: Connector>(manifest: &ManifestFacts) -> BTreeMap<String, Value> {
    let mut files = BTreeMap::new();
    if manifest.config.is_some() {
        files.insert("config.json".to_owned(), schema::of_input::<C::Config>());
    }
    for action in C::actions().entries {
        files.insert(format!("{}.input.json", action.name), (action.input)());
        files.insert(format!("{}.output.json", action.name), (action.output)());
    }
    for (name, schema) in C::schemas().entries {
        files.insert(format!("{name}.json"), schema());
    }
    files
}

fn stored(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Leaves files alone that differ in nothing but the order of members, which is not the same in every build.
fn write_changed(folder: &Path, files: &BTreeMap<String, Value>) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, schema) in files {
        let path = folder.join(name);
        if stored(&path).as_ref() != Some(schema) {
            fs::write(path, format!("{schema:#}\n"))?;
        }
    }
    Ok(())
}
