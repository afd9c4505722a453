//! From a core module to a component, and what a component asks for and offers.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::PackageError;

/// Makes a component of a core module that was built with `wit-bindgen`, whose custom section says
/// which world it is for. The result is validated.
///
/// # Errors
/// [`PackageError::Encode`] with the encoder's reasons, outermost first: most often an import that is no
/// part of the contract.
pub fn encode(core_module: &[u8]) -> Result<Vec<u8>, PackageError> {
    ComponentEncoder::default()
        .validate(true)
        .module(core_module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| PackageError::Encode(format!("{error:#}")))
}

/// What a component asks for and offers, by the names in its outermost sections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Imported instances and functions, as in `patchbay:connector/http@1.0.0`.
    pub imports: Vec<String>,
    /// Exported ones.
    pub exports: Vec<String>,
}

/// Reads a component's imports and exports.
///
/// # Errors
/// [`PackageError::Malformed`].
pub fn shape(bytes: &[u8]) -> Result<Shape, PackageError> {
    let malformed = |error: wasmparser::BinaryReaderError| PackageError::Malformed {
        offset: error.offset(),
        reason: error.message().to_owned(),
    };
    let mut shape = Shape::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    shape.imports.push(import.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    shape.exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}
