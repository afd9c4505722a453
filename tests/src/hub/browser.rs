//! A person's browser: it keeps the hub's cookies, and follows no redirect by itself.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{Reply, TestHub};

/// A browser. It knows one hub's address at a time, as a balancer would show it.
#[derive(Debug)]
pub struct Browser {
    client: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Default for Browser {
    fn default() -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { client: client.build().expect("an HTTP client"), cookies: Mutex::default() }
    }
}

impl Browser {
    /// A browser without cookies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a page of the hub.
    pub async fn open(&self, hub: &TestHub, path: &str) -> Reply {
        self.send(self.client.get(format!("{}{path}", hub.url))).await
    }

    /// Sends a form to the hub.
    pub async fn submit(&self, hub: &TestHub, path: &str, form: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(format!("{}{path}", hub.url));
        self.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// Goes elsewhere, without the hub's cookies, and gives where it is sent from there.
    ///
    /// # Panics
    /// If it is sent nowhere.
    pub async fn go(&self, url: &str) -> String {
        let response = self.client.get(url).send().await.expect("the vendor answers");
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        location.unwrap_or_else(|| panic!("{url} leads nowhere: {}", response.status())).to_owned()
    }

    /// Opens a link to connect an account and presses its button; gives where that leads.
    ///
    /// # Panics
    /// If the page has no button or the button leads nowhere.
    pub async fn follow(&self, hub: &TestHub, path: &str) -> String {
        let page = self.open(hub, path).await.expect(200);
        let reply = self.submit(hub, path, &[("proof", &proof(&page))]).await.expect(303);
        reply.header("location").expect("a way to the vendor").to_owned()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let cookies = || self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let sent: Vec<String> = cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if sent.is_empty() { request } else { request.header("cookie", sent.join("; ")) };
        let reply = Reply::read(request.send().await.expect("the hub answers")).await;
        for set in reply.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            cookies().insert(name.to_owned(), value.to_owned());
        }
        reply
    }
}

/// What the form of a page sends along; empty if there is none.
#[must_use]
pub fn proof(page: &Reply) -> String {
    let text = page.text();
    let proof = text.split("name=proof value=\"").nth(1).and_then(|rest| rest.split('"').next());
    proof.unwrap_or_default().to_owned()
}
