//! The typed operations.

use patchbay_sdk::{Call, Error, Verbatim};
use serde_json::{Map, Value};

use crate::types::{
    Conversations, DeleteMessage, Found, JoinConversation, Joined, ListConversations, LookupUserByEmail, Nothing,
    OpenView, Opened, PostEphemeral, PostMessage, PostWebhook, Posted, PostedEphemeral, Respond, Taken, Tested,
    UpdateMessage,
};
use crate::{api, incoming};

/// The page size that Slack advises.
const PAGE: &str = "200";

pub(crate) fn post_message(call: Call<Verbatim<PostMessage>>) -> Result<Posted, Error> {
    let message = arguments(&call.input)?;
    says_something(&message, &["text", "blocks", "attachments", "markdown_text"])?;
    post(&message)
}

/// Posts a message that says something.
pub(crate) fn post(message: &Map<String, Value>) -> Result<Posted, Error> {
    let answer = api::write("chat.postMessage", message)?;
    Ok(Posted { warnings: answer.warnings.clone(), ..answer.read()? })
}

pub(crate) fn update_message(call: Call<Verbatim<UpdateMessage>>) -> Result<Posted, Error> {
    let message = arguments(&call.input)?;
    says_something(&message, &["text", "blocks", "attachments", "markdown_text"])?;
    let answer = api::write("chat.update", &message)?;
    Ok(Posted { warnings: answer.warnings.clone(), ..answer.read()? })
}

pub(crate) fn delete_message(call: Call<DeleteMessage>) -> Result<Posted, Error> {
    let answer = api::write("chat.delete", &call.input)?;
    Ok(Posted { warnings: answer.warnings.clone(), ..answer.read()? })
}

pub(crate) fn post_ephemeral(call: Call<Verbatim<PostEphemeral>>) -> Result<PostedEphemeral, Error> {
    let message = arguments(&call.input)?;
    says_something(&message, &["text", "blocks", "attachments"])?;
    let answer = api::write("chat.postEphemeral", &message)?;
    Ok(PostedEphemeral { warnings: answer.warnings.clone(), ..answer.read()? })
}

pub(crate) fn post_webhook(call: Call<Verbatim<PostWebhook>>) -> Result<Taken, Error> {
    let message = arguments(&call.input)?;
    says_something(&message, &["text", "blocks", "attachments"])?;
    incoming::post(&message)?;
    Ok(Taken { posted: true })
}

pub(crate) fn respond(call: Call<Verbatim<Respond>>) -> Result<Taken, Error> {
    let mut message = arguments(&call.input)?;
    let url = message.remove("response_url");
    if message.get("delete_original") != Some(&Value::Bool(true)) {
        says_something(&message, &["text", "blocks", "attachments"])?;
    }
    incoming::respond(url.as_ref().and_then(Value::as_str).unwrap_or_default(), &message)?;
    Ok(Taken { posted: true })
}

pub(crate) fn open_view(call: Call<Verbatim<OpenView>>) -> Result<Opened, Error> {
    let answer = api::write("views.open", &arguments(&call.input)?)?;
    Ok(Opened { warnings: answer.warnings.clone(), ..answer.read()? })
}

pub(crate) fn list_conversations(call: Call<ListConversations>) -> Result<Conversations, Error> {
    let ListConversations { cursor, limit, types, exclude_archived, team_id } = call.input;
    let limit = limit.map_or_else(|| PAGE.to_owned(), |limit| limit.to_string());
    let archived = if exclude_archived.unwrap_or(true) { "true" } else { "false" };
    let mut fields = vec![("limit", limit.as_str()), ("exclude_archived", archived)];
    let optional = [("types", &types), ("cursor", &cursor), ("team_id", &team_id)];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
    let answer = api::read("conversations.list", fields)?;
    let next_cursor = answer.next_cursor.clone();
    Ok(Conversations { next_cursor, ..answer.read()? })
}

pub(crate) fn join_conversation(call: Call<JoinConversation>) -> Result<Joined, Error> {
    let answer = api::write("conversations.join", &call.input)?;
    Ok(Joined { warnings: answer.warnings.clone(), ..answer.read()? })
}

pub(crate) fn lookup_user_by_email(call: Call<LookupUserByEmail>) -> Result<Found, Error> {
    api::read("users.lookupByEmail", [("email", call.input.email.as_str())])?.read()
}

pub(crate) fn test_connection(_: Call<Nothing>) -> Result<Tested, Error> {
    let answer = api::read("auth.test", [])?;
    let scopes = answer.headers().get("x-oauth-scopes").unwrap_or_default();
    let scopes = scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    Ok(Tested { scopes, ..answer.read()? })
}

/// The input as Slack's arguments: null stands for what is not said, and the token is the hub's affair.
fn arguments<T>(input: &Verbatim<T>) -> Result<Map<String, Value>, Error> {
    let mut arguments: Map<String, Value> = input.peek()?;
    arguments.retain(|name, value| !value.is_null() && name != "token");
    Ok(arguments)
}

fn says_something(message: &Map<String, Value>, members: &[&str]) -> Result<(), Error> {
    let has = |name: &&str| match message.get(*name) {
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        _ => false,
    };
    if !members.iter().any(has) {
        return Err(Error::invalid("", format!("at least one of {}", members.join(", "))));
    }
    if has(&"markdown_text") && (has(&"text") || has(&"blocks")) {
        return Err(Error::invalid("/markdown_text", "no text and no blocks beside it"));
    }
    Ok(())
}
