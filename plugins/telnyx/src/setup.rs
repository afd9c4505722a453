//! Applications at Telnyx that send their webhooks to this installation.
//!
//! A Call Control application is asked for the second version of webhooks, which Telnyx does not take by itself: the first has
//! another shape and no signature by this key.

use patchbay_sdk::{Call, Error, http, installation};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api;
use crate::types::application::{Application, Kind, SetUp};

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    application_name: Option<String>,
    friendly_name: Option<String>,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::Texml => "/texml_applications",
            Self::CallControl => "/call_control_applications",
        }
    }
}

pub(crate) fn set_up(asked: Call<SetUp>) -> Result<Application, Error> {
    let SetUp { kind, name, id, outbound_voice_profile_id } = asked.input;
    let webhook_url = installation::webhook_url();
    let id = match id {
        Some(id) => Some(id),
        // a set-up that is done again changes what it has made
        None => find(kind, &name)?,
    };
    let mut body = match kind {
        Kind::Texml => json!({
            "friendly_name": name, "voice_url": webhook_url, "voice_method": "post", "status_callback": webhook_url,
            "status_callback_method": "post", "call_cost_in_webhooks": true,
        }),
        Kind::CallControl => json!({
            "application_name": name, "webhook_event_url": webhook_url, "webhook_api_version": "2",
            "call_cost_in_webhooks": true,
        }),
    };
    if let (Some(profile), Some(members)) = (outbound_voice_profile_id, body.as_object_mut()) {
        members.insert("outbound".to_owned(), json!({"outbound_voice_profile_id": profile}));
    }
    let created = id.is_none();
    let Made { id } = match id {
        Some(id) => change(kind, &id, &body)?,
        // no repeat by the hub: a second one would be made
        None => api::data(http::Request::post(api::url(kind.path())).json(&body)?)?,
    };
    Ok(Application { connection_id: id, kind, webhook_url, created })
}

fn change(kind: Kind, id: &str, body: &Value) -> Result<Made, Error> {
    let path = format!("{}/{}", kind.path(), api::segment("/id", id)?);
    api::data(http::Request::patch(api::url(&path)).json(body)?.repeatable(true))
}

/// The application of this name that already sends here, or would if it were changed.
fn find(kind: Kind, name: &str) -> Result<Option<String>, Error> {
    let mut page = Some(1);
    while let Some(number) = page {
        let request = http::Request::get(api::url(kind.path()));
        let request = request.query("page[number]", &number.to_string()).query("page[size]", "250");
        let listed: api::List<Listed> = api::list(request)?;
        page = listed.next_page();
        let found = listed.data.into_iter().find(|one| {
            let own = one.application_name.as_deref().or(one.friendly_name.as_deref());
            own == Some(name)
        });
        if let Some(found) = found {
            return Ok(Some(found.id));
        }
    }
    Ok(None)
}
