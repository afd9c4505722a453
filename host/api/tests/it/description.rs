//! The API's description is true to its standard, and complete.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_model::{Code, Permission, org::Scope};
use serde_json::Value;

use crate::support::Face;

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    })
}

/// The description knows a schema by its name alone: of two with one name, one would be shown for both.
#[test]
fn no_two_schemas_have_one_name() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut names) = (vec![sources], BTreeMap::<String, usize>::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                for name in schemas(&std::fs::read_to_string(path).unwrap()) {
                    *names.entry(name).or_default() += 1;
                }
            }
        }
    }
    assert!(names.len() > 100, "{names:?}");
    let twice: Vec<_> = names.into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "give one of each a name by `#[schema(as = …)]`: {twice:?}");
}

/// The names under which a source's types are described.
fn schemas(source: &str) -> Vec<String> {
    let (mut found, mut derives, mut given) = (Vec::new(), false, None);
    for line in source.lines().map(str::trim) {
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        if let Some(named) = line.strip_prefix("#[schema(as = ") {
            given = named.split(|c: char| !c.is_alphanumeric()).next().map(str::to_owned);
        } else if line.starts_with("#[derive(") {
            (derives, given) = (line.contains("ToSchema"), None);
        } else if let Some(place) = words.iter().position(|word| *word == "struct" || *word == "enum")
            && !line.starts_with("//")
        {
            if derives {
                found.extend(given.take().or_else(|| words.get(place + 1).map(|name| (*name).to_owned())));
            }
            derives = false;
        }
    }
    found
}

#[tokio::test]
async fn it_is_openapi_3_1_without_loose_ends() {
    let face = Face::new().await;
    let document = face.get("/openapi.json", None).await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);

    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for target in found {
        assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
    }

    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} is there twice");
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let declared = operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "path");
        let declared: BTreeSet<_> = declared.map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(in_path.collect::<BTreeSet<_>>(), declared, "{method} {path}");
        assert!(operation["responses"]["4XX"].is_object(), "{method} {path}");
        let open = path.starts_with("/hooks/") || !path.starts_with("/v1/");
        assert_eq!(operation["security"].is_array(), !open, "{method} {path}");
    }
    for route in [
        "/v1/plugins",
        "/v1/actions/{plugin}/{action}",
        "/v1/proxy/{plugin}/{path}",
        "/hooks/{token}",
        "/v1/runs/{run}",
    ] {
        assert!(document["paths"][route].is_object(), "{route}");
    }
}

/// A route that anybody may call, or that asks for no permission in particular, is a decision: it is made here.
#[tokio::test]
async fn every_route_needs_a_permission_but_these() {
    let face = Face::new().await;
    let document = face.get("/openapi.json", None).await.json();
    let (mut open, mut own) = (Vec::new(), Vec::new());
    for (path, method, operation) in operations(&document).filter(|(path, ..)| path.starts_with("/v1/")) {
        let name = format!("{} {path}", method.to_uppercase());
        let ways: Vec<&Value> = operation["security"].as_array().unwrap().iter().collect();
        let permissions = || ways.iter().flat_map(|way| way.as_object().unwrap().values());
        if ways.iter().any(|way| way.as_object().unwrap().is_empty()) {
            open.push(name);
        } else if permissions().any(|needed| needed.as_array().unwrap().is_empty()) {
            own.push(name);
        } else {
            let known = |text: &Value| Permission::from_text(text.as_str().unwrap()).is_some();
            assert!(permissions().flat_map(|needed| needed.as_array().unwrap()).all(known), "{name}");
        }
    }
    open.sort_unstable();
    own.sort_unstable();
    // who may is found out by them, or by a token in them
    let expected =
        ["GET /v1/oidc/callback", "POST /v1/invitations/accept", "POST /v1/oidc/authorize", "POST /v1/session"];
    assert_eq!(open, expected);
    // about the caller alone
    assert_eq!(
        own,
        [
            "DELETE /v1/session",
            "DELETE /v1/sessions/{session}",
            "GET /v1/session",
            "GET /v1/sessions",
            "POST /v1/session/leave",
            "POST /v1/session/switch",
            "PUT /v1/session/password",
        ]
    );
}

#[tokio::test]
async fn its_schemas_are_json_schemas() {
    let face = Face::new().await;
    let document = face.get("/openapi.json", None).await.json();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}");
    }
}

#[tokio::test]
async fn answers_have_the_members_that_it_promises() {
    let face = Face::new().await;
    let key = face.key(&Scope::ALL).await;
    let document = face.get("/openapi.json", Some(&key)).await.json();
    let problem = face.get("/v1/nothing", None).await.json();
    let promised = &document["components"]["schemas"]["Problem"];
    for member in problem.as_object().unwrap().keys() {
        assert!(promised["properties"][member].is_object(), "{member}");
    }
    for member in promised["required"].as_array().unwrap() {
        assert!(!problem[member.as_str().unwrap()].is_null(), "{member}");
    }
}

#[tokio::test]
async fn a_bad_key_is_no_way_to_the_description() {
    let face = Face::new().await;
    assert_eq!(face.get("/openapi.json", Some("pb_nobody")).await.status, 401);
}

#[tokio::test]
async fn the_page_needs_no_script_and_names_every_route_and_code() {
    let face = Face::new().await;
    let page = face.get("/docs", None).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"));
    assert!(!page.text.contains("<script") && !page.text.contains("://cdn"));
    let document = face.get("/openapi.json", None).await.json();
    for (path, _, _) in operations(&document) {
        assert!(page.text.contains(path.as_str()), "{path}");
    }
    for code in Code::ALL {
        assert!(page.text.contains(code.as_str()), "{}", code.as_str());
    }
    for needed in [
        "Needs the permission <code>read_audit</code>: a key with the scope <code>audit</code>, or a member with the role ",
        "Needs the permission <code>manage_billing</code>: a member with the role <code>owner</code>.",
        "Needs somebody who is signed in.",
        "Needs the token of a connect session.",
        "Needs an API key, or somebody who is signed in, or the token of a connect session.",
        "Needs no key, and takes somebody who is signed in.",
        "Needs no key.",
    ] {
        assert!(page.text.contains(needed), "{needed}");
    }
    assert_eq!(face.get("/docs/style.css", None).await.header("content-type"), "text/css; charset=utf-8");
}
