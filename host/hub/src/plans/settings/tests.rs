use super::*;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sections {
    billing: Billing,
    plans: BTreeMap<String, PlanSettings>,
    features: BTreeMap<String, String>,
}

fn plans(sections: serde_json::Value) -> Result<Plans, InvalidPlans> {
    let Sections { billing, plans, features } = serde_json::from_value(sections).unwrap();
    Plans::new(&billing, &plans, &features)
}

#[test]
fn a_built_in_plan_is_changed_where_the_configuration_says_so() {
    let plans = plans(serde_json::json!({"plans": {"pro": {
        "price": 5_900,
        "limits": {"calls": 7, "minutes": "unlimited"},
        "overage": {"ai_tokens": {"price": 1, "per": 10}, "characters": false},
        "max_export_rows": 9,
        "sync_every_s": 30,
    }, "enterprise": {"max_export_rows": "unlimited"}}}))
    .unwrap();
    assert_eq!(plans.get("enterprise").unwrap().max_export_rows, None);
    assert_eq!(plans.get("pro").unwrap().max_export_rows, Some(9));
    assert_eq!(plans.get("pro").unwrap().sync_every_s, 30);
    let (pro, before) = (plans.get("pro").unwrap(), Plans::default());
    let before = before.get("pro").unwrap();
    assert_eq!((pro.price, pro.rank), (5_900, before.rank));
    assert_eq!((pro.limit(Metric::Calls), pro.limit(Metric::Minutes)), (Some(7), None));
    assert_eq!(pro.limit(Metric::AiTokens), before.limit(Metric::AiTokens));
    assert_eq!(pro.overage(Metric::AiTokens), Some(Price { price: 1, per: 10 }));
    assert_eq!(pro.overage(Metric::Characters), None);
    assert_eq!(pro.overage(Metric::Minutes), before.overage(Metric::Minutes));
}

#[test]
fn own_plans_stand_beside_the_built_in_ones_or_in_their_place() {
    let beside = plans(serde_json::json!({"plans": {"team": {"rank": 25}}})).unwrap();
    let names: Vec<_> = beside.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(names, ["free", "starter", "team", "pro", "business", "enterprise"]);
    let alone = plans(serde_json::json!({
        "billing": {"built_in_plans": false, "default_plan": "basic", "currency": "EUR"},
        "plans": {"basic": {"rank": 1, "limits": {"calls": 10}}, "gold": {"rank": 2}},
        "features": {"proxy": "gold", "plugin:openai": "gold", "action:stripe/refund": "gold"},
    }))
    .unwrap();
    assert_eq!(alone.default_plan().name, "basic");
    assert_eq!(alone.currency(), "EUR");
    assert_eq!(alone.lowest_with(Feature::Proxy).unwrap().name, "gold");
    assert_eq!(alone.lowest_with(Feature::Budgets), None, "nobody says which plan");
    let (openai, stripe) = ("openai".parse().unwrap(), "stripe".parse().unwrap());
    assert_eq!(alone.lowest_for(&openai, None, Some("basic")).unwrap().name, "gold", "the operator wins");
    assert_eq!(alone.lowest_for(&stripe, Some("refund"), None).unwrap().name, "gold");
    assert_eq!(alone.lowest_for(&stripe, None, None), None);
}

#[test]
fn an_error_names_the_key_and_what_is_right_there() {
    for (sections, key, expected) in [
        (serde_json::json!({"billing": {"currency": "usd"}}), "billing.currency", "three capital letters"),
        (serde_json::json!({"billing": {"default_plan": "gold"}}), "billing.default_plan", "a plan: free, starter"),
        (serde_json::json!({"billing": {"built_in_plans": false}}), "plans", "at least one plan"),
        (serde_json::json!({"plans": {"pro": {"max_export_rows": 0}}}), "plans.pro.max_export_rows", "at least 1"),
        (serde_json::json!({"plans": {"pro": {"sync_every_s": 14}}}), "plans.pro.sync_every_s", "15 to 86400"),
        (serde_json::json!({"plans": {"Gold": {"rank": 1}}}), "plans.Gold", "a plan's name"),
        (serde_json::json!({"plans": {"gold": {}}}), "plans.gold.rank", "its place among the plans"),
        (serde_json::json!({"plans": {"gold": {"rank": 30}}}), "plans.gold.rank", "another rank than that of `pro`"),
        (
            serde_json::json!({"plans": {"pro": {"limits": {"tokens": 1}}}}),
            "plans.pro.limits.tokens",
            "a metric is calls, minutes",
        ),
        (
            serde_json::json!({"plans": {"pro": {"overage": {"calls": {"price": 1, "per": 0}}}}}),
            "plans.pro.overage.calls.per",
            "a number above 0",
        ),
        (
            serde_json::json!({"plans": {"pro": {"overage": {"endpoints": {"price": 1, "per": 1}}}}}),
            "plans.pro.overage.endpoints",
            "have no overage",
        ),
        (serde_json::json!({"features": {"proxies": "pro"}}), "features.proxies", "a feature: proxy"),
        (serde_json::json!({"features": {"proxy": "gold"}}), "features.proxy", "a plan: free"),
        (serde_json::json!({"features": {"plugin:Open AI": "pro"}}), "features.plugin:Open AI", "a plugin's id"),
    ] {
        let error = plans(sections.clone()).unwrap_err();
        assert_eq!(error.key, key, "{sections}");
        assert!(error.expected.contains(expected), "{error}");
    }
}

#[test]
fn a_limit_is_a_number_or_unlimited_and_an_overage_a_price_or_false() {
    for bad in [serde_json::json!(-1), serde_json::json!("much"), serde_json::json!(true), serde_json::json!(u64::MAX)]
    {
        let error = serde_json::from_value::<Limit>(bad.clone()).unwrap_err().to_string();
        assert!(error.contains("a whole number of units, or \"unlimited\""), "{bad}: {error}");
    }
    assert_eq!(
        serde_json::from_value::<Limit>(serde_json::json!("12")).unwrap(),
        Limit(Some(12)),
        "as in the environment"
    );
    for bad in [serde_json::json!(true), serde_json::json!(3)] {
        let error = serde_json::from_value::<Overage>(bad).unwrap_err().to_string();
        assert!(error.contains("a price as in"), "{error}");
    }
}

#[test]
fn who_sells_plans_is_an_org_and_a_plugin_of_it() {
    let org = "org_018f3c5e7d2a7c3b9f1e2d3c4b5a6978";
    let sold = plans(serde_json::json!({"billing": {"org": org, "plugin": "stripe"}})).unwrap();
    let seller = sold.seller().unwrap();
    assert_eq!((seller.org.to_string().as_str(), seller.plugin.as_str()), (org, "stripe"));
    assert_eq!(plans(serde_json::json!({})).unwrap().seller(), None);
    for (billing, key) in [
        (serde_json::json!({"org": org}), "billing.plugin"),
        (serde_json::json!({"plugin": "stripe"}), "billing.org"),
        (serde_json::json!({"org": "acme", "plugin": "stripe"}), "billing.org"),
        (serde_json::json!({"org": org, "plugin": "Stripe"}), "billing.plugin"),
    ] {
        assert_eq!(plans(serde_json::json!({"billing": billing})).unwrap_err().key, key);
    }
}
