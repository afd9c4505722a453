//! Payloads that a plugin makes: a call like any other, with a run, its meters and its limits.

use bytes::Bytes;
use patchbay_model::{Code, Failure, OrgId, endpoint::Transform};

use super::Payload;
use crate::{
    hub::Hub,
    invoke::{InvokeReply, Output},
};

impl Hub {
    /// What the action makes of an event; none if it makes nothing of it.
    pub(super) async fn transformed(
        &self,
        org: OrgId,
        transform: &Transform,
        payload: &Payload,
    ) -> Result<Option<Bytes>, Failure> {
        let mut input = Vec::with_capacity(payload.body.len() + 16);
        input.extend_from_slice(b"{\"event\":");
        input.extend_from_slice(&payload.body);
        input.push(b'}');
        let made = self.ask(org, &transform.plugin, &transform.action, input.into()).await;
        let InvokeReply { output, .. } = made.map_err(|failed| failed.failure)?;
        match output {
            Output::Json(json) if json.get() == "null" => Ok(None),
            Output::Json(json) => Ok(Some(Bytes::copy_from_slice(json.get().as_bytes()))),
            Output::Blob(_) | Output::Bytes(..) => {
                Err(Failure::new(Code::PluginOutputInvalid, "a transformation gives JSON, and not a file"))
            }
        }
    }
}
