use serde_json::json;

use super::*;

fn item(id: &str, fields: &str) -> contract::Change {
    let url = Some(format!("https://crm.example.com/{id}"));
    contract::Change::Found(contract::Item { id: id.to_owned(), modified_at: Some(5), url, fields: fields.to_owned() })
}

fn deleted(id: &str) -> contract::Change {
    contract::Change::Deleted(id.to_owned())
}

fn merged(into: &str, gone: &[&str]) -> contract::Change {
    let gone = gone.iter().map(|id| (*id).to_owned()).collect();
    contract::Change::Merged(contract::Merger { into: into.to_owned(), gone })
}

fn of(changes: Vec<contract::Change>) -> contract::Page {
    contract::Page { changes, next: None, mark: None, state: None, total: None, pause_ms: None }
}

/// Where a page is refused.
fn refused(given: contract::Page) -> String {
    let failure = page(given, 3).unwrap_err();
    assert_eq!(failure.code, Code::PluginError);
    let (_, place) = failure.detail.split_once(": \"").unwrap();
    place.split_once('"').unwrap().0.to_owned()
}

#[test]
fn a_page_within_its_bounds_is_read() {
    let given = contract::Page {
        next: Some(r#"{"after":"7"}"#.to_owned()),
        state: Some("[1]".to_owned()),
        mark: Some(9),
        total: Some(10),
        pause_ms: Some(PAUSE_MS),
        ..of(vec![item("7", r#"{"name":"Ada","tags":["a",1,null]}"#), deleted("8"), merged("7", &["9", "10"])])
    };
    let read = page(given, 1).unwrap();
    let fields = json!({"name": "Ada", "tags": ["a", 1, null]}).as_object().cloned().unwrap();
    let url = Some("https://crm.example.com/7".to_owned());
    let found = SyncItem { id: "7".to_owned(), modified_at: Some(5), url, fields };
    let gone = vec!["9".to_owned(), "10".to_owned()];
    assert_eq!(
        read.changes,
        [
            SyncChange::Found(found),
            SyncChange::Deleted("8".to_owned()),
            SyncChange::Merged { into: "7".to_owned(), gone }
        ]
    );
    assert_eq!((read.next, read.state), (Some(json!({"after": "7"})), Some(json!([1]))));
    assert_eq!((read.mark, read.total, read.pause_ms), (Some(9), Some(10), Some(PAUSE_MS)));
}

#[test]
fn each_bound_of_a_page_is_kept_and_named() {
    let long = "x".repeat(ID + 1);
    let with = |url: &str| {
        let url = Some(url.to_owned());
        of(vec![contract::Change::Found(contract::Item {
            id: "7".to_owned(),
            modified_at: None,
            url,
            fields: "{}".to_owned(),
        })])
    };
    for (given, place) in [
        (of(vec![item("7", "{}"); 4]), "/changes"),
        (of(vec![deleted("7"); CHANGES + 1]), "/changes"),
        (of(vec![merged("7", &["8"; CHANGES + 1])]), "/changes"),
        (of(vec![deleted("6"), deleted("")]), "/changes/1"),
        (of(vec![deleted(&long)]), "/changes/0"),
        (of(vec![item("a\nb", "{}")]), "/changes/0/id"),
        (of(vec![item("7", "[]")]), "/changes/0/fields"),
        (of(vec![item("7", "{")]), "/changes/0/fields"),
        (of(vec![item("7", r#"{"a":{}}"#)]), "/changes/0/fields"),
        (of(vec![item("7", r#"{"a":[[]]}"#)]), "/changes/0/fields"),
        (with("javascript:alert(1)"), "/changes/0/url"),
        (with("http://crm.example.com/7"), "/changes/0/url"),
        (with("https://crm.example.com/7 8"), "/changes/0/url"),
        (with(&format!("https://crm.example.com/{}", "x".repeat(URL))), "/changes/0/url"),
        (of(vec![merged("7", &[])]), "/changes/0/gone"),
        (of(vec![merged("7", &["8", "7"])]), "/changes/0/gone"),
        (of(vec![merged("7", &["8", ""])]), "/changes/0/gone/1"),
        (contract::Page { mark: Some(u64::MAX), ..of(Vec::new()) }, "/mark"),
        (contract::Page { pause_ms: Some(PAUSE_MS + 1), ..of(Vec::new()) }, "/pause-ms"),
        (contract::Page { next: Some("{".to_owned()), ..of(Vec::new()) }, "/next"),
        (contract::Page { next: Some(format!("\"{}\"", "x".repeat(KEPT))), ..of(Vec::new()) }, "/next"),
        (contract::Page { state: Some(format!("\"{}\"", "x".repeat(KEPT))), ..of(Vec::new()) }, "/state"),
    ] {
        assert_eq!(refused(given), place);
    }
    assert!(page(of(vec![deleted("7"); CHANGES]), 0).is_ok());
}

#[test]
fn what_is_refused_is_not_told_in_the_words_of_the_plugin() {
    let failure = page(of(vec![item("7", "my secret")]), 3).unwrap_err();
    assert!(!failure.to_string().contains("secret"), "{failure}");
}

#[test]
fn each_write_is_answered_and_its_words_are_cleaned() {
    let redact = Redactor::new(["tok-1234567890"]);
    let done = contract::Done { id: "7".to_owned(), modified_at: Some(5), created: true, url: None };
    let refusal = contract::Refusal {
        message: format!("bad token tok-1234567890\n{}", "x".repeat(2 * REASON)),
        field: Some("email".to_owned()),
    };
    let given = || contract::Pushed {
        written: vec![
            contract::Written::Done(done.clone()),
            contract::Written::Gone,
            contract::Written::Skipped("no\nname".to_owned()),
            contract::Written::Refused(refusal.clone()),
        ],
        pause_ms: None,
    };
    let read = answers(given(), 4, &redact).unwrap().written;
    assert_eq!(read[0], SyncWritten::Done { id: "7".to_owned(), modified_at: Some(5), created: true, url: None });
    assert_eq!(read[1..3], [SyncWritten::Gone, SyncWritten::Skipped { reason: "no name".to_owned() }]);
    let SyncWritten::Refused { message, field } = &read[3] else { panic!("a refusal is expected: {read:?}") };
    assert!(message.starts_with("bad token ") && !message.contains("1234567890"), "{message}");
    assert_eq!((message.chars().count(), field.as_deref()), (REASON, Some("email")));
    for asked in [3, 5] {
        assert_eq!(answers(given(), asked, &redact).unwrap_err().code, Code::PluginError);
    }
    let nameless = contract::Written::Done(contract::Done { id: String::new(), ..done.clone() });
    let given = contract::Pushed { written: vec![nameless], pause_ms: None };
    assert!(answers(given, 1, &redact).unwrap_err().detail.contains("\"/written/0/id\""));
}

#[test]
fn fields_are_few_enough_and_each_is_there_once() {
    let field = |name: &str| contract::Field {
        name: name.to_owned(),
        title: "Title".to_owned(),
        kind: contract::FieldKind::Choice,
        required: true,
        readable: true,
        writable: false,
        unique: false,
        custom: true,
        choices: vec!["a".to_owned()],
    };
    let read = fields(vec![field("a"), field("b")]).unwrap();
    assert_eq!(read[1].kind, SyncFieldKind::Choice);
    assert!(read[1].required && read[1].custom && !read[1].writable && !read[1].unique);
    let place = |given: Vec<contract::Field>| fields(given).unwrap_err().detail;
    assert!(place(vec![field("a"), field("a")]).contains("\"/1/name\""));
    assert!(place(vec![field("")]).contains("\"/0/name\""));
    let title = contract::Field { title: "x".repeat(TITLE + 1), ..field("a") };
    assert!(place(vec![title]).contains("\"/0/title\""));
    let choices = contract::Field { choices: vec![String::new(); FIELDS + 1], ..field("a") };
    assert!(place(vec![choices]).contains("\"/0/choices\""));
    assert!(place((0..=FIELDS).map(|number| field(&number.to_string())).collect()).contains("5000 fields"));
}

#[test]
fn what_is_asked_goes_over_whole() {
    let pull = SyncPull {
        resource: "contacts".to_owned(),
        fields: vec!["email".to_owned()],
        scope: SyncScope::Matching { field: "email".to_owned(), values: vec!["a@example.com".to_owned()] },
        cursor: Some(json!({"after": 7})),
        state: None,
        limit: 50,
    };
    let asked = request(pull);
    assert_eq!((asked.cursor.as_deref(), asked.state, asked.limit), (Some(r#"{"after":7}"#), None, 50));
    let contract::Scope::Matching(matching) = asked.scope else { panic!("the scope is another") };
    assert_eq!((matching.field.as_str(), matching.values.len()), ("email", 1));
    let fields = json!({"email": null}).as_object().cloned().unwrap();
    let one = SyncWrite {
        key: "k".to_owned(),
        record: "crm:7".to_owned(),
        id: None,
        fields,
        delete: false,
        data: json!({"name": "Ada"}),
        references: [("company".to_owned(), vec!["12".to_owned()])].into(),
    };
    let given = write(one);
    assert_eq!((given.fields.as_str(), given.data.as_str()), (r#"{"email":null}"#, r#"{"name":"Ada"}"#));
    assert_eq!(given.references, [("company".to_owned(), vec!["12".to_owned()])]);
}
