//! What there is.

use patchbay_sdk::{Call, Error, records};
use serde_json::json;

use crate::store::{self, MENUS, PUBLISHED, StoredMenu, StoredPublished};
use crate::types::{GetMenu, ListMenus, MenuPage, MenuSummary, MenuVersion, Published};

/// Menus of a page if nobody says how many.
const PAGE: u32 = 20;

/// Numbers that a menu can be published on, and be shown with.
pub(super) const MOST_NUMBERS: u32 = 1000;

pub(crate) fn get_menu(call: Call<GetMenu>) -> Result<MenuVersion, Error> {
    let GetMenu { id, version } = call.input;
    let (found, latest) = store::wanted(&id, version)?;
    Ok(MenuVersion {
        id,
        version: found.version,
        latest,
        valid: found.problems.is_empty(),
        problems: found.problems,
        saved_at: found.saved_at,
        menu: found.document,
    })
}

pub(crate) fn list_menus(call: Call<ListMenus>) -> Result<MenuPage, Error> {
    let ListMenus { limit, after } = call.input;
    let page = records::query::<StoredMenu>(MENUS, &json!({}), limit.unwrap_or(PAGE), after.as_deref())?;
    let mut menus = Vec::new();
    for document in page.documents {
        let published = numbers_of(&document.id)?;
        let StoredMenu { name, latest } = document.data;
        menus.push(MenuSummary { id: document.id, name, latest, published });
    }
    Ok(MenuPage { menus, next: page.next })
}

/// The numbers that a menu is published on.
pub(super) fn numbers_of(menu: &str) -> Result<Vec<Published>, Error> {
    let page = records::query::<StoredPublished>(PUBLISHED, &json!({"menu": menu}), MOST_NUMBERS, None)?;
    let published = page.documents.into_iter().map(|document| Published {
        number: document.id,
        id: document.data.menu,
        version: Some(document.data.version),
    });
    Ok(published.collect())
}
