//! Custom sections of a component: where the manifest and the signature live.
//!
//! The whole file is walked, nested modules too, although only the outermost custom sections matter:
//! a file that is cut short or that hides bytes is refused here, before anything believes it. Names in
//! nested modules and components do not count, because whoever embeds a component would otherwise
//! speak for it.

use std::{borrow::Cow, ops::Range};

use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Encoding, Parser, Payload};

use crate::PackageError;

/// The section that holds the manifest as JSON.
pub const MANIFEST: &str = "patchbay:manifest";

/// The section that holds the signature, always the last.
pub const SIGNATURE: &str = "patchbay:signature";

/// One custom section at the outermost level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it holds.
    pub data: &'a [u8],
    /// All its bytes in the file, from the section's id to its end.
    pub range: Range<usize>,
}

/// Every outermost custom section, in the order of the file.
///
/// # Errors
/// [`PackageError::Malformed`] if any byte is not what WebAssembly prescribes, and
/// [`PackageError::CoreModule`] for a module.
pub fn read(bytes: &[u8]) -> Result<Vec<Section<'_>>, PackageError> {
    let mut sections = Vec::new();
    let mut depth = 0_usize;
    let mut position = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload
            .map_err(|error| PackageError::Malformed { offset: error.offset(), reason: error.message().to_owned() })?;
        match &payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(PackageError::CoreModule),
            Payload::Version { range, .. } if depth == 0 => position = range.end,
            Payload::UnknownSection { id, range, .. } => {
                return Err(PackageError::Malformed { offset: range.start, reason: format!("unknown section {id}") });
            }
            Payload::CustomSection(custom) if depth == 0 => {
                let range = position..custom.range().end;
                sections.push(Section { name: custom.name(), data: custom.data(), range });
            }
            _ => {}
        }
        if depth == 0
            && let Some((_, range)) = payload.as_section()
        {
            position = range.end;
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(sections)
}

/// The one section of this name, if there is one.
///
/// # Errors
/// [`PackageError::Repeated`] if there are several: nobody could say which one counts.
pub fn only<'a, 'b>(sections: &'b [Section<'a>], name: &'static str) -> Result<Option<&'b Section<'a>>, PackageError> {
    let mut found = sections.iter().filter(|section| section.name == name);
    let first = found.next();
    match found.count() {
        0 => Ok(first),
        more => Err(PackageError::Repeated { name, count: more + 1 }),
    }
}

/// Appends a custom section.
pub fn append(file: &mut Vec<u8>, name: &str, data: &[u8]) {
    CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(data) }.append_to_component(file);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn component() -> Vec<u8> {
        wasm_encoder::Component::new().finish()
    }

    #[test]
    fn sections_are_found_with_all_their_bytes() {
        let mut file = component();
        let start = file.len();
        append(&mut file, "a", b"one");
        let middle = file.len();
        append(&mut file, "b", b"two");
        let sections = read(&file).unwrap();
        assert_eq!(sections[0], Section { name: "a", data: b"one", range: start..middle });
        assert_eq!(sections[1], Section { name: "b", data: b"two", range: middle..file.len() });
    }

    #[test]
    fn sections_of_a_nested_module_do_not_count() {
        let mut module = wasm_encoder::Module::new();
        module.section(&CustomSection { name: MANIFEST.into(), data: b"{}"[..].into() });
        let mut outer = wasm_encoder::Component::new();
        outer.section(&wasm_encoder::ModuleSection(&module));
        let mut file = outer.finish();
        let start = file.len();
        append(&mut file, "mine", b"");
        assert_eq!(read(&file).unwrap(), [Section { name: "mine", data: b"", range: start..file.len() }]);
    }

    #[test]
    fn a_core_module_is_told_apart() {
        let module = wasm_encoder::Module::new().finish();
        assert!(matches!(read(&module), Err(PackageError::CoreModule)));
    }

    #[test]
    fn bytes_that_are_no_section_are_refused() {
        let mut file = component();
        file.extend_from_slice(b"\x3f\x01x");
        assert!(matches!(read(&file), Err(PackageError::Malformed { .. })));
        assert!(matches!(read(b""), Err(PackageError::Malformed { .. })));
        assert!(matches!(read(b"plain text"), Err(PackageError::Malformed { .. })));
    }

    proptest! {
        #[test]
        fn what_is_appended_is_read_back(added in prop::collection::vec(("[a-z:]{0,40}", prop::collection::vec(any::<u8>(), 0..400)), 0..8)) {
            let mut file = component();
            let mut starts = Vec::new();
            for (name, data) in &added {
                starts.push(file.len());
                append(&mut file, name, data);
            }
            let sections = read(&file).unwrap();
            prop_assert_eq!(sections.len(), added.len());
            for ((section, (name, data)), start) in sections.iter().zip(&added).zip(starts) {
                prop_assert_eq!(section.name, name.as_str());
                prop_assert_eq!(section.data, data.as_slice());
                prop_assert_eq!(section.range.start, start);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut file = component();
            file.extend(bytes);
            let _ = read(&file);
        }

        #[test]
        fn a_file_cut_inside_a_section_is_refused(data in prop::collection::vec(any::<u8>(), 1..400), cut in any::<prop::sample::Index>()) {
            let mut file = component();
            let start = file.len();
            append(&mut file, "section", &data);
            let end = start + 1 + cut.index(file.len() - start - 1);
            prop_assert!(read(&file[..end]).is_err());
        }
    }
}
