//! A browser at the hub: keeps cookies, follows nothing by itself, and says where a request comes from, as browsers do.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use reqwest::{
    Method,
    header::{HeaderMap, SET_COOKIE},
};
use serde_json::Value;

use crate::{Reply, TestHub};

/// A browser.
pub struct Browser {
    hub: String,
    client: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// Without a cookie.
    #[must_use]
    pub fn new(hub: &TestHub) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { hub: hub.url.clone(), client: client.build().expect("an HTTP client"), cookies: Mutex::default() }
    }

    /// The same browser at another hub, as a balancer in front of both would send it there.
    pub fn turn_to(&mut self, hub: &TestHub) {
        self.hub.clone_from(&hub.url);
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Takes a cookie from somewhere else.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// A person types an address, or follows a link.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[("sec-fetch-site", "none")], None).await
    }

    /// A page of the hub's own sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send_json("POST", path, body, "same-origin").await
    }

    /// A page sends JSON: of the hub's own (`same-origin`), of a neighbour's (`same-site`), or of somebody else's
    /// (`cross-site`).
    pub async fn send_json(&self, method: &str, path: &str, body: &Value, site: &str) -> Reply {
        let headers = [("sec-fetch-site", site), ("content-type", "application/json")];
        let method = Method::from_bytes(method.as_bytes()).expect("an HTTP method");
        self.send(method, path, &headers, Some(body.to_string())).await
    }

    /// A page of the hub's own sends a form.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)], site: &str) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [("sec-fetch-site", site), ("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &headers, Some(body)).await
    }

    /// Anything, with the cookies.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Reply {
        let cookies = self.cookies.lock().unwrap().clone();
        let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method, format!("{}{path}", self.hub));
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let reply = Reply::read(request.send().await.expect("the hub answers")).await;
        self.keep(&reply.headers);
        reply
    }

    /// Goes somewhere else than the hub, and gives where it is sent from there.
    pub async fn visit(&self, url: &str) -> String {
        let response = self.client.get(url).send().await.expect("it answers");
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        location.unwrap_or_else(|| panic!("{url} sends the browser nowhere: {}", response.status()))
    }

    /// Opens a link to connect an account and presses its button; gives where that leads.
    ///
    /// # Panics
    /// If the page has no button or the button leads nowhere.
    pub async fn follow(&self, path: &str) -> String {
        let page = self.get(path).await.expect(200);
        let reply = self.submit(path, &[("proof", &proof(&page))], "same-origin").await.expect(303);
        reply.header("location").expect("a way to the vendor").to_owned()
    }

    fn keep(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap();
        for set in headers.get_all(SET_COOKIE) {
            let set = set.to_str().expect("a cookie is text");
            let mut parts = set.split("; ");
            let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
            let rest: Vec<&str> = parts.collect();
            for needed in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(rest.contains(&needed), "{name} lacks {needed}");
            }
            assert!(name.starts_with("__Host-"), "{name}");
            if rest.contains(&"Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// What the form of a page sends along; empty if there is none.
#[must_use]
pub fn proof(page: &Reply) -> String {
    let text = page.text();
    let proof = text.split("name=proof value=\"").nth(1).and_then(|rest| rest.split('"').next());
    proof.unwrap_or_default().to_owned()
}
