//! Voices, models, history and the subscription.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Item, Shared, refuse};

const VOICES: [(&str, &str); 3] = [("voice1", "Rachel"), ("voice2", "Adam"), ("voice3", "Bella")];

fn described((id, name): (&str, &str)) -> Value {
    json!({
        "voice_id": id, "name": name, "category": "premade", "labels": {"accent": "american"}, "available_for_tiers": [],
        "high_quality_base_model_ids": ["eleven_multilingual_v2"], "description": null, "preview_url": null,
        "settings": {"stability": 0.5, "similarity_boost": 0.75, "style": 0.0, "use_speaker_boost": true, "speed": 1.0},
    })
}

#[derive(Deserialize)]
pub(super) struct VoicePage {
    page_size: Option<usize>,
    next_page_token: Option<String>,
    search: Option<String>,
}

pub(super) async fn voices(Query(page): Query<VoicePage>) -> Json<Value> {
    let wanted = page.search.unwrap_or_default().to_lowercase();
    let found: Vec<_> = VOICES.into_iter().filter(|(_, name)| name.to_lowercase().contains(&wanted)).collect();
    let start = page.next_page_token.and_then(|token| token.parse().ok()).unwrap_or(0);
    let end = (start + page.page_size.unwrap_or(10)).min(found.len());
    let has_more = end < found.len();
    let voices: Vec<_> =
        found.iter().skip(start).take(end.saturating_sub(start)).map(|voice| described(*voice)).collect();
    Json(json!({
        "voices": voices, "has_more": has_more, "total_count": 0, "next_page_token": has_more.then(|| end.to_string()),
    }))
}

pub(super) async fn voice(Path(id): Path<String>) -> Response {
    match VOICES.into_iter().find(|(own, _)| *own == id) {
        Some(voice) => Json(described(voice)).into_response(),
        None => refuse(404, "voice_not_found", "A voice with this id was not found."),
    }
}

pub(super) async fn models() -> Json<Value> {
    let model = |id: &str, multiplier: f64| {
        json!({
            "model_id": id, "name": id, "can_do_text_to_speech": true, "can_be_finetuned": false,
            "can_do_voice_conversion": false, "can_use_style": true, "can_use_speaker_boost": true, "serves_pro_voices": false,
            "token_cost_factor": multiplier, "description": id, "requires_alpha_access": false,
            "max_characters_request_free_user": 2500, "max_characters_request_subscribed_user": 10_000,
            "maximum_text_length_per_request": 10_000, "languages": [{"language_id": "en", "name": "English"}],
            "model_rates": {"character_cost_multiplier": multiplier}, "concurrency_group": "standard",
        })
    };
    Json(json!([model("eleven_multilingual_v2", 1.0), model("eleven_flash_v2_5", 0.5)]))
}

fn told(item: &Item, number: usize) -> Value {
    json!({
        "history_item_id": item.id, "request_id": null, "voice_id": item.voice, "model_id": item.model, "text": item.text,
        "date_unix": 1_793_491_200 + number, "character_count_change_from": 0, "character_count_change_to": item.text.len(),
        "content_type": item.content_type, "state": "created", "source": "TTS",
    })
}

#[derive(Deserialize)]
pub(super) struct HistoryPage {
    page_size: Option<usize>,
    start_after_history_item_id: Option<String>,
    voice_id: Option<String>,
}

pub(super) async fn history(Extract(shared): Extract<Arc<Shared>>, Query(page): Query<HistoryPage>) -> Json<Value> {
    let state = shared.state.lock().unwrap();
    let newest = state.history.iter().enumerate().rev();
    let after = page.start_after_history_item_id.as_deref();
    let rest = newest.skip_while(|(_, item)| after.is_some_and(|after| item.id != after));
    let mut rest = rest
        .skip(usize::from(after.is_some()))
        .filter(|(_, item)| page.voice_id.as_ref().is_none_or(|voice| item.voice == *voice));
    let items: Vec<_> = rest.by_ref().take(page.page_size.unwrap_or(100)).collect();
    let last = items.last().map(|(_, item)| item.id.clone());
    let has_more = rest.next().is_some();
    let items: Vec<_> = items.into_iter().map(|(number, item)| told(item, number)).collect();
    Json(json!({"history": items, "has_more": has_more, "last_history_item_id": last}))
}

fn find(shared: &Shared, id: &str, act: impl FnOnce(&Item, usize) -> Response) -> Response {
    let state = shared.state.lock().unwrap();
    match state.history.iter().enumerate().find(|(_, item)| item.id == id) {
        Some((number, item)) => act(item, number),
        None => refuse(404, "history_item_not_found", "no such item"),
    }
}

pub(super) async fn item(Extract(shared): Extract<Arc<Shared>>, Path(id): Path<String>) -> Response {
    find(&shared, &id, |item, number| Json(told(item, number)).into_response())
}

pub(super) async fn audio(Extract(shared): Extract<Arc<Shared>>, Path(id): Path<String>) -> Response {
    find(&shared, &id, |item, _| ([("content-type", item.content_type.clone())], item.audio.clone()).into_response())
}

pub(super) async fn delete(Extract(shared): Extract<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut state = shared.state.lock().unwrap();
    let before = state.history.len();
    state.history.retain(|item| item.id != id);
    if state.history.len() == before {
        return refuse(404, "history_item_not_found", "no such item");
    }
    Json(json!({"status": "ok"})).into_response()
}

pub(super) async fn subscription(Extract(shared): Extract<Arc<Shared>>) -> Json<Value> {
    let used = shared.state.lock().unwrap().billed;
    Json(json!({
        "tier": "creator", "character_count": used, "character_limit": 100_000, "status": "active",
        "next_character_count_reset_unix": 1_796_083_200, "can_extend_character_limit": false, "voice_limit": 30,
    }))
}
