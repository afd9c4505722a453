//! Writes the numbering plans that the crate `phonenumber` carries (libphonenumber's) as constants.
//!
//! At run time that crate reads and checks all patterns of all countries before it looks at a number, which takes a guest a tenth
//! of a second and more, with each call anew. As constants they cost nothing until one is asked for, and a component holds neither that
//! crate nor what it needs.

use std::{
    env,
    error::Error,
    fmt::{self, Write as _},
    fs,
    path::Path,
};

use phonenumber::{
    Metadata,
    metadata::{DATABASE, Descriptor},
};

/// Calling codes have three digits at most.
const LAST_CODE: u16 = 999;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut plans = String::from("[\n");
    for code in 1..=LAST_CODE {
        // the main country of a code comes first
        for metadata in DATABASE.by_code(&code).into_iter().flatten() {
            write_plan(&mut plans, metadata)?;
        }
    }
    plans.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("plans.rs"), plans)?;
    Ok(())
}

fn write_plan(out: &mut String, metadata: &Metadata) -> fmt::Result {
    let plan = metadata.descriptors();
    writeln!(out, "Plan {{ id: {:?}, code: {},", metadata.id(), metadata.country_code())?;
    let leading = metadata.leading_digits().map(|pattern| squeezed(pattern.as_str()));
    let abroad = metadata.international_prefix().map(|pattern| squeezed(pattern.as_str()));
    let trunk = metadata.national_prefix();
    let trunk_pattern = metadata.national_prefix_for_parsing().map(|pattern| squeezed(pattern.as_str()));
    let transform = metadata.national_prefix_transform_rule();
    writeln!(out, "leading: {leading:?}, abroad: {abroad:?}, trunk: {trunk:?},")?;
    writeln!(out, "trunk_pattern: {trunk_pattern:?}, transform: {transform:?},")?;
    writeln!(out, "general: {}, kinds: &[", described(plan.general()))?;
    // what is dear first, and the two that North America does not tell apart last
    let kinds = [
        ("PremiumRate", plan.premium_rate()),
        ("TollFree", plan.toll_free()),
        ("SharedCost", plan.shared_cost()),
        ("Voip", plan.voip()),
        ("Personal", plan.personal_number()),
        ("Pager", plan.pager()),
        ("National", plan.uan()),
        ("National", plan.voicemail()),
        ("Local", plan.fixed_line()),
        ("Mobile", plan.mobile()),
    ];
    for (kind, descriptor) in kinds {
        if let Some(descriptor) = descriptor {
            writeln!(out, "(Kind::{kind}, {}),", described(descriptor))?;
        }
    }
    writeln!(out, "] }},")
}

fn described(descriptor: &Descriptor) -> String {
    let pattern = squeezed(descriptor.national_number().as_str());
    format!("Description {{ pattern: {pattern:?}, lengths: &{:?} }}", descriptor.possible_length())
}

/// Patterns are laid out over lines; the white space is no part of them.
fn squeezed(pattern: &str) -> String {
    pattern.split_whitespace().collect()
}
