//! Reads an author's folder: `plugin.toml`, with the schema and mapping files that it names put in.

use std::{
    fs,
    path::{Component, Path},
};

use crate::{Manifest, ManifestError, manifest::Schema, schema::MAX_BYTES, validate};

/// The manifest's file in an author's folder.
pub const FILE_NAME: &str = "plugin.toml";

/// Reads and checks `plugin.toml` in this folder. Paths of schemas and mappings are relative to it and may not
/// leave it.
///
/// # Errors
/// With the file, the key and the fix.
pub fn load_manifest_dir(dir: &Path) -> Result<Manifest, ManifestError> {
    let manifest = read_manifest_dir(dir)?;
    validate(&manifest).map_err(|violations| ManifestError::Rules { file: FILE_NAME.to_owned(), violations })?;
    Ok(manifest)
}

fn read_manifest_dir(dir: &Path) -> Result<Manifest, ManifestError> {
    let file = dir.join(FILE_NAME);
    let text = fs::read_to_string(&file).map_err(|source| ManifestError::Read {
        file,
        source,
        fix: "name the folder that holds it, or make one with `patchbay plugin new`".to_owned(),
    })?;
    let mut manifest: Manifest = toml::from_str(&text)
        .map_err(|error| ManifestError::Syntax { file: FILE_NAME.to_owned(), reason: error.to_string() })?;
    for (key, schema) in schemas(&mut manifest) {
        if let Schema::File(path) = schema {
            *schema = Schema::Inline(read_json(
                dir,
                &key,
                path,
                "let `patchbay plugin build` write the schemas of typed actions",
            )?);
        }
    }
    for sync in &mut manifest.syncs {
        if let Some(path) = sync.mapping_file.take() {
            let key = format!("mapping of the sync of {}", sync.object);
            let mapping = read_json(dir, &key, &path, "write it into the manifest itself")?;
            sync.mapping = serde_json::from_value(mapping).map_err(|error| ManifestError::Syntax {
                file: path,
                reason: format!("not a mapping: {error}; it is the {key} in {FILE_NAME}"),
            })?;
        }
    }
    Ok(manifest)
}

/// Every schema of a manifest with its key.
fn schemas(manifest: &mut Manifest) -> Vec<(String, &mut Schema)> {
    let mut found = Vec::new();
    if let Some(config) = &mut manifest.config {
        found.push(("config.schema".to_owned(), &mut config.schema));
    }
    for action in &mut manifest.actions {
        found.push((format!("input of the action {:?}", action.name), &mut action.input));
        found.push((format!("output of the action {:?}", action.name), &mut action.output));
    }
    for event in &mut manifest.events.emits {
        if let Some(schema) = &mut event.schema {
            found.push((format!("schema of the event {:?}", event.kind), schema));
        }
    }
    for collection in &mut manifest.collections {
        found.push((format!("schema of the collection {:?}", collection.name), &mut collection.schema));
    }
    found
}

/// Reads a JSON file that the manifest names. `or`: what an author whose file is missing can do beside writing it.
fn read_json(dir: &Path, key: &str, path: &str, or: &str) -> Result<serde_json::Value, ManifestError> {
    let syntax = |file: &str, reason: String| ManifestError::Syntax { file: file.to_owned(), reason };
    if path.is_empty()
        || !Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        let reason =
            format!("{key}: {path:?} leaves the plugin's folder: name a file in it, as in \"schemas/name.json\"");
        return Err(syntax(FILE_NAME, reason));
    }
    let file = dir.join(path);
    let read = |source| ManifestError::Read {
        file: file.clone(),
        source,
        fix: format!("it is the {key} in {FILE_NAME}: write it, or {or}"),
    };
    let size = fs::metadata(&file).map_err(read)?.len();
    if size > 4 * MAX_BYTES as u64 {
        return Err(syntax(
            path,
            format!("such a file has at most {MAX_BYTES} bytes without white space; this has {size}"),
        ));
    }
    let text = fs::read_to_string(&file).map_err(read)?;
    serde_json::from_str(&text)
        .map_err(|error| syntax(path, format!("not JSON: {error}; it is the {key} in {FILE_NAME}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "id = \"demo\"\nname = \"Demo\"\nversion = \"0.1.0\"\napi = \"1.0.0\"\n";

    fn folder(toml: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), format!("{HEAD}{toml}")).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    fn refusal(toml: &str, files: &[(&str, &str)]) -> String {
        load_manifest_dir(folder(toml, files).path()).unwrap_err().to_string()
    }

    #[test]
    fn schema_files_are_put_in() {
        let dir = folder("[config]\nschema = \"config.json\"\n", &[("config.json", "{\"type\": \"object\"}")]);
        let manifest = load_manifest_dir(dir.path()).unwrap();
        assert_eq!(manifest.config.unwrap().schema, Schema::Inline(serde_json::json!({"type": "object"})));
    }

    #[test]
    fn a_schema_may_stand_in_the_manifest_itself() {
        let dir = folder("[config]\nschema = { type = \"object\" }\n", &[]);
        assert!(load_manifest_dir(dir.path()).is_ok());
    }

    #[test]
    fn a_missing_manifest_names_the_fix() {
        let dir = tempfile::tempdir().unwrap();
        let error = load_manifest_dir(dir.path()).unwrap_err().to_string();
        assert!(error.contains("plugin.toml") && error.contains("patchbay plugin new"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_what_there_is_instead() {
        let error = refusal("[limits]\ntimeout = 3\n", &[]);
        assert!(error.contains("plugin.toml") && error.contains("line 6") && error.contains("timeout-ms"), "{error}");
    }

    #[test]
    fn a_missing_schema_file_names_file_key_and_fix() {
        let error = refusal("[[actions]]\nname = \"send\"\ninput = \"in.json\"\noutput = {}\n", &[]);
        assert!(error.contains("in.json") && error.contains("input of the action \"send\""), "{error}");
        assert!(error.contains("patchbay plugin build"), "{error}");
    }

    #[test]
    fn a_schema_file_that_is_not_json_is_named() {
        let error = refusal("[config]\nschema = \"c.json\"\n", &[("c.json", "{")]);
        assert!(error.starts_with("c.json: not JSON") && error.contains("config.schema"), "{error}");
    }

    #[test]
    fn a_schema_outside_the_folder_is_refused() {
        for path in ["../c.json", "/etc/hostname", "a/../../c.json", ""] {
            let error = refusal(&format!("[config]\nschema = {path:?}\n"), &[]);
            assert!(error.contains("leaves the plugin's folder"), "{path}: {error}");
        }
    }

    const SYNC: &str = "[objects]\ncontact = \"write\"\n[[syncs]]\nobject = \"contact\"\nresource = \"contacts\"\n\
                        title = \"Contacts\"\ndirections = [\"in\"]\nmapping = \"contact.json\"\n";

    #[test]
    fn mapping_files_are_put_in() {
        let mapping = r#"{"fields": [{"hub": "/email", "vendor": "email", "direction": "in"}], "join": ["/email"]}"#;
        let manifest = load_manifest_dir(folder(SYNC, &[("contact.json", mapping)]).path()).unwrap();
        let [sync] = &manifest.syncs[..] else { panic!("one sync is expected") };
        assert_eq!((sync.mapping.fields[0].hub.as_str(), sync.mapping.join.len()), ("/email", 1));
        assert_eq!(sync.mapping_file, None);
        let packed = serde_json::to_value(&manifest).unwrap();
        assert_eq!(packed["syncs"][0]["mapping"]["fields"][0]["vendor"], "email");
        assert_eq!(serde_json::from_value::<Manifest>(packed).unwrap(), manifest);
    }

    #[test]
    fn a_mapping_file_that_is_missing_or_none_names_file_key_and_fix() {
        let missing = refusal(SYNC, &[]);
        assert!(missing.contains("contact.json") && missing.contains("mapping of the sync of contact"), "{missing}");
        let wrong = refusal(SYNC, &[("contact.json", "{\"fields\": [{\"hub\": \"/email\"}]}")]);
        assert!(wrong.starts_with("contact.json: not a mapping: ") && wrong.contains("`vendor`"), "{wrong}");
        let outside = refusal(&SYNC.replace("contact.json", "../contact.json"), &[]);
        assert!(outside.contains("leaves the plugin's folder"), "{outside}");
    }

    #[test]
    fn a_broken_rule_names_the_file_and_the_place() {
        let error = refusal("[webhooks]\nbody-kib = 0\n", &[]);
        assert_eq!(error, "plugin.toml: at `/webhooks/body-kib`: expected 1 to 1024");
    }
}
