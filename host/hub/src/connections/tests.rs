use chrono::DateTime;
use patchbay_package::manifest::Inject;

use super::*;

const KEY: &str = "sk-long-enough";

fn declared() -> Vec<Credential> {
    let credential = |name: &str, required, inject| Credential {
        name: name.to_owned(),
        title: None,
        description: None,
        required,
        inject,
        hosts: Vec::new(),
        named_hosts: false,
    };
    let header =
        Inject { header: Some("authorization".to_owned()), format: "Bearer {}".to_owned(), ..Inject::default() };
    let told =
        Inject { json: Some("/secret".to_owned()), webhook_url: Some("/webhook_url".to_owned()), ..Inject::default() };
    vec![
        credential("secret_key", true, Some(header)),
        credential("webhook_secret", false, None),
        credential("told_secret", false, Some(told)),
    ]
}

fn secrets(values: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
    values.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect()
}

fn put(values: &[(&str, &str)]) -> PutConnection {
    PutConnection { credentials: secrets(values), account: None, keep_previous_for_s: None }
}

fn pointers(put: &PutConnection) -> Vec<String> {
    check(&declared(), None, put).unwrap_err().violations.into_iter().map(|violation| violation.pointer).collect()
}

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn held(values: BTreeMap<String, CredentialValues>, name: &str, at: Timestamp) -> Vec<String> {
    let credentials = Credentials::new(values);
    credentials.get(name, at).into_iter().map(|value| value.expose_secret().to_owned()).collect()
}

#[test]
fn unknown_missing_and_unsendable_credentials_are_violations() {
    assert_eq!(pointers(&put(&[("secret_key", KEY), ("typo", "x")])), ["/credentials/typo"]);
    assert_eq!(pointers(&put(&[])), ["/credentials/secret_key"]);
    assert_eq!(pointers(&put(&[("secret_key", "sk-long-enough\n")])), ["/credentials/secret_key"]);
    assert_eq!(pointers(&put(&[("secret_key", "")])), ["/credentials/secret_key"]);
    assert_eq!(
        pointers(&PutConnection { keep_previous_for_s: Some(u64::MAX), ..put(&[("secret_key", KEY)]) }),
        ["/keep_previous_for_s"]
    );
    check(&declared(), None, &put(&[("secret_key", KEY), ("webhook_secret", "-----BEGIN\nKEY-----\n")])).unwrap();
    check(&declared(), Some("secret_key"), &put(&[])).unwrap();
}

#[test]
fn a_secret_too_short_to_be_found_again_is_not_sent() {
    assert_eq!(pointers(&put(&[("secret_key", "1234567")])), ["/credentials/secret_key"]);
    check(&declared(), None, &put(&[("secret_key", "12345678"), ("webhook_secret", "short")])).unwrap();
}

#[test]
fn a_replaced_webhook_secret_stays_good_for_a_day_also_where_the_vendor_is_told_it() {
    for name in ["webhook_secret", "told_secret"] {
        let nothing = Credentials::default();
        let old = Credentials::new(rotate(&declared(), &nothing, secrets(&[(name, "one")]), None, now()));
        let values = || rotate(&declared(), &old, secrets(&[(name, "two")]), None, now());
        assert_eq!(held(values(), name, now()), ["two", "one"]);
        assert_eq!(held(values(), name, now() + Duration::seconds(SIGNATURE_OVERLAP_S as i64 + 1)), ["two"]);
    }
}

#[test]
fn a_replaced_key_that_is_sent_is_gone_at_once_unless_asked_for() {
    let old =
        Credentials::new(rotate(&declared(), &Credentials::default(), secrets(&[("secret_key", "one")]), None, now()));
    let values = |keep| rotate(&declared(), &old, secrets(&[("secret_key", "two")]), keep, now());
    assert_eq!(held(values(None), "secret_key", now()), ["two"]);
    assert_eq!(held(values(Some(60)), "secret_key", now()), ["two", "one"]);
}

#[test]
fn putting_the_same_value_again_does_not_end_an_overlap() {
    let first = Credentials::new(rotate(
        &declared(),
        &Credentials::default(),
        secrets(&[("webhook_secret", "one")]),
        None,
        now(),
    ));
    let second = Credentials::new(rotate(&declared(), &first, secrets(&[("webhook_secret", "two")]), None, now()));
    let third = rotate(&declared(), &second, secrets(&[("webhook_secret", "two")]), None, now());
    assert_eq!(held(third, "webhook_secret", now()), ["two", "one"]);
}
