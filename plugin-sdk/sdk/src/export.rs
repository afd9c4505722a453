//! The macro that turns a [`crate::Connector`] into a component.

/// Exports a [`crate::Connector`]: once per crate, at its root.
///
/// In a component it defines the exports of the world. In native tests it adds two tests beside it:
/// `schemas_match_types`, which compares the files in `schemas/` with the types (run it with
/// `PATCHBAY_WRITE_SCHEMAS=1` to write them), and `manifest_matches_code`, which compares the actions in
/// `plugin.toml` with [`crate::Connector::actions`].
#[macro_export]
macro_rules! export_connector {
    ($connector:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exports of a component are raw functions")]
        const _: () = {
            type Component = $crate::guest::Component<$connector>;
    $crate::guest::bindings::export!(Component with_types_in $crate::guest::bindings);
        };

        #[cfg(all(test, not(target_arch = "wasm32")))]
        #[test]
        fn schemas_match_types() {
            $crate::testing::schemas_match_types::<$connector>(::core::env!("CARGO_MANIFEST_DIR"));
        }

        #[cfg(all(test, not(target_arch = "wasm32")))]
        #[test]
        fn manifest_matches_code() {
            $crate::testing::manifest_matches_code::<$connector>(::core::env!("CARGO_MANIFEST_DIR"));
        }
    };
}
