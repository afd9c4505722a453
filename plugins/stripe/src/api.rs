//! Stripe's API: how it is asked, and what it answers.
//!
//! Requests are forms with brackets (`items[0][price]=…`), answers are JSON. The version is pinned in every request: without
//! it an account's own default would decide what the answers look like.
//!
//! Whatever changes something carries an `Idempotency-Key`. The hub makes it (the manifest's `idempotency-header`), the same for
//! a repeat of the same call, so that a request that broke off is sent again and done once. Who must have one that outlives a
//! call gives their own.

use patchbay_sdk::{Error, Verbatim, clock, http};
use serde::Serialize;
use serde_json::{Number, Value};

use crate::failure;

/// Where Stripe is.
pub(crate) const ORIGIN: &str = "https://api.stripe.com";

/// The credential in the manifest.
pub(crate) const KEY: &str = "secret_key";

/// The version of the API that this connector is written for.
pub(crate) const VERSION: &str = "2026-10-28.endive";

/// Deeper than any parameter of Stripe.
const FORM: serde_qs::Config = serde_qs::Config::new().max_depth(12).use_form_encoding(true);

/// Whole numbers up to here are the same as integers and as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Stripe's longest id.
const MAX_ID: usize = 255;

/// Asks for something. Null members are left out.
///
/// # Errors
/// What Stripe says, as [`failure::of`] reads it; what kept it from answering.
pub(crate) fn get<P: Serialize + ?Sized>(path: &str, parameters: &P) -> Result<http::WholeResponse, Error> {
    send(http::Request::get(url(path, &form(parameters)?)))
}

/// Makes or changes something. `key`: one that holds beyond this call, at most 255 characters; without it the hub makes one.
///
/// # Errors
/// As [`get`].
pub(crate) fn post<P: Serialize + ?Sized>(
    path: &str,
    parameters: &P,
    key: Option<&str>,
) -> Result<http::WholeResponse, Error> {
    let form = form(parameters)?;
    let request = http::Request::post(url(path, "")).bytes("application/x-www-form-urlencoded", form);
    send(match key {
        Some(key) => request.header("idempotency-key", key).repeatable(true),
        None => request,
    })
}

/// Takes something away. Stripe does that once without a key.
///
/// # Errors
/// As [`get`].
pub(crate) fn delete<P: Serialize + ?Sized>(path: &str, parameters: &P) -> Result<http::WholeResponse, Error> {
    send(http::Request::delete(url(path, &form(parameters)?)))
}

/// The path of one object: `/v1/customers/cus_…`.
///
/// # Errors
/// [`Error::Invalid`] at `pointer` for what cannot be an id: it could name another path.
pub(crate) fn item(collection: &str, pointer: &str, id: &str) -> Result<String, Error> {
    let named = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !named || !(1..=MAX_ID).contains(&id.len()) {
        return Err(Error::invalid(pointer, "an id of Stripe: letters, digits and underscores"));
    }
    Ok(format!("{collection}/{id}"))
}

/// An answer as it is, for an action that gives it.
///
/// # Errors
/// [`Error::Upstream`] if it is no JSON.
pub(crate) fn verbatim<T>(response: http::WholeResponse) -> Result<Verbatim<T>, Error> {
    let status = response.status;
    let unreadable =
        |error: &dyn std::fmt::Display| Error::upstream(status, format!("Stripe's answer is not JSON: {error}"));
    let text = String::from_utf8(response.body).map_err(|error| unreadable(&error))?;
    Verbatim::new(text).map_err(|error| unreadable(&error))
}

/// The parameters as Stripe reads them; empty if nothing is said.
fn form<P: Serialize + ?Sized>(parameters: &P) -> Result<String, Error> {
    let mut value = serde_json::to_value(parameters).map_err(|error| Error::Internal(error.to_string()))?;
    if !says_something(&mut value) {
        return Ok(String::new());
    }
    FORM.serialize_string(&value).map_err(|error| Error::invalid("", format!("parameters that make a form ({error})")))
}

/// Takes out what says nothing, because a form would say it: null, an empty list and an empty object would become an empty
/// text, by which Stripe unsets a field. Who wants that writes the empty text. Gives false for what is itself such.
fn says_something(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(members) => {
            members.retain(|_, member| says_something(member));
            !members.is_empty()
        }
        Value::Array(items) => {
            items.retain_mut(says_something);
            !items.is_empty()
        }
        Value::Number(number) => {
            // JSON knows one kind of number: 2000.0 is valid where an integer is wanted, and Stripe wants 2000.
            let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT);
            if let Some(float) = float {
                *number = Number::from(float as i64);
            }
            true
        }
        Value::Bool(_) | Value::String(_) => true,
    }
}

fn url(path: &str, query: &str) -> String {
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{ORIGIN}{path}{mark}{query}")
}

fn send(request: http::Request) -> Result<http::WholeResponse, Error> {
    let response = request.header("stripe-version", VERSION).credential(KEY).fetch()?;
    if response.is_success() { Ok(response) } else { Err(failure::of(&response, clock::now())) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_what_stripes_own_libraries_write() {
        let parameters = json!({
            "items": [{"price": "price_A", "quantity": 2}, {"price": "price_B"}], "metadata": {"tenant id": "t_1&x"},
            "expand": ["latest_invoice.payments"], "cancel_at_period_end": true, "description": "",
        });
        let expected = "items%5B0%5D%5Bprice%5D=price_A&items%5B0%5D%5Bquantity%5D=2&items%5B1%5D%5Bprice%5D=price_B\
             &metadata%5Btenant%20id%5D=t_1%26x&expand%5B0%5D=latest_invoice.payments&cancel_at_period_end=true&description=";
        assert_eq!(form(&parameters), Ok(expected.to_owned()));
    }

    #[test]
    fn what_says_nothing_is_left_out_and_an_empty_text_is_said() {
        let parameters = json!({"a": null, "b": {"c": null, "d": {}}, "e": [], "f": [null, "x"], "g": ""});
        assert_eq!(form(&parameters), Ok("f%5B0%5D=x&g=".to_owned()));
        assert_eq!(form(&json!({"a": null})), Ok(String::new()));
    }

    #[test]
    fn whole_numbers_are_written_as_such_and_others_as_they_are() {
        let parameters = json!({"a": 2000.0, "b": -1, "c": 12.5, "d": u64::MAX});
        assert_eq!(form(&parameters), Ok("a=2000&b=-1&c=12.5&d=18446744073709551615".to_owned()));
    }

    #[test]
    fn an_id_names_no_other_path() {
        assert_eq!(item("/v1/customers", "/customer", "cus_1"), Ok("/v1/customers/cus_1".to_owned()));
        for id in ["", "..", "a/b", "a?b", "a%2Fb", "ü"] {
            assert!(matches!(item("/v1/customers", "/customer", id), Err(Error::Invalid(_))), "{id}");
        }
    }
}
