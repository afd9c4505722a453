//! Syncs in the mock host: pages to the last one, writes, hints that are committed with their call.

use patchbay_sdk::sync::{self, Change, Field, FieldKind, Item, Page, Pull, Pushed, Scope, Write, Written};
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::{Actions, Call, Connector, Error, NoConfig};
use serde_json::{Map, Value, json};

const MANIFEST: &str = "[[syncs]]\nobject = \"contact\"\nresource = \"contacts\"\ntitle = \"Contacts\"\n\
                        directions = [\"in\", \"out\"]\nbatch = 2\nmapping = \"syncs/contact.json\"\n";

struct Crm;

impl Crm {
    /// Says what has changed, as a webhook would.
    fn tell(call: Call<Value>) -> Result<Value, Error> {
        let object = call.input.get("object").and_then(Value::as_str).unwrap_or("contact").to_owned();
        let ids: Vec<String> = serde_json::from_value(call.input.get("ids").cloned().unwrap_or_default())?;
        sync::changed(&object, &ids)?;
        if call.input.get("fail") == Some(&json!(true)) {
            return Err(Error::Unavailable("after it was said".into()));
        }
        Ok(Value::Null)
    }

    fn item(number: u64) -> Item {
        let mut fields = Map::new();
        fields.insert("firstname".to_owned(), json!(format!("Contact {number}")));
        Item {
            id: number.to_string(),
            modified_at: Some(1_000 + number),
            url: Some(format!("https://crm.example.com/contacts/{number}")),
            fields,
        }
    }
}

impl Connector for Crm {
    type Config = NoConfig;

    fn actions() -> Actions {
        Actions::new().add("tell", Self::tell)
    }

    fn describe(resource: &str) -> Result<Vec<Field>, Error> {
        let name = Field { required: true, ..Field::new("firstname", "First name", FieldKind::Text) };
        match resource {
            "contacts" => Ok(vec![name, Field::new("score", "Score", FieldKind::Number)]),
            other => Err(Error::NotFound(other.to_owned())),
        }
    }

    fn pull(pull: Pull) -> Result<Page, Error> {
        let from = pull.cursor::<u64>()?.unwrap_or(1);
        let seen = pull.state::<u64>()?.unwrap_or(0);
        match pull.scope {
            Scope::All => {
                let page = Page::of(vec![Change::Found(Self::item(from))]).keep(&(seen + 1))?;
                if from < 3 { page.then(&(from + 1)) } else { Ok(Page { mark: Some(1_003), ..page }) }
            }
            Scope::Ids(ids) => {
                let answer = |id: &String| match id.as_str() {
                    "7" => Change::Merged { into: "8".to_owned(), gone: vec!["7".to_owned()] },
                    _ => Change::Deleted(id.clone()),
                };
                Ok(Page::of(ids.iter().map(answer).collect()))
            }
            Scope::Matching { values, .. } => {
                let mut item = Self::item(1);
                item.fields.insert("nested".to_owned(), json!({"values": values}));
                Ok(Page::of(vec![Change::Found(item)]))
            }
            Scope::Since(_) => Ok(Page::of(vec![Change::Found(Self::item(1)); 3])),
        }
    }

    fn push(_resource: &str, writes: Vec<Write>) -> Result<Pushed, Error> {
        let answer = |write: &Write| match (&write.id, write.delete) {
            (_, true) => Written::Gone,
            (Some(id), _) => Written::Done { id: id.clone(), modified_at: Some(5), created: false, url: None },
            (None, _) => Written::Refused { message: "no name".to_owned(), field: Some("firstname".to_owned()) },
        };
        Ok(Pushed { written: writes.iter().map(answer).collect(), pause_ms: Some(250) })
    }
}

fn write(id: Option<&str>, delete: bool) -> Write {
    Write {
        key: "key".to_owned(),
        record: "demo:1".to_owned(),
        id: id.map(str::to_owned),
        fields: Map::new(),
        delete,
        data: json!({}),
        references: std::collections::BTreeMap::new(),
    }
}

fn tell(host: &MockHost, input: Value) -> Result<Value, Error> {
    host.invoke::<Crm>("tell", input)
}

#[test]
fn pages_follow_each_other_with_their_cursor_and_state() {
    let host = MockHost::with_manifest(MANIFEST);
    let pulled = host.pull_all::<Crm>(Pull::all("contacts", &["firstname"])).unwrap();
    let all: Vec<Change> = (1..=3).map(|number| Change::Found(Crm::item(number))).collect();
    assert_eq!(pulled.changes, all);
    assert_eq!((pulled.pages, pulled.mark, pulled.state), (3, Some(1_003), Some(json!(3))));
    let from_the_last = Pull { cursor: Some(json!(3)), ..Pull::all("contacts", &[]) };
    assert_eq!(host.pull_all::<Crm>(from_the_last).unwrap().pages, 1);
}

#[test]
fn a_cursor_that_is_not_its_own_is_a_defect_and_not_the_callers_fault() {
    let host = MockHost::with_manifest(MANIFEST);
    let strange = Pull { cursor: Some(json!({"page": 2})), ..Pull::all("contacts", &[]) };
    assert!(matches!(host.pull::<Crm>(strange), Err(Error::Internal(_))));
}

#[test]
fn ids_are_each_answered_and_writes_in_their_order() {
    let host = MockHost::with_manifest(MANIFEST);
    let scope = Scope::Ids(vec!["7".to_owned(), "9".to_owned()]);
    let page = host.pull::<Crm>(Pull { scope, ..Pull::all("contacts", &[]) }).unwrap();
    let merged = Change::Merged { into: "8".to_owned(), gone: vec!["7".to_owned()] };
    assert_eq!(page.changes, [merged, Change::Deleted("9".to_owned())]);
    let pushed = host.push::<Crm>("contacts", vec![write(Some("7"), false), write(None, false)]).unwrap();
    assert!(matches!(&pushed.written[..], [Written::Done { id, .. }, Written::Refused { .. }] if id == "7"));
    assert_eq!(host.push::<Crm>("contacts", vec![write(Some("7"), true)]).unwrap().written, [Written::Gone]);
}

#[test]
fn fields_are_told_with_what_may_be_done_with_them() {
    let host = MockHost::with_manifest(MANIFEST);
    let fields = host.describe::<Crm>("contacts").unwrap();
    assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["firstname", "score"]);
    assert!(fields[0].required && fields[1].writable && !fields[1].required);
}

#[test]
#[should_panic(expected = "neither a scalar nor a list of scalars")]
fn an_item_whose_fields_are_not_flat_is_not_taken() {
    let host = MockHost::with_manifest(MANIFEST);
    let scope = Scope::Matching { field: "email".to_owned(), values: vec!["a@example.com".to_owned()] };
    let _ = host.pull::<Crm>(Pull { scope, ..Pull::all("contacts", &[]) });
}

#[test]
#[should_panic(expected = "3 items, where the limit is 2")]
fn a_page_with_more_items_than_its_limit_is_not_taken() {
    let host = MockHost::with_manifest(MANIFEST);
    let _ = host.pull::<Crm>(Pull { scope: Scope::Since(1), limit: 2, ..Pull::all("contacts", &[]) });
}

#[test]
#[should_panic(expected = "batch for contacts is 2")]
fn no_more_is_written_at_once_than_the_manifest_says() {
    let host = MockHost::with_manifest(MANIFEST);
    let _ = host.push::<Crm>("contacts", vec![write(Some("1"), false); 3]);
}

#[test]
#[should_panic(expected = "plugin.toml needs [[syncs]] resource = \"deals\"")]
fn a_resource_that_the_manifest_does_not_have_is_not_asked_for() {
    let host = MockHost::with_manifest(MANIFEST);
    let _ = host.describe::<Crm>("deals");
}

#[test]
fn hints_are_kept_once_and_only_of_calls_that_succeed() {
    let host = MockHost::with_manifest(MANIFEST);
    tell(&host, json!({"ids": ["1", "2", "1"]})).unwrap();
    tell(&host, json!({"ids": ["3"], "fail": true})).unwrap_err();
    tell(&host, json!({"ids": ["2", "4"]})).unwrap();
    let said = |ids: &[&str]| ids.iter().map(|id| ("contact".to_owned(), (*id).to_owned())).collect::<Vec<_>>();
    assert_eq!(host.hints(), said(&["1", "2", "4"]));
}

#[test]
fn hints_have_their_bounds() {
    let host = MockHost::with_manifest(MANIFEST);
    let denied = tell(&host, json!({"object": "deal", "ids": ["1"]})).unwrap_err();
    let words = "\"deal\" is not among the objects of the manifest's syncs: add [[syncs]] object = \"deal\"";
    assert_eq!(denied, Error::Denied(words.to_owned()));
    let invalid = tell(&host, json!({"ids": ["1", ""]})).unwrap_err();
    assert!(matches!(invalid, Error::Invalid(violations) if violations[0].pointer == "/ids/1"));
    let many: Vec<String> = (0..1_001).map(|number: u32| number.to_string()).collect();
    assert!(matches!(tell(&host, json!({"ids": many})), Err(Error::Exhausted(_))));
    tell(&host, json!({"ids": many[1..]})).unwrap();
    assert_eq!(host.hints().len(), 1_000);
}

struct Without;

impl Connector for Without {
    type Config = NoConfig;
}

#[test]
fn a_connector_that_leaves_them_out_does_not_offer_them() {
    let host = MockHost::new();
    assert!(matches!(host.describe::<Without>("contacts"), Err(Error::NotFound(_))));
    assert!(matches!(host.pull::<Without>(Pull::all("contacts", &[])), Err(Error::NotFound(_))));
    assert!(matches!(host.push::<Without>("contacts", Vec::new()), Err(Error::NotFound(_))));
}
