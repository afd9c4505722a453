use serde_json::json;

use super::*;
use crate::testing::TestHub;

fn manifest() -> Manifest {
    let action = |name: &str| json!({"name": name, "input": true, "output": true});
    let mut manifest: Manifest = serde_json::from_value(json!({
        "id": "openai", "name": "OpenAI", "version": "1.0.0", "api": "1.0.0",
        "actions": [action("anything"), action("tokens"), action("nothing")],
        "meters": [
            {"name": "in", "unit": "token", "metric": "ai_tokens"},
            {"name": "cached", "unit": "token"},
            {"name": "talk", "unit": "second", "metric": "minutes", "per": 60},
        ],
    }))
    .unwrap();
    manifest.actions[1].estimate = Some([("in".to_owned(), Estimate::default())].into_iter().collect());
    manifest.actions[2].estimate = Some(BTreeMap::new());
    manifest
}

#[test]
fn a_call_may_meter_what_its_estimate_names_or_else_whatever_counts() {
    let manifest = manifest();
    let names = |place: usize| -> Vec<_> {
        meters(&manifest, Operation::Action(&manifest.actions[place])).map(|(name, ..)| name).collect()
    };
    assert_eq!((names(0), names(1), names(2)), (vec!["in", "talk"], vec!["in"], vec![]));
}

#[tokio::test]
async fn a_warm_org_is_let_through_without_a_query() {
    let test = TestHub::open().await;
    let (org, manifest) = (test.org().await, manifest());
    let caller = test.caller(&org).await;
    for plan in ["enterprise", "free"] {
        test.hub.set_plan(org.id, plan, None).await.unwrap();
        test.hub.admit_by_plan(&caller, &manifest, Operation::Action(&manifest.actions[0])).await.unwrap();
    }
    // with the database closed, a query would be an error
    test.hub.0.database.close().await;
    let admitted = test.hub.admit_by_plan(&caller, &manifest, Operation::Action(&manifest.actions[0])).await.unwrap();
    assert_eq!(admitted.standing.plan.name, "free");
    assert!(admitted.standing.budgets.is_empty());
}

#[tokio::test]
async fn what_is_there_at_once_is_compared_with_the_plan() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = test.caller(&org).await;
    test.hub.set_plan(org.id, "starter", None).await.unwrap();
    test.hub.allow_standing(&caller, Metric::Endpoints, 5).await.unwrap();
    let refused = test.hub.allow_standing(&caller, Metric::Endpoints, 6).await.unwrap_err();
    assert_eq!(refused.code, Code::PlanLimitReached);
    let entitlement = refused.entitlement.unwrap();
    assert_eq!(
        (entitlement.allowed, entitlement.used, entitlement.lowest_plan.as_deref()),
        (Some(5), Some(5), Some("pro"))
    );
    test.hub.set_plan(org.id, "enterprise", None).await.unwrap();
    test.hub.allow_standing(&caller, Metric::Endpoints, 1_000).await.unwrap();
}
