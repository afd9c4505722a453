//! Calls of other plugins, natively.

use patchbay_sdk::testing::{Asked, MockHost};
use patchbay_sdk::{Actions, Call, Connector, Error, NoConfig, peers};
use serde_json::{Value, json};

const MANIFEST: &str = r#"
[[calls]]
plugin = "ivr"
actions = ["answer"]

[[actions]]
name = "take"
input = "schemas/take.in.json"
output = "schemas/take.out.json"
"#;

/// Takes a call as the menu says, or by itself where there is none.
struct Carrier;

impl Carrier {
    fn take(call: Call<Value>) -> Result<Value, Error> {
        match peers::call("ivr", "answer", &call.input) {
            Err(Error::Denied(_)) => Ok(json!({"by": "itself"})),
            answered => answered,
        }
    }
}

impl Connector for Carrier {
    type Config = NoConfig;

    fn actions() -> Actions {
        Actions::new().add("take", Self::take)
    }
}

#[test]
fn what_another_plugin_answers_is_scripted() {
    let host = MockHost::with_manifest(MANIFEST);
    host.expect_call("ivr", "answer", Ok(json!({"by": "the menu"})));
    host.expect_call("ivr", "answer", Err(Error::Denied("the plugin `ivr` is not switched on".to_owned())));
    host.expect_call("ivr", "answer", Err(Error::invalid("/to", "a number")));
    assert_eq!(host.invoke::<Carrier>("take", json!({"to": "+15550100001"})).unwrap(), json!({"by": "the menu"}));
    assert_eq!(host.invoke::<Carrier>("take", json!({})).unwrap(), json!({"by": "itself"}));
    assert_eq!(host.invoke::<Carrier>("take", json!({})), Err(Error::invalid("/to", "a number")));
    let first = Asked { plugin: "ivr".to_owned(), action: "answer".to_owned(), input: json!({"to": "+15550100001"}) };
    assert_eq!(host.asked()[0], first);
    assert_eq!(host.asked().len(), 3);
}

#[test]
fn an_action_that_the_manifest_does_not_name_is_denied_with_the_line_that_is_missing() {
    let _host = MockHost::with_manifest(MANIFEST);
    for (plugin, action) in [("ivr", "publish"), ("slack", "answer")] {
        let Err(Error::Denied(text)) = peers::call(plugin, action, &()) else { panic!("it is not named") };
        assert!(text.ends_with(&format!("add [[calls]] plugin = {plugin:?}, actions = [{action:?}]")), "{text}");
    }
}

#[test]
#[should_panic(expected = "call 1 of another plugin is ivr/answer and not slack/post-message")]
fn a_call_that_differs_from_what_was_expected_fails_the_test() {
    let host = MockHost::new();
    host.expect_call("slack", "post-message", Ok(json!({})));
    let _ = peers::call("ivr", "answer", &json!({}));
}

#[test]
#[should_panic(expected = "the action answer of the plugin ivr")]
fn a_call_that_never_comes_fails_the_test() {
    let host = MockHost::new();
    host.expect_call("ivr", "answer", Ok(json!({})));
}
