//! Lists.

use serde::Serialize;
use utoipa::ToSchema;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The part, in the list's order.
    items: Vec<T>,
    /// Give this back as the cursor (`before` or `after`) for the next part; null on the last one.
    next: Option<String>,
}

impl<A, B: From<A>> From<patchbay_hub::Page<A>> for Page<B> {
    fn from(page: patchbay_hub::Page<A>) -> Self {
        Self { items: super::all(page.items), next: page.next }
    }
}

impl<A, B: From<A>> From<Vec<A>> for Page<B> {
    fn from(items: Vec<A>) -> Self {
        Self { items: super::all(items), next: None }
    }
}
