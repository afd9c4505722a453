//! What stands between a stranger's file and the compiler.
#![expect(clippy::unwrap_used, reason = "in helpers of tests a failure is the test's")]

use bytes::Bytes;
use patchbay_model::{Code, Failure};
use patchbay_package::{
    Manifest, OpenLimits, Package, PackageError, PublicKey, SecretKey, Trust, open, pack, section, sign,
    signature::{self, NewKeys},
};
use proptest::prelude::*;

fn component() -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    module.section(&wasm_encoder::CustomSection { name: "code".into(), data: (&[7_u8; 200]).into() });
    let mut component = wasm_encoder::Component::new();
    component.section(&wasm_encoder::ModuleSection(&module));
    component.finish()
}

fn manifest(version: &str) -> Manifest {
    serde_json::from_value(serde_json::json!({
        "id": "demo", "name": "Demo", "version": version, "api": "1.0.0",
        "actions": [{"name": "send", "input": {"type": "object"}, "output": true}],
    }))
    .unwrap()
}

struct Publisher {
    public: PublicKey,
    secret: SecretKey,
}

fn publisher() -> Publisher {
    let NewKeys { public, secret_text, .. } = signature::generate(None).unwrap();
    Publisher { public, secret: SecretKey::parse(&secret_text, None).unwrap() }
}

impl Publisher {
    fn signed(&self) -> Vec<u8> {
        sign(&pack(&component(), &manifest("1.0.0")).unwrap(), &self.secret).unwrap()
    }

    fn trust(&self) -> Trust {
        Trust { allow_unsigned: false, publishers: vec![self.public.clone()] }
    }

    fn open(&self, file: Vec<u8>) -> Result<Package, PackageError> {
        open(file.into(), &self.trust(), &OpenLimits::default())
    }

    fn refusal(&self, file: Vec<u8>) -> (Code, String) {
        let error = self.open(file).unwrap_err();
        (error.code(), error.to_string())
    }
}

#[test]
fn a_signed_package_opens_and_names_its_publisher() {
    let publisher = publisher();
    let file = Bytes::from(publisher.signed());
    let package = open(file.clone(), &publisher.trust(), &OpenLimits::default()).unwrap();
    assert_eq!(package.manifest, manifest("1.0.0"));
    assert_eq!(package.publisher.as_deref(), Some(publisher.public.key_id()));
    assert_eq!(package.digest, patchbay_package::digest(&file));
    assert_eq!(package.bytes.as_ptr(), file.as_ptr(), "the package holds the buffer that was verified");
}

#[test]
fn an_unsigned_package_opens_only_where_the_operator_allows_it() {
    let publisher = publisher();
    let file = pack(&component(), &manifest("1.0.0")).unwrap();
    let (code, words) = publisher.refusal(file.clone());
    assert_eq!(code, Code::PackageUnsigned);
    assert!(words.contains("patchbay plugin pack --sign"), "{words}");
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    assert_eq!(open(file.into(), &trust, &OpenLimits::default()).unwrap().publisher, None);
}

#[test]
fn a_package_signed_with_another_key_is_refused() {
    let (mine, other) = (publisher(), publisher());
    let (code, words) = mine.refusal(other.signed());
    assert_eq!(code, Code::PackageSignatureInvalid);
    assert!(words.contains(other.public.key_id()), "{words}");
}

#[test]
fn a_foreign_signature_is_refused_even_where_unsigned_packages_are_allowed() {
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    let error = open(publisher().signed().into(), &trust, &OpenLimits::default()).unwrap_err();
    assert!(matches!(error, PackageError::UntrustedPublisher { .. }), "{error}");
}

#[test]
fn no_bit_can_be_flipped() {
    let publisher = publisher();
    let file = publisher.signed();
    let sections = section::read(&file).unwrap();
    let covered = sections.last().unwrap().range.start;
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 1;
        let opened = publisher.open(changed);
        // The untrusted comment, which is the first line of the signature, is the one thing not signed.
        let first_line = covered..covered + 80;
        assert!(opened.is_err() || first_line.contains(&place), "byte {place} of {} was changed unseen", file.len());
    }
}

#[test]
fn a_bit_flip_in_the_component_is_a_signature_that_does_not_fit() {
    let publisher = publisher();
    let mut file = publisher.signed();
    let place = file.iter().position(|byte| *byte == 7).unwrap();
    file[place] = 8;
    let (code, words) = publisher.refusal(file);
    assert_eq!(code, Code::PackageSignatureInvalid);
    assert!(words.contains("was changed after it was signed"), "{words}");
}

#[test]
fn a_truncated_package_is_refused_at_every_length() {
    let publisher = publisher();
    let file = publisher.signed();
    for length in 0..file.len() {
        let (code, _) = publisher.refusal(file[..length].to_vec());
        assert!(matches!(code, Code::PackageInvalid | Code::PackageUnsigned), "{length}: {code:?}");
    }
}

#[test]
fn a_section_after_the_signature_is_refused() {
    let publisher = publisher();
    let mut file = publisher.signed();
    section::append(&mut file, "anything", b"else");
    let (code, words) = publisher.refusal(file);
    assert_eq!(code, Code::PackageSignatureInvalid);
    assert!(words.starts_with("something was appended after the signature"), "{words}");
}

#[test]
fn a_second_signature_is_refused() {
    let publisher = publisher();
    let mut file = publisher.signed();
    let text = publisher.secret.sign(&file).unwrap();
    section::append(&mut file, section::SIGNATURE, text.as_bytes());
    assert_eq!(publisher.refusal(file).0, Code::PackageSignatureInvalid);
}

#[test]
fn a_swapped_manifest_is_refused() {
    let publisher = publisher();
    let file = publisher.signed();
    let signature = section::read(&file).unwrap().pop().unwrap().data.to_vec();
    let mut swapped = pack(&component(), &manifest("6.6.6")).unwrap();
    section::append(&mut swapped, section::SIGNATURE, &signature);
    assert_eq!(publisher.refusal(swapped).0, Code::PackageSignatureInvalid);
}

#[test]
fn a_second_manifest_is_refused() {
    let mut file = pack(&component(), &manifest("1.0.0")).unwrap();
    section::append(&mut file, section::MANIFEST, b"{}");
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    let error = open(file.into(), &trust, &OpenLimits::default()).unwrap_err();
    assert!(matches!(error, PackageError::Repeated { count: 2, .. }), "{error}");
}

fn signed_with_manifest(publisher: &Publisher, json: &str) -> Vec<u8> {
    let mut file = component();
    section::append(&mut file, section::MANIFEST, json.as_bytes());
    sign(&file, &publisher.secret).unwrap()
}

#[test]
fn a_package_for_another_contract_says_which_one_this_host_serves() {
    let publisher = publisher();
    let json = r#"{"id":"demo","api":"2.1.0","a-key-of-the-future":true}"#;
    let (code, words) = publisher.refusal(signed_with_manifest(&publisher, json));
    assert_eq!(code, Code::PackageIncompatible);
    assert!(words.starts_with("built for patchbay:connector 2.1.0, this host serves 1.0.0..=1.1.x"), "{words}");
}

#[test]
fn a_manifest_that_breaks_a_rule_is_refused_place_by_place() {
    let publisher = publisher();
    let json = r#"{"id":"demo","name":"Demo","version":"1.0.0","api":"1.0.0","webhooks":{"body-kib":0}}"#;
    let error = publisher.open(signed_with_manifest(&publisher, json)).unwrap_err();
    let failure = Failure::from(error);
    assert_eq!(failure.code, Code::PackageManifestInvalid);
    assert_eq!(failure.violations[0].pointer, "/webhooks/body-kib");
}

#[test]
fn an_unknown_key_in_a_manifest_is_refused_by_name() {
    let publisher = publisher();
    let json = r#"{"id":"demo","name":"Demo","version":"1.0.0","api":"1.0.0","egres":[]}"#;
    let (code, words) = publisher.refusal(signed_with_manifest(&publisher, json));
    assert_eq!(code, Code::PackageManifestInvalid);
    assert!(words.contains("unknown field `egres`"), "{words}");
}

#[test]
fn a_core_module_is_refused_with_the_fix() {
    let publisher = publisher();
    let (code, words) = publisher.refusal(wasm_encoder::Module::new().finish());
    assert_eq!(code, Code::PackageInvalid);
    assert_eq!(words, "this is a core module, not a component: build it with `patchbay plugin build`");
}

#[test]
fn a_component_that_was_never_packed_is_refused_with_the_fix() {
    let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
    let error = open(component().into(), &trust, &OpenLimits::default()).unwrap_err();
    assert!(matches!(error, PackageError::NoManifest), "{error}");
}

#[test]
fn a_package_over_the_limit_is_refused_before_it_is_read() {
    let publisher = publisher();
    let file = publisher.signed();
    let limit = file.len() as u64 - 1;
    let error = open(file.into(), &publisher.trust(), &OpenLimits { max_bytes: limit }).unwrap_err();
    assert_eq!(error.code(), Code::PackageTooLarge);
    assert!(error.to_string().contains(&limit.to_string()));
}

#[test]
fn a_signature_of_something_else_by_the_same_key_does_not_count() {
    let publisher = publisher();
    let mut file = pack(&component(), &manifest("1.0.0")).unwrap();
    let NewKeys { public, secret_text, .. } = signature::generate(None).unwrap();
    let key = minisign::SecretKeyBox::from(secret_text).into_unencrypted_secret_key().unwrap();
    let text = minisign::sign(None, &key, file.as_slice(), Some("release notes"), None).unwrap().into_string();
    section::append(&mut file, section::SIGNATURE, text.as_bytes());
    let trust = Trust { allow_unsigned: false, publishers: vec![public, publisher.public] };
    let error = open(file.into(), &trust, &OpenLimits::default()).unwrap_err();
    assert!(error.to_string().contains("made for something else"), "{error}");
}

#[test]
fn a_padded_signature_section_is_refused() {
    let publisher = publisher();
    let file = publisher.signed();
    let section = section::read(&file).unwrap().pop().unwrap();
    let start = section.range.start;
    let content = section::SIGNATURE.len() + 1 + section.data.len();
    // The section's length in five bytes of LEB128 instead of two: valid WebAssembly, another digest.
    let mut padded = file[..=start].to_vec();
    padded.extend([content as u8 | 0x80, (content >> 7) as u8 | 0x80, 0x80, 0x80, 0]);
    padded.extend_from_slice(&file[file.len() - content..]);
    assert_eq!(section::read(&padded).unwrap().len(), 2);
    let (code, words) = publisher.refusal(padded);
    assert_eq!(code, Code::PackageSignatureInvalid);
    assert!(words.contains("padded"), "{words}");
}

#[test]
fn packing_is_repeatable_and_refuses_what_is_packed() {
    let file = pack(&component(), &manifest("1.0.0")).unwrap();
    assert_eq!(file, pack(&component(), &manifest("1.0.0")).unwrap());
    assert!(matches!(pack(&file, &manifest("1.0.0")), Err(PackageError::AlreadyPacked(_))));
    let publisher = publisher();
    assert!(matches!(sign(&publisher.signed(), &publisher.secret), Err(PackageError::AlreadyPacked(_))));
    assert!(matches!(sign(&component(), &publisher.secret), Err(PackageError::NoManifest)));
    assert!(matches!(pack(&wasm_encoder::Module::new().finish(), &manifest("1.0.0")), Err(PackageError::CoreModule)));
}

#[test]
fn a_key_with_a_passphrase_signs_only_with_it() {
    let keys = signature::generate(Some("correct horse".to_owned())).unwrap();
    assert!(SecretKey::needs_passphrase(&keys.secret_text).unwrap());
    assert!(SecretKey::parse(&keys.secret_text, None).is_err());
    assert!(SecretKey::parse(&keys.secret_text, Some("wrong".to_owned())).is_err());
    let secret = SecretKey::parse(&keys.secret_text, Some("correct horse".to_owned())).unwrap();
    let file = sign(&pack(&component(), &manifest("1.0.0")).unwrap(), &secret).unwrap();
    let trust = Trust { allow_unsigned: false, publishers: vec![keys.public] };
    assert!(open(file.into(), &trust, &OpenLimits::default()).is_ok());
}

#[test]
fn a_public_key_is_read_from_its_line_and_from_its_file() {
    let keys = signature::generate(None).unwrap();
    let from_file: PublicKey = keys.public_text.parse().unwrap();
    let from_line: PublicKey = from_file.to_string().parse().unwrap();
    assert_eq!(from_file, from_line);
    assert!(keys.public_text.contains(from_file.key_id()), "minisign shows the same id");
    for text in ["", "RW", "untrusted comment: none", "not base64 at all"] {
        assert!(text.parse::<PublicKey>().is_err(), "{text:?}");
    }
}

#[test]
fn files_that_are_no_keys_are_refused() {
    for text in ["", "one line", "two\nlines", "untrusted comment: x\nAAAA\n"] {
        assert!(SecretKey::parse(text, None).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_opening_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), json in ".{0,200}") {
        let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
        let mut file = component();
        section::append(&mut file, section::MANIFEST, json.as_bytes());
        section::append(&mut file, section::SIGNATURE, &bytes);
        prop_assert!(open(file.into(), &trust, &OpenLimits::default()).is_err());
        let mut file = component();
        file.extend_from_slice(&bytes);
        prop_assert!(open(file.into(), &trust, &OpenLimits::default()).is_err());
    }
}
