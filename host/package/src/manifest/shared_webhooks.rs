//! One URL for the webhooks of all accounts of an app, and whose each part of such a webhook is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The segment that stands for each item of a list.
const EACH: &str = "*";

/// What the vendor sends to one URL for all accounts that have connected the operator's app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SharedWebhooks {
    /// Where the body, which is JSON, says whose account it is about: a JSON Pointer in which one segment may be `*`, for each
    /// item of a list, as in `/*/portalId`. What is there is compared with the account's id by `[oauth.account]`.
    pub accounts: String,
    /// The credential that has the secret of the operator's OAuth client while such a webhook is verified, and nothing else has
    /// a value then.
    pub credential: String,
}

impl SharedWebhooks {
    /// The segments in front of the list and those behind it; without a list all of them, and nothing behind.
    fn split(&self) -> Option<(String, Option<String>)> {
        let rest = self.accounts.strip_prefix('/')?;
        let segments: Vec<&str> = rest.split('/').collect();
        let joined = |segments: &[&str]| segments.iter().map(|segment| format!("/{segment}")).collect::<String>();
        let mut lists = segments.iter().enumerate().filter(|(_, segment)| **segment == EACH).map(|(index, _)| index);
        match (lists.next(), lists.next()) {
            (None, _) => Some((joined(&segments), None)),
            (Some(list), None) => {
                let (before, behind) = segments.split_at(list);
                Some((joined(before), Some(joined(behind.get(1..).unwrap_or_default()))))
            }
            (Some(_), Some(_)) => None,
        }
    }

    /// True if `accounts` says where something is.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let names = |pointer: &str| {
            pointer.split('/').skip(1).all(|segment| {
                let escapes = segment.replace("~0", "").replace("~1", "");
                !segment.is_empty() && !escapes.contains('~') && !segment.contains(char::is_control)
            })
        };
        let fits = |(before, behind): (String, Option<String>)| {
            names(&before) && behind.is_none_or(|behind| !behind.is_empty() && names(&behind))
        };
        self.accounts.len() <= 256 && self.split().is_some_and(fits)
    }

    /// The body in parts: for each account that it names, the same body with that account's items alone. What names no account
    /// is in none of them.
    #[must_use]
    pub fn parts(&self, body: &Value) -> BTreeMap<String, Value> {
        let Some((place, behind)) = self.split() else { return BTreeMap::new() };
        let Some(found) = body.pointer(&place) else { return BTreeMap::new() };
        let Some(behind) = behind else {
            return account(found).map(|account| (account, body.clone())).into_iter().collect();
        };
        let mut lists = BTreeMap::<String, Vec<Value>>::new();
        for item in found.as_array().into_iter().flatten() {
            if let Some(account) = item.pointer(&behind).and_then(account) {
                lists.entry(account).or_default().push(item.clone());
            }
        }
        // the rest of the body is everybody's; its list, which is most of it, is not copied for each
        let mut frame = body.clone();
        if let Some(list) = frame.pointer_mut(&place) {
            *list = Value::Null;
        }
        let part = |(account, items): (String, Vec<Value>)| {
            let mut part = frame.clone();
            if let Some(list) = part.pointer_mut(&place) {
                *list = Value::Array(items);
            }
            (account, part)
        };
        lists.into_iter().map(part).collect()
    }
}

/// An account's id as it is stored: some vendors write it as a number here and as a text there.
fn account(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains(char::is_control) => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shared(accounts: &str) -> SharedWebhooks {
        SharedWebhooks { accounts: accounts.to_owned(), credential: "client_secret".to_owned() }
    }

    #[test]
    fn each_account_has_its_own_items_in_their_order() {
        let body = json!([{"portalId": 1, "n": 1}, {"portalId": 22, "n": 2}, {"portalId": 1, "n": 3}, {"portalId": "1", "n": 4}]);
        let parts = shared("/*/portalId").parts(&body);
        assert_eq!(parts.keys().collect::<Vec<_>>(), ["1", "22"]);
        assert_eq!(parts["22"], json!([{"portalId": 22, "n": 2}]));
        let numbers: Vec<_> = parts["1"].as_array().unwrap().iter().map(|item| item["n"].clone()).collect();
        assert_eq!(numbers, [json!(1), json!(3), json!(4)]);
    }

    #[test]
    fn what_is_around_the_list_stays() {
        let body = json!({"app": {"id": 7}, "data": {"events": [{"of": {"team": "a"}}, {"of": {"team": "b"}}]}});
        let parts = shared("/data/events/*/of/team").parts(&body);
        assert_eq!(parts["b"], json!({"app": {"id": 7}, "data": {"events": [{"of": {"team": "b"}}]}}));
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn a_body_without_a_list_is_one_accounts() {
        let body = json!({"team_id": "T1", "event": {}});
        assert_eq!(shared("/team_id").parts(&body), BTreeMap::from([("T1".to_owned(), body.clone())]));
    }

    #[test]
    fn what_names_no_account_is_nobodys() {
        for body in [
            json!(null),
            json!({}),
            json!([]),
            json!([1, "a", null, [], {}]),
            json!([{"portalId": null}, {"portalId": ""}, {"portalId": -1}, {"portalId": 1.5}, {"portalId": [1]}, {"portalId": "1\u{0}"}]),
            json!({"portalId": 1}),
        ] {
            assert_eq!(shared("/*/portalId").parts(&body), BTreeMap::new(), "{body}");
        }
    }

    #[test]
    fn a_place_is_a_pointer_with_one_list_at_most() {
        for good in ["/*/portalId", "/team_id", "/data/events/*/of/team", "/a~1b/*/c~0d"] {
            assert!(shared(good).is_valid(), "{good}");
        }
        let long = format!("/{}", "a".repeat(256));
        for bad in ["", "portalId", "/", "/*", "/*/", "/*/*/a", "//a", "/a/", "/a~2b", "/a\n", &long] {
            assert!(!shared(bad).is_valid(), "{bad}");
        }
    }
}
