//! Jobs in the mock host: planned with the run, done step by step.

use patchbay_sdk::task::{Next, Step, Task};
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::{Actions, Call, Connector, Error, NoConfig, Tasks, jobs, records};
use serde_json::{Value, json};

const MANIFEST: &str = "[[jobs]]\nkind = \"count\"\n[[collections]]\nname = \"numbers\"\nschema = \"schemas/n.json\"\n";

struct Counter;

impl Counter {
    fn plan(call: Call<Value>) -> Result<Value, Error> {
        let kind = call.input.get("kind").and_then(Value::as_str).unwrap_or("count").to_owned();
        let id = jobs::Plan::new().after_ms(5).key("one").enqueue(&kind, &json!({"to": 3}))?;
        if call.input.get("fail") == Some(&json!(true)) {
            return Err(Error::Unavailable("after it was planned".into()));
        }
        Ok(json!({"job": id}))
    }

    fn count(step: Step<Value, u64>) -> Result<Next<u64, String>, Error> {
        let number = step.cursor.unwrap_or(0) + 1;
        records::put("numbers", &number.to_string(), &json!({"job": step.job}), None)?;
        let to = step.payload.get("to").and_then(Value::as_u64).unwrap_or(1);
        Ok(if number == to { Next::Done(format!("counted to {to}")) } else { Next::Progress(number, 500) })
    }
}

impl Connector for Counter {
    type Config = NoConfig;

    fn actions() -> Actions {
        Actions::new().add("plan", Self::plan)
    }

    fn tasks() -> Tasks {
        Tasks::new().add("count", Self::count)
    }
}

#[test]
fn a_job_is_planned_once_while_one_with_its_key_waits_and_done_to_its_end() {
    let host = MockHost::with_manifest(MANIFEST);
    let first = host.invoke::<Counter>("plan", json!({})).unwrap();
    assert_eq!(host.invoke::<Counter>("plan", json!({})).unwrap(), first);
    let waiting = host.jobs();
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].kind.as_str(), waiting[0].delay_ms), ("count", 5));
    assert_eq!(waiting[0].payload, json!({"to": 3}));
    assert_eq!(host.work_off::<Counter>().unwrap(), [Some(json!("counted to 3"))]);
    assert!(host.jobs().is_empty());
    assert_eq!(host.record("numbers", "3"), Some(json!({"job": "job_1"})));
    assert_ne!(host.invoke::<Counter>("plan", json!({})).unwrap(), first);
}

#[test]
fn of_a_call_that_fails_there_is_no_job() {
    let host = MockHost::with_manifest(MANIFEST);
    host.invoke::<Counter>("plan", json!({"fail": true})).unwrap_err();
    assert!(host.jobs().is_empty());
}

#[test]
fn a_kind_that_the_manifest_does_not_name_is_denied_with_the_line_to_add() {
    let host = MockHost::with_manifest(MANIFEST);
    let denied = host.invoke::<Counter>("plan", json!({"kind": "sync"})).unwrap_err();
    assert_eq!(denied, Error::Denied("\"sync\" is not among the manifest's jobs: add [[jobs]] kind = \"sync\"".into()));
}

#[test]
fn a_kind_that_is_not_listed_is_not_offered() {
    let host = MockHost::new();
    let task = Task { job: "job_1".into(), kind: "sync".into(), payload: "{}".into(), cursor: None, attempt: 1 };
    assert!(matches!(host.step::<Counter>(task), Err(Error::NotFound(_))));
}
