//! Who calls, and whether they may.
//!
//! Each route says in its signature what it needs: [`Allowed`] with a permission, [`Known`] for whoever has any right at all,
//! [`Member`] for somebody who signed in. Who shows an API key or a token in `Authorization` is a program; a session in a cookie is
//! a browser's, which changes things only for pages of the hub's own ([`crate::origin`]).

use std::{marker::PhantomData, net::IpAddr, ops::Deref};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{Extensions, HeaderMap, Method, header, request::Parts};
use patchbay_hub::{AddressClass, AnswerNotes, Caller, SignedIn};
use patchbay_model::{Code, Failure, Permission, rate::Endpoint};
use secrecy::SecretString;

use crate::{
    client_address::{Peer, client_address},
    cookie, origin,
    problem::Problem,
    state::ApiState,
};

/// A permission as a type, so that a route's signature says what it needs.
pub(crate) trait Need: Send {
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident)*) => {$(
        pub(crate) struct $name;
        impl Need for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )*};
}

needs! {
    CallActions ReadActivity ReadSettings ManageInstallations ManageConnections ManageConnectSessions ConnectAccount
    ReadMembers ManageMembers ManageKeys ManageOrg ReadAudit ManageBilling OperateHub
}

/// A caller who has the permission.
pub(crate) struct Allowed<N: Need> {
    caller: Caller,
    by_cookie: bool,
    need: PhantomData<N>,
}

impl<N: Need> Allowed<N> {
    /// It is a browser that calls, with a session in a cookie.
    pub(crate) const fn is_browser(&self) -> bool {
        self.by_cookie
    }
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
        let credential = Credential::required(parts, state)?;
        let caller = state.hub.authenticate(credential.token).await?;
        caller.require(N::PERMISSION)?;
        if let Some(endpoint) = endpoint_of(N::PERMISSION, &parts.method) {
            state.hub.admit(&caller, endpoint, &notes(&parts.extensions)).await?;
        }
        Ok(Self { caller, by_cookie: credential.by_cookie, need: PhantomData })
    }
}

/// A caller who has one of two permissions: what the second one allows, the hub says. Counted as what needs the first.
pub(crate) struct AllowedEither<N: Need, O: Need> {
    caller: Caller,
    needs: PhantomData<(N, O)>,
}

impl<N: Need, O: Need> Deref for AllowedEither<N, O> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<N: Need, O: Need> FromRequestParts<ApiState> for AllowedEither<N, O> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let credential = Credential::required(parts, state)?;
        let caller = state.hub.authenticate(credential.token).await?;
        if !caller.permissions.contains(O::PERMISSION) {
            caller.require(N::PERMISSION)?;
        }
        if let Some(endpoint) = endpoint_of(N::PERMISSION, &parts.method) {
            state.hub.admit(&caller, endpoint, &notes(&parts.extensions)).await?;
        }
        Ok(Self { caller, needs: PhantomData })
    }
}

/// A caller of whatever rights, with their session if they are a member.
pub(crate) struct Known {
    pub(crate) caller: Caller,
    pub(crate) session: Option<SignedIn>,
}

impl FromRequestParts<ApiState> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let credential = Credential::required(parts, state)?;
        let session = if credential.is_session() { Some(state.hub.session(credential.token).await?) } else { None };
        let caller = match &session {
            Some(session) => session.caller(),
            None => state.hub.authenticate(credential.token).await?,
        };
        admit(parts, state, &caller).await?;
        Ok(Self { caller, session })
    }
}

/// What a caller shows of who they are, for what goes on until it is no longer good.
pub(crate) struct Shown(pub(crate) SecretString);

impl FromRequestParts<ApiState> for Shown {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Ok(Self(Credential::required(parts, state)?.token.into()))
    }
}

/// A member who signed in.
pub(crate) struct Member {
    session: SignedIn,
    /// Their session is in a cookie.
    pub(crate) by_cookie: bool,
}

impl Deref for Member {
    type Target = SignedIn;
    fn deref(&self) -> &SignedIn {
        &self.session
    }
}

impl FromRequestParts<ApiState> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Credential { token, by_cookie } = Credential::required(parts, state)?;
        let credential = Credential { token, by_cookie };
        if !credential.is_session() {
            // first whether it is good at all: nobody learns more from a bad one
            state.hub.authenticate(token).await?;
            return Err(Failure::new(Code::Forbidden, "this is for members who are signed in").into());
        }
        let session = state.hub.session(token).await?;
        admit(parts, state, &session.caller()).await?;
        Ok(Self { session, by_cookie })
    }
}

/// A caller where one shows who they are: nobody is fine, a bad key is not. A browser whose session has ended is nobody: no
/// script can take the cookie away.
pub(crate) struct MaybeCaller(pub(crate) Caller);

impl OptionalFromRequestParts<ApiState> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Option<Self>, Problem> {
        let Some(credential) = Credential::of(parts, state)? else { return Ok(None) };
        let caller = match state.hub.authenticate(credential.token).await {
            Err(failure) if credential.by_cookie && failure.code == Code::Unauthenticated => return Ok(None),
            other => other?,
        };
        admit(parts, state, &caller).await?;
        Ok(Some(Self(caller)))
    }
}

/// A member where one is signed in: nobody is fine, and as with [`MaybeCaller`] so is an ended session in a cookie.
impl OptionalFromRequestParts<ApiState> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Option<Self>, Problem> {
        let Some(Credential { by_cookie, .. }) = Credential::of(parts, state)? else { return Ok(None) };
        match <Self as FromRequestParts<ApiState>>::from_request_parts(parts, state).await {
            Err(problem) if by_cookie && problem.failure.code == Code::Unauthenticated => Ok(None),
            member => member.map(Some),
        }
    }
}

/// What a request shows of who sends it.
struct Credential<'p> {
    token: &'p str,
    by_cookie: bool,
}

impl<'p> Credential<'p> {
    fn of(parts: &'p Parts, state: &ApiState) -> Result<Option<Self>, Failure> {
        let headers = &parts.headers;
        if headers.contains_key(header::AUTHORIZATION) {
            return Ok(Some(Self { token: bearer(headers)?, by_cookie: false }));
        }
        let Some(token) = cookie::get(headers, cookie::SESSION) else { return Ok(None) };
        let credential = Self { token, by_cookie: true };
        if !credential.is_session() {
            return Err(unauthenticated());
        }
        origin::require_own(&parts.method, headers, state.hub.public_url())?;
        Ok(Some(credential))
    }

    fn required(parts: &'p Parts, state: &ApiState) -> Result<Self, Failure> {
        Self::of(parts, state)?.ok_or_else(unauthenticated)
    }

    fn is_session(&self) -> bool {
        self.token.starts_with("pbs_")
    }
}

/// Where the rest of the request's way notes what its answer has to tell.
pub(crate) fn notes(extensions: &Extensions) -> AnswerNotes {
    extensions.get::<AnswerNotes>().cloned().unwrap_or_default()
}

/// What a request is counted as. Calls of actions are counted by the hub, which knows their limits.
fn endpoint_of(permission: Permission, method: &Method) -> Option<Endpoint> {
    match permission {
        Permission::CallActions => None,
        Permission::OperateHub if *method == Method::POST => Some(Endpoint::Upload),
        _ => Some(read_or_write(method)),
    }
}

fn read_or_write(method: &Method) -> Endpoint {
    if method.is_safe() { Endpoint::Read } else { Endpoint::Write }
}

/// Counts a request to a route that needs no permission.
async fn admit(parts: &Parts, state: &ApiState, caller: &Caller) -> Result<(), Failure> {
    state.hub.admit(caller, read_or_write(&parts.method), &notes(&parts.extensions)).await
}

/// Counts a request to a route that needs no key, by its client's address.
pub(crate) async fn admit_address(
    state: &ApiState,
    class: AddressClass,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<(), Failure> {
    let Some(address) = address_of(state, headers, extensions) else { return Ok(()) };
    state.hub.admit_address(class, address, &notes(extensions)).await
}

/// From where a request comes. Without a socket there is no address: the router is called within the program.
pub(crate) fn address_of(state: &ApiState, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
    let peer = extensions.get::<Peer>()?;
    let config = &state.shared.config;
    Some(client_address(*peer, headers, &config.trusted_proxies, config.forwarded_by))
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
    Failure::new(Code::Unauthenticated, "send one header `Authorization: Bearer pb_…`, or sign in")
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
