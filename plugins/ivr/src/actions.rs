//! Saving, reading and publishing menus.

mod publish;
mod read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use patchbay_sdk::{Call, Error, blobs, clock, records};

use crate::check;
use crate::config::Config;
use crate::resolve::resolve;
use crate::store::{self, MENUS, StoredMenu, StoredVersion, VERSIONS};
use crate::types::{Audio, SaveMenu, Saved, UploadAudio};

pub(crate) use publish::{delete_menu, publish_menu, roll_back_menu};
pub(crate) use read::{get_menu, list_menus};

/// The largest recording, in bytes.
const MOST_AUDIO: u32 = 2 << 20;

pub(crate) fn save_menu(call: Call<SaveMenu>) -> Result<Saved, Error> {
    let SaveMenu { id, menu } = call.input;
    if !check::is_name(&id) {
        return Err(Error::invalid("/id", "a name of a-z, 0-9, _ and -, at most 64 characters"));
    }
    let there = records::get::<StoredMenu>(MENUS, &id)?;
    let latest = match &there {
        Some(there) => there.data.latest,
        None => store::last_deleted(&id)?,
    };
    let problems = check::problems(&menu, &resolve(&id, latest + 1, &menu), &Config::load()?)?;
    // the same again is the same version, unless what is allowed has changed since
    if let Some(kept) = store::version(&id, latest)?
        && kept.document == menu
        && kept.problems == problems
    {
        return Ok(Saved { id, version: latest, valid: problems.is_empty(), problems });
    }
    let version = latest + 1;
    let kept = StoredMenu { name: menu.name.clone(), latest: version };
    records::put(MENUS, &id, &kept, Some(there.map_or(0, |there| there.version)))?;
    let stored = StoredVersion {
        menu: id.clone(),
        version,
        document: menu,
        problems: problems.clone(),
        saved_at: clock::rfc3339(clock::now()),
    };
    records::put(VERSIONS, &store::version_id(&id, version), &stored, Some(0))?;
    Ok(Saved { id, version, valid: problems.is_empty(), problems })
}

pub(crate) fn upload_audio(call: Call<UploadAudio>) -> Result<Audio, Error> {
    let UploadAudio { content_type, content } = call.input;
    let bytes = match (content, call.attachment) {
        (Some(text), None) => STANDARD
            .decode(text)
            .map_err(|error| Error::invalid("/content", format!("base64 of a recording ({error})")))?,
        (None, Some(file)) => file.read_to_end(MOST_AUDIO)?,
        _ => return Err(Error::invalid("", "either `content` or a file beside the input")),
    };
    if bytes.is_empty() || bytes.len() > MOST_AUDIO as usize {
        return Err(Error::invalid("/content", format!("1 to {MOST_AUDIO} bytes")));
    }
    let blob = blobs::put_bytes(&content_type, &bytes)?;
    Ok(Audio { blob: blob.id, size: blob.size })
}
