//! Typed paths for the actions that are switched on for an org.

use patchbay_hub::ActionDoc;
use serde_json::{Map, Value, json};

use super::document::problem_answers;

/// Adds one path for each action, and its schemas as components.
pub(crate) fn with_actions(mut document: Value, actions: Vec<ActionDoc>) -> Value {
    for action in actions {
        let name = format!("{}.{}", action.plugin, action.action);
        let path = format!("/v1/actions/{}/{}", action.plugin, action.action);
        let input = add_schema(&mut document, &format!("{name}.input"), action.input);
        let output = add_schema(&mut document, &format!("{name}.output"), action.output);
        let mut responses = Map::from_iter(problem_answers().map(|(status, answer)| (status.to_owned(), answer)));
        responses.insert("200".to_owned(), answer(&output));
        let operation = json!({
            "tags": ["Actions"],
            "operationId": name,
            "summary": action.title.unwrap_or(name.clone()),
            "description": action.description,
            "security": [{"api_key": ["call_actions"]}, {"session": ["call_actions"]}],
            "parameters": [{
                "name": "idempotency-key", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "The call is made once, and a repeat gets its answer",
            }],
            "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": input}}}},
            "responses": responses,
        });
        if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
            paths.insert(path, json!({ "post": operation }));
        }
    }
    document
}

fn answer(output: &str) -> Value {
    json!({
        "description": "The output",
        "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["run", "output"],
            "properties": {
                "run": {"type": "string", "description": "The run that answered"},
                "output": {"$ref": output},
            },
        }}},
    })
}

/// Puts a plugin's schema among the components; gives the reference to it.
fn add_schema(document: &mut Value, name: &str, mut schema: Value) -> String {
    let home = format!("#/components/schemas/{name}");
    if let Some(root) = schema.as_object_mut() {
        // Either would make the schema a resource of its own, in which our references mean nothing.
        root.remove("$schema");
        root.remove("$id");
    }
    rebase(&mut schema, &home);
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.insert(name.to_owned(), schema);
    }
    home
}

/// References within the schema start at its root, which has moved.
fn rebase(schema: &mut Value, home: &str) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(|schema| rebase(schema, home)),
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                match (keyword.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        if let Some(rest) =
                            target.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'))
                        {
                            *target = format!("{home}{rest}");
                        }
                    }
                    // Values, in which `$ref` is no reference.
                    ("const" | "enum" | "default" | "example" | "examples", _) => {}
                    // Names chosen by the author, which are no keywords.
                    (
                        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
                        Value::Object(named),
                    ) => {
                        named.values_mut().for_each(|schema| rebase(schema, home));
                    }
                    (_, value) => rebase(value, home),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_the_schema_to_its_new_place() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/x",
            "properties": {
                "default": {"$ref": "#/$defs/a"},
                "self": {"type": "array", "items": {"$ref": "#"}},
                "fixed": {"const": {"$ref": "#/$defs/a"}},
            },
            "$defs": {"a": {"type": "string"}},
        });
        let mut document = json!({"components": {"schemas": {}}});
        let home = add_schema(&mut document, "p.a.input", schema);
        assert_eq!(home, "#/components/schemas/p.a.input");
        let expected = json!({
            "properties": {
                "default": {"$ref": "#/components/schemas/p.a.input/$defs/a"},
                "self": {"type": "array", "items": {"$ref": "#/components/schemas/p.a.input"}},
                "fixed": {"const": {"$ref": "#/$defs/a"}},
            },
            "$defs": {"a": {"type": "string"}},
        });
        assert_eq!(document.pointer("/components/schemas/p.a.input"), Some(&expected));
    }
}
