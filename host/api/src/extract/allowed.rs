//! Who calls, and whether they may.

use std::{marker::PhantomData, ops::Deref};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{Extensions, HeaderMap, Method, header, request::Parts};
use patchbay_hub::{AddressClass, AnswerNotes, Caller};
use patchbay_model::{Code, Failure, org::Scope, rate::Endpoint};

use crate::{
    client_address::{Peer, client_address},
    problem::Problem,
    state::ApiState,
};

/// A scope as a type, so that a route's signature says what it needs.
pub(crate) trait Need: Send {
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($name:ident)*) => {$(
        pub(crate) struct $name;
        impl Need for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}

needs! { Invoke Read Admin Operator }

/// A caller whose key is valid and has the scope.
pub(crate) struct Allowed<N: Need> {
    caller: Caller,
    need: PhantomData<N>,
}

impl<N: Need> Deref for Allowed<N> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<N: Need> FromRequestParts<ApiState> for Allowed<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = state.hub.authenticate(bearer(&parts.headers)?).await?;
        caller.require(N::SCOPE)?;
        if let Some(endpoint) = endpoint(N::SCOPE, &parts.method) {
            state.hub.admit(&caller, endpoint, &notes(&parts.extensions)).await?;
        }
        Ok(Self { caller, need: PhantomData })
    }
}

/// A caller where a key is given: none is fine, a bad one is not.
pub(crate) struct MaybeCaller(pub(crate) Caller);

impl OptionalFromRequestParts<ApiState> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Option<Self>, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let caller = state.hub.authenticate(bearer(&parts.headers)?).await?;
        state.hub.admit(&caller, Endpoint::Read, &notes(&parts.extensions)).await?;
        Ok(Some(Self(caller)))
    }
}

/// Where the rest of the request's way notes what its answer has to tell.
pub(crate) fn notes(extensions: &Extensions) -> AnswerNotes {
    extensions.get::<AnswerNotes>().cloned().unwrap_or_default()
}

/// What a request is counted as. Calls of actions are counted by the hub, which knows their limits.
fn endpoint(scope: Scope, method: &Method) -> Option<Endpoint> {
    match scope {
        Scope::Invoke => None,
        Scope::Operator if *method == Method::POST => Some(Endpoint::Upload),
        _ if method.is_safe() => Some(Endpoint::Read),
        _ => Some(Endpoint::Write),
    }
}

/// Counts a request to a route that needs no key, by its client's address.
pub(crate) async fn admit_address(
    state: &ApiState,
    class: AddressClass,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<(), Failure> {
    // without a socket there is no address: the router is called within the program
    let Some(peer) = extensions.get::<Peer>() else { return Ok(()) };
    let config = &state.shared.config;
    let address = client_address(*peer, headers, &config.trusted_proxies, config.forwarded_by);
    state.hub.admit_address(class, address, &notes(extensions)).await
}

fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(unauthenticated());
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or_else(unauthenticated)
}

fn unauthenticated() -> Failure {
    Failure::new(Code::Unauthenticated, "send one header `Authorization: Bearer pb_…`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn the_key_stands_after_bearer_in_any_case() {
        assert_eq!(bearer(&headers(&["Bearer pb_x"])).unwrap(), "pb_x");
        assert_eq!(bearer(&headers(&["bearer  pb_x"])).unwrap(), "pb_x");
    }

    #[test]
    fn anything_else_is_no_key() {
        for values in [&[][..], &["pb_x"], &["Basic cGI6"], &["Bearer pb_x", "Bearer pb_y"]] {
            assert_eq!(bearer(&headers(values)).unwrap_err().code, Code::Unauthenticated, "{values:?}");
        }
    }
}
