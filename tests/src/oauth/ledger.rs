//! Codes, grants and tokens that were given out.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use patchbay_model::Timestamp;

/// How long a code is good.
const CODE_LIFE: Duration = Duration::seconds(60);

/// Everything that was given out.
#[derive(Default)]
pub(crate) struct Ledger {
    count: u64,
    codes: HashMap<String, Code>,
    grants: Vec<Given>,
    refresh: HashMap<String, Refresh>,
    access: HashMap<String, Access>,
    assertions: HashSet<String>,
}

/// A code between the browser and the token endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) redirect: String,
    pub(crate) challenge: Option<String>,
    pub(crate) grant: usize,
    expires_at: Timestamp,
    used: bool,
}

/// What one consent, or one request without a person, came to.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) client: String,
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
    ended: bool,
}

struct Refresh {
    grant: usize,
    used_at: Option<Timestamp>,
}

struct Access {
    grant: usize,
    expires_at: Option<Timestamp>,
}

/// What becomes of refresh tokens that were used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    /// They are taken no more.
    pub(crate) rotate: bool,
    /// For so long they are taken once more.
    pub(crate) grace: Duration,
    /// Whoever sends one again is a thief.
    pub(crate) reuse_is_theft: bool,
}

/// Why a code or refresh token is not taken.
pub(crate) type Reason = &'static str;

impl Ledger {
    fn secret(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("canary-{kind}-{:06}-7d1f", self.count)
    }

    pub(crate) fn grant(&mut self, client: &str, account: &str, scopes: Vec<String>) -> usize {
        self.grants.push(Given { client: client.to_owned(), account: account.to_owned(), scopes, ended: false });
        self.grants.len() - 1
    }

    pub(crate) fn granted(&self, grant: usize) -> Given {
        self.grants[grant].clone()
    }

    pub(crate) fn code(&mut self, grant: usize, redirect: &str, challenge: Option<String>, now: Timestamp) -> String {
        let text = self.secret("code/4=0A");
        let client = self.grants[grant].client.clone();
        let code =
            Code { client, redirect: redirect.to_owned(), challenge, grant, expires_at: now + CODE_LIFE, used: false };
        self.codes.insert(text.clone(), code);
        text
    }

    /// Takes a code. One that comes twice ends what came of the first time.
    pub(crate) fn use_code(&mut self, text: &str, now: Timestamp) -> Result<Code, Reason> {
        let code = self.codes.get_mut(text).ok_or("no such code")?;
        if code.used {
            let grant = code.grant;
            self.grants[grant].ended = true;
            return Err("the code was used already");
        }
        code.used = true;
        if now >= code.expires_at { Err("the code has expired") } else { Ok(code.clone()) }
    }

    pub(crate) fn access(&mut self, grant: usize, expires_at: Option<Timestamp>) -> String {
        let text = self.secret("access");
        self.access.insert(text.clone(), Access { grant, expires_at });
        text
    }

    pub(crate) fn refresh(&mut self, grant: usize) -> String {
        let text = self.secret("refresh");
        self.refresh.insert(text.clone(), Refresh { grant, used_at: None });
        text
    }

    /// Takes a refresh token. If they rotate, one that comes twice ends everything of its grant, unless it comes again
    /// within the `grace` of those vendors that have one.
    pub(crate) fn use_refresh(
        &mut self,
        text: &str,
        client: &str,
        Rotation { rotate, grace, reuse_is_theft }: Rotation,
        now: Timestamp,
    ) -> Result<usize, Reason> {
        let token = self.refresh.get_mut(text).ok_or("no such refresh token")?;
        let grant = token.grant;
        if self.grants[grant].client != client {
            return Err("the refresh token is another client's");
        }
        if token.used_at.is_some_and(|at| now >= at + grace) {
            self.grants[grant].ended |= reuse_is_theft;
            return Err("the refresh token was used already: everything of its grant has ended");
        }
        if self.grants[grant].ended {
            return Err("the grant has ended");
        }
        if rotate {
            token.used_at.get_or_insert(now);
        }
        Ok(grant)
    }

    /// Whose account an access token is for, if it counts.
    pub(crate) fn account_of(&self, access: &str, now: Timestamp) -> Option<String> {
        let token = self.access.get(access)?;
        let given = &self.grants[token.grant];
        (!given.ended && token.expires_at.is_none_or(|at| now < at)).then(|| given.account.clone())
    }

    /// Ends a token; a refresh token ends its grant (RFC 7009, 2.1).
    pub(crate) fn revoke(&mut self, text: &str, client: &str) {
        if let Some(token) = self.refresh.get(text)
            && self.grants[token.grant].client == client
        {
            self.grants[token.grant].ended = true;
        }
        if self.access.get(text).is_some_and(|token| self.grants[token.grant].client == client) {
            self.access.remove(text);
        }
    }

    pub(crate) fn end_all(&mut self) {
        self.grants.iter_mut().for_each(|given| given.ended = true);
    }

    /// True if no assertion had this id before.
    pub(crate) fn first_use(&mut self, id: &str) -> bool {
        self.assertions.insert(id.to_owned())
    }

    pub(crate) fn secrets(&self) -> Vec<String> {
        self.codes.keys().chain(self.refresh.keys()).chain(self.access.keys()).cloned().collect()
    }
}
