//! Plans as an operator writes them: `[billing]`, `[plans.NAME]` and `[features]`.

use std::{collections::BTreeMap, fmt, sync::Arc};

use patchbay_model::{
    PluginId,
    plan::{InvalidMetric, Metric, Price},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};

use super::{
    built_in,
    catalogue::{Feature, LEAST_SYNC_S, OfPlugin, Plan, Plans, Seller},
};

/// `[billing]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Billing {
    /// The plan of an org that was never given one. Default: `enterprise`, which limits nothing.
    pub default_plan: String,
    /// Of all prices: three capital letters (ISO 4217). Default: `USD`.
    pub currency: String,
    /// Are free, starter, pro, business and enterprise there beside the plans of the configuration? Default: yes.
    pub built_in_plans: bool,
    /// May owners choose the plan of their org? Default: no, the operator gives plans.
    pub owners_choose: bool,
    /// The org that the operator is paid through: the one in which `plugin` is installed. Default: nothing is sold.
    pub org: Option<String>,
    /// The plugin that the operator is paid through, as in `stripe`. Needs `org`, and is needed by it.
    pub plugin: Option<String>,
}

impl Default for Billing {
    fn default() -> Self {
        Self {
            default_plan: built_in::DEFAULT.to_owned(),
            currency: "USD".to_owned(),
            built_in_plans: true,
            owners_choose: false,
            org: None,
            plugin: None,
        }
    }
}

/// `[plans.NAME]`: a plan, or what is different about a built-in one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanSettings {
    /// Its place among the others; a built-in plan has 10, 20, 30, 40 or 50.
    pub rank: Option<u32>,
    /// What a billing period costs, in minor units.
    pub price: Option<u64>,
    /// Rows that one export may have. A new plan that does not say has no limit.
    pub max_export_rows: Option<Limit>,
    /// How often a sync may look for what has changed: once in so many seconds, 15 to 86400. A new plan that does not say
    /// has 15.
    pub sync_every_s: Option<u32>,
    /// What a billing period includes, by metric. What is not named is not limited.
    pub limits: BTreeMap<String, Limit>,
    /// What more than that costs, by metric. Of what is not named there is no more.
    pub overage: BTreeMap<String, Overage>,
    /// For how many days deliveries to endpoints are kept; 0: for ever. If not said: `retention.delivery_days`.
    pub delivery_days: Option<u32>,
}

/// A number of units, or `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(Option<u64>);

/// `{ price = 40, per = 1000 }`, or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overage(Option<Price>);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Limit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of units, or \"unlimited\"")
            }
            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Limit, E> {
                // what the API shows must be exact in every JSON parser, and what is counted must fit the database
                if units > 1 << 53 {
                    Err(E::invalid_value(de::Unexpected::Unsigned(units), &self))
                } else {
                    Ok(Limit(Some(units)))
                }
            }
            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Limit, E> {
                match u64::try_from(units) {
                    Ok(units) => self.visit_u64(units),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(units), &self)),
                }
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                match text {
                    "unlimited" => Ok(Limit(None)),
                    other => match other.parse() {
                        Ok(units) => self.visit_u64(units),
                        Err(_) => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                    },
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Overage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Overage;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price as in { price = 40, per = 1000 }, or false")
            }
            fn visit_bool<E: de::Error>(self, allowed: bool) -> Result<Overage, E> {
                if allowed { Err(E::invalid_value(de::Unexpected::Bool(allowed), &self)) } else { Ok(Overage(None)) }
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Overage, A::Error> {
                Price::deserialize(MapAccessDeserializer::new(map)).map(|price| Overage(Some(price)))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A key of the configuration that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {expected}")]
pub struct InvalidPlans {
    /// As in `plans.pro.limits.calls`.
    pub key: String,
    /// What is right there.
    pub expected: String,
}

fn invalid(key: impl Into<String>, expected: impl Into<String>) -> InvalidPlans {
    InvalidPlans { key: key.into(), expected: expected.into() }
}

pub(super) fn read(
    billing: &Billing,
    settings: &BTreeMap<String, PlanSettings>,
    features: &BTreeMap<String, String>,
) -> Result<Plans, InvalidPlans> {
    let currency = &billing.currency;
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(invalid("billing.currency", "three capital letters, as in EUR"));
    }
    let mut plans = if billing.built_in_plans { built_in::plans() } else { Vec::new() };
    for (name, settings) in settings {
        let built_in = plans.iter().position(|plan| plan.name == *name);
        let base = built_in.map(|place| plans.swap_remove(place));
        plans.push(plan(name, settings, base)?);
    }
    plans.sort_by(|one, other| one.rank.cmp(&other.rank).then_with(|| one.name.cmp(&other.name)));
    for pair in plans.windows(2) {
        if let [one, other] = pair
            && one.rank == other.rank
        {
            // the one that the configuration names is the one to change
            let (wrong, right) = if settings.contains_key(&other.name) { (other, one) } else { (one, other) };
            let expected = format!("another rank than that of `{}`, which is {} too", right.name, right.rank);
            return Err(invalid(format!("plans.{}.rank", wrong.name), expected));
        }
    }
    let plans: Vec<Arc<Plan>> = plans.into_iter().map(Arc::new).collect();
    let highest = plans.last().ok_or_else(|| invalid("plans", "at least one plan, or `billing.built_in_plans`"))?;
    let named = |key: &str, name: &str| {
        let found = plans.iter().find(|plan| plan.name == name).cloned();
        found.ok_or_else(|| {
            let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
            invalid(key, format!("a plan: {} (not {name:?})", names.join(", ")))
        })
    };
    let default = named("billing.default_plan", &billing.default_plan)?;
    let mut read = Plans {
        highest: Arc::clone(highest),
        default,
        currency: currency.clone(),
        owners_choose: billing.owners_choose,
        seller: seller(billing)?,
        features: BTreeMap::new(),
        plugins: BTreeMap::new(),
        plans: Vec::new(),
    };
    if billing.built_in_plans {
        for feature in Feature::ALL {
            read.features.insert(feature, named("features", built_in::lowest(feature))?);
        }
    }
    for (feature, plan) in features {
        let key = format!("features.{feature}");
        let plan = named(&key, plan)?;
        set(&mut read, &key, feature, plan)?;
    }
    read.plans = plans;
    Ok(read)
}

fn seller(billing: &Billing) -> Result<Option<Seller>, InvalidPlans> {
    let (org, plugin) = match (&billing.org, &billing.plugin) {
        (None, None) => return Ok(None),
        (Some(org), Some(plugin)) => (org, plugin),
        (None, Some(_)) => return Err(invalid("billing.org", "the org in which `billing.plugin` is installed")),
        (Some(_), None) => return Err(invalid("billing.plugin", "the plugin that `billing.org` is paid through")),
    };
    let org = org.parse().map_err(|error: patchbay_model::InvalidId| invalid("billing.org", error.to_string()))?;
    let plugin = plugin.parse::<PluginId>().map_err(|error| invalid("billing.plugin", error.to_string()))?;
    Ok(Some(Seller { org, plugin }))
}

fn set(plans: &mut Plans, key: &str, feature: &str, plan: Arc<Plan>) -> Result<(), InvalidPlans> {
    if let Some(known) = Feature::ALL.into_iter().find(|known| known.as_str() == feature) {
        plans.features.insert(known, plan);
        return Ok(());
    }
    let plugin = |id: &str| id.parse::<PluginId>().map_err(|error| invalid(key, error.to_string()));
    if let Some(id) = feature.strip_prefix("plugin:") {
        let of_plugin: &mut OfPlugin = plans.plugins.entry(plugin(id)?.as_str().to_owned()).or_default();
        of_plugin.whole = Some(plan);
        return Ok(());
    }
    if let Some((id, action)) = feature.strip_prefix("action:").and_then(|rest| rest.split_once('/')) {
        let of_plugin = plans.plugins.entry(plugin(id)?.as_str().to_owned()).or_default();
        of_plugin.actions.insert(action.to_owned(), plan);
        return Ok(());
    }
    let names: Vec<_> = Feature::ALL.iter().map(|feature| feature.as_str()).collect();
    let expected = format!("a feature: {}, `plugin:ID` or `action:ID/ACTION`", names.join(", "));
    Err(invalid(key, expected))
}

fn plan(name: &str, settings: &PlanSettings, built_in: Option<Plan>) -> Result<Plan, InvalidPlans> {
    let at = |rest: &str| format!("plans.{name}{rest}");
    let valid = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if !valid {
        return Err(invalid(at(""), "a plan's name is 1 to 64 characters of a-z, 0-9, _ and -"));
    }
    let is_new = built_in.is_none();
    let mut plan = built_in.unwrap_or_else(|| Plan {
        name: name.to_owned(),
        rank: 0,
        price: 0,
        limits: [None; Metric::ALL.len()],
        overage: [None; Metric::ALL.len()],
        delivery_days: None,
        max_export_rows: None,
        sync_every_s: LEAST_SYNC_S,
    });
    plan.rank = match settings.rank {
        Some(rank) => rank,
        None if is_new => return Err(invalid(at(".rank"), "a number: its place among the plans")),
        None => plan.rank,
    };
    plan.price = settings.price.unwrap_or(plan.price);
    plan.delivery_days = settings.delivery_days.or(plan.delivery_days);
    if let Some(Limit(rows)) = settings.max_export_rows {
        if rows == Some(0) {
            return Err(invalid(at(".max_export_rows"), "at least 1, or \"unlimited\""));
        }
        plan.max_export_rows = rows;
    }
    if let Some(every) = settings.sync_every_s {
        if !(LEAST_SYNC_S..=86_400).contains(&every) {
            return Err(invalid(at(".sync_every_s"), format!("{LEAST_SYNC_S} to 86400, in seconds")));
        }
        plan.sync_every_s = every;
    }
    for (metric, Limit(limit)) in &settings.limits {
        let metric = read_metric(&at(".limits"), metric)?;
        if let Some(place) = plan.limits.get_mut(metric.index()) {
            *place = *limit;
        }
    }
    for (metric, Overage(price)) in &settings.overage {
        let key = format!("{}.{metric}", at(".overage"));
        let metric = read_metric(&at(".overage"), metric)?;
        if metric.is_standing() && price.is_some() {
            return Err(invalid(key, "nothing: endpoints are there or not, and have no overage"));
        }
        if price.is_some_and(|price| price.per == 0) {
            return Err(invalid(format!("{key}.per"), "a number above 0"));
        }
        if price.is_some_and(|price| price.price > 1_000_000_000) {
            return Err(invalid(format!("{key}.price"), "at most 1000000000"));
        }
        if let Some(place) = plan.overage.get_mut(metric.index()) {
            *place = *price;
        }
    }
    Ok(plan)
}

fn read_metric(section: &str, name: &str) -> Result<Metric, InvalidPlans> {
    name.parse().map_err(|error: InvalidMetric| invalid(format!("{section}.{name}"), error.to_string()))
}

#[cfg(test)]
mod tests;
