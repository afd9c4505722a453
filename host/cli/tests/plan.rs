//! `patchbay plan` and `patchbay usage` as an operator's script sees them, and the guide of plans.
#![expect(clippy::unwrap_used, reason = "in helpers of tests a failure is the test's")]

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const GUIDE: &str = include_str!("../../../docs/guides/plans.md");

struct Operator(TempDir);

impl Operator {
    fn with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("patchbay.toml"), configuration).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patchbay"));
        command.args(arguments).arg("--config").arg(self.0.path().join("patchbay.toml"));
        command.env_remove("DATABASE_URL").output().unwrap()
    }

    fn prints(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.prints(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn plans(&self) -> Vec<Value> {
        let lines = self.prints(&["plan", "list", "--json"]);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn limit<'a>(plan: &'a Value, metric: &str) -> &'a Value {
    plan["limits"].as_array().unwrap().iter().find(|limit| limit["metric"] == metric).unwrap()
}

#[test]
fn an_org_is_given_a_plan_and_its_usage_is_shown() {
    let operator = Operator::with("");
    operator.prints(&["init"]);
    assert_eq!(operator.json(&["plan", "show", "default"])["name"], "enterprise");
    let given = operator.json(&["plan", "set", "default", "pro", "--anchor", "2026-01-31T09:30:00Z"]);
    assert_eq!((&given["name"], &given["anchor"]), (&json!("pro"), &json!("2026-01-31T09:00:00Z")));
    assert_eq!(operator.json(&["plan", "show", "default"]), given);
    let plans = operator.plans();
    let counts: Vec<_> = plans.iter().map(|plan| (plan["name"].as_str().unwrap(), &plan["given_to"])).collect();
    assert!(counts.contains(&("pro", &json!(1))) && counts.contains(&("free", &json!(0))), "{counts:?}");

    let usage = operator.json(&["usage", "default"]);
    assert_eq!((&usage["plan"], &usage["price"], &usage["total"]), (&json!("pro"), &json!(4900), &json!(4900)));
    assert!(usage["period"]["starts_at"].as_str().unwrap().ends_with("T09:00:00Z"), "{usage}");
    let previous = operator.json(&["usage", "default", "--period", "previous"]);
    assert_eq!(previous["period"]["ends_at"], usage["period"]["starts_at"]);
    assert_eq!(previous["plan"], "enterprise", "which it had then");
    for (arguments, words) in [
        (&["plan", "list"][..], ["pro", "49.00 USD"]),
        (&["plan", "show", "default"], ["pro  49.00 USD", "then 0.40 USD for 100000"]),
        (&["usage", "default"], ["ai_tokens", "plan 49.00 USD + overage 0.00 USD = 49.00 USD"]),
    ] {
        let text = operator.prints(arguments);
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn a_key_is_made_with_spend_limits() {
    let operator = Operator::with("");
    operator.prints(&["init"]);
    let create = ["key", "create", "--name", "ci", "--scope", "invoke"];
    let limits = ["--spend-limit", "calls=50", "--spend-limit", "ai_tokens=7000"];
    let made = operator.json(&[&create[..], &limits[..]].concat());
    let listed = operator.prints(&["key", "list", "--json"]);
    let keys: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let key = keys.iter().find(|key| key["id"] == made["id"]).unwrap();
    assert_eq!(key["spend_limits"], json!({"ai_tokens": 7000, "calls": 50}));
    assert!(operator.prints(&["key", "list"]).contains("at most 50 calls"));
    for (limit, words) in
        [("calls", "a unit, = and a cap"), ("gold=1", "`money` or in a metric"), ("money=1", "no prices")]
    {
        let said = operator.fails(&[&create[..], &["--spend-limit", limit]].concat());
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_is_wrong_is_named_and_how_to_mend_it() {
    let operator = Operator::with("");
    operator.prints(&["init"]);
    let said = operator.fails(&["plan", "set", "default", "gold"]);
    assert!(said.contains("free, starter, pro, business, enterprise") && said.contains("fix: "), "{said}");
    let said = operator.fails(&["plan", "show", "nobody"]);
    assert!(said.contains("there is no organization \"nobody\""), "{said}");
    let said = operator.fails(&["usage", "default", "--period", "november"]);
    assert!(said.contains("a period is `current`, `previous`"), "{said}");
    for (configuration, words) in [
        ("[plans.pro.limits]\ntokens = 1", "plans.pro.limits.tokens"),
        ("[plans.pro.limits]\ncalls = -1", "a whole number of units, or \"unlimited\""),
        ("[plans.pro]\nprise = 1", "prise"),
        ("[billing]\ndefault_plan = \"gold\"", "billing.default_plan"),
        ("[features]\nproxies = \"pro\"", "features.proxies"),
    ] {
        let said = Operator::with(configuration).fails(&["plan", "list"]);
        assert!(said.contains(words), "{configuration}: {said}");
    }
}

#[test]
fn the_environment_changes_a_plan_too() {
    let operator = Operator::with("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchbay"));
    command.args(["plan", "list", "--json", "--config"]).arg(operator.0.path().join("patchbay.toml"));
    command.env("PATCHBAY__PLANS__FREE__LIMITS__CALLS", "7").env("PATCHBAY__PLANS__FREE__PRICE", "1");
    let output = command.env_remove("DATABASE_URL").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let free: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&free["name"], &free["price"], &limit(&free, "calls")["limit"]),
        (&json!("free"), &json!(1), &json!(7))
    );
}

#[test]
fn the_guides_configuration_is_valid_and_does_what_it_says() {
    let block = GUIDE.split_once("```toml\n").unwrap().1.split_once("\n```").unwrap().0;
    let plans = Operator::with(block).plans();
    let names: Vec<_> = plans.iter().map(|plan| plan["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["free", "starter", "team", "pro", "business", "enterprise"]);
    let pro = &plans[3];
    assert_eq!((&pro["price"], &pro["currency"]), (&json!(5900), &json!("EUR")));
    assert_eq!(limit(pro, "minutes")["limit"], Value::Null);
    assert_eq!(limit(pro, "ai_tokens")["overage"], json!({"price": 35, "per": 100_000}));
    assert_eq!(limit(pro, "characters")["overage"], Value::Null);
    assert_eq!(plans[0]["default"], true);
}

#[test]
fn the_guides_table_shows_the_built_in_plans() {
    let plans = Operator::with("").plans();
    for metric in plans[0]["limits"].as_array().unwrap() {
        let metric = metric["metric"].as_str().unwrap();
        let row = GUIDE.lines().find(|line| line.starts_with(&format!("| {metric} |"))).unwrap();
        let shown: Vec<_> = row.split('|').skip(2).take(5).map(|cell| cell.trim().replace(',', "")).collect();
        let built_in = plans.iter().map(|plan| limit(plan, metric)["limit"].as_u64());
        let built_in: Vec<_> =
            built_in.map(|limit| limit.map_or_else(String::new, |limit| limit.to_string())).collect();
        assert_eq!(shown, built_in, "{metric}");
    }
}
