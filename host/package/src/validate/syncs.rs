//! What is kept in step with the vendor.

use patchbay_model::{
    object::Access,
    sync::{Direction, validate as check_mapping},
};

use super::{report::Report, text};
use crate::{
    Manifest,
    manifest::sync::{MOST_BATCH, MOST_OVERLAP_S, MOST_PAGE, SyncDecl},
};

pub(super) fn check(manifest: &Manifest, report: &mut Report) {
    for (index, sync) in manifest.syncs.iter().enumerate() {
        let at = format!("/syncs/{index}");
        object(manifest, sync, &at, report);
        directions(sync, &at, report);
        let resource = sync.resource.as_str();
        let fits =
            (1..=100).contains(&resource.len()) && !resource.contains(|c: char| c.is_control() || c.is_whitespace());
        report.demand(fits, format!("{at}/resource"), "the vendor's name: 1 to 100 bytes without white space");
        let title = sync.title.trim();
        let fits = !title.is_empty() && title.chars().count() <= 200 && text::is_printable_line(title);
        report.demand(fits, format!("{at}/title"), "1 to 200 printable characters");
        report.demand((1..=MOST_PAGE).contains(&sync.page), format!("{at}/page"), format!("1 to {MOST_PAGE}"));
        report.demand((1..=MOST_BATCH).contains(&sync.batch), format!("{at}/batch"), format!("1 to {MOST_BATCH}"));
        let fits = sync.overlap_s <= MOST_OVERLAP_S;
        report.demand(fits, format!("{at}/overlap-s"), format!("at most {MOST_OVERLAP_S}"));
        mapping(sync, &format!("{at}/mapping"), report);
    }
    let objects = manifest.syncs.iter().enumerate().map(|(i, sync)| (format!("/syncs/{i}/object"), sync.object));
    report.unique(objects, "an object");
    let resources = manifest.syncs.iter().enumerate().map(|(i, sync)| (format!("/syncs/{i}/resource"), &sync.resource));
    report.unique(resources, "a resource");
}

fn object(manifest: &Manifest, sync: &SyncDecl, at: &str, report: &mut Report) {
    let needed = if sync.directions.contains(&Direction::In) { Access::Write } else { Access::Read };
    let granted = manifest.objects.get(&sync.object).is_some_and(|access| *access >= needed);
    let (object, word) = (sync.object, needed.as_str());
    let expected = format!("an object that the manifest asks to {word}: add [objects] {object} = {word:?}");
    report.demand(granted, format!("{at}/object"), expected);
}

fn directions(sync: &SyncDecl, at: &str, report: &mut Report) {
    report.demand(!sync.directions.is_empty(), format!("{at}/directions"), "at least one of `in` and `out`");
    for (key, ways) in [("directions", &sync.directions), ("deletes", &sync.deletes)] {
        for (index, way) in ways.iter().enumerate() {
            let one = *way != Direction::Both;
            report.demand(one, format!("{at}/{key}/{index}"), "`in` or `out`; for both ways name both");
        }
        let ways = ways.iter().enumerate().map(|(index, way)| (format!("{at}/{key}/{index}"), way.as_str()));
        report.unique(ways, "a direction");
    }
    for (index, way) in sync.deletes.iter().enumerate() {
        let known = *way == Direction::Both || sync.directions.contains(way);
        report.demand(known, format!("{at}/deletes/{index}"), "one of the sync's `directions`");
    }
}

fn mapping(sync: &SyncDecl, at: &str, report: &mut Report) {
    if sync.mapping_file.is_some() {
        report.add(at, "the mapping itself: a package holds no paths");
        return;
    }
    // without a direction each field would be wrong as well
    if sync.directions.is_empty() {
        return;
    }
    for violation in check_mapping(&sync.mapping, sync.object.schema(), None, &sync.directions) {
        report.add(format!("{at}{}", violation.pointer), violation.expected);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn contacts() -> Value {
        json!({
            "object": "contact", "resource": "contacts", "title": "Contacts", "directions": ["in", "out"],
            "deletes": ["in"], "page": 2_000, "batch": 200, "overlap-s": 86_400,
            "mapping": {"fields": [{"hub": "/email", "vendor": "email"}], "join": ["/email"]},
        })
    }

    /// What is found in a manifest with these syncs.
    fn found(objects: &Value, syncs: &Value) -> Vec<(String, String)> {
        let manifest = json!({
            "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.1.0", "objects": objects, "syncs": syncs,
        });
        let manifest: Manifest = serde_json::from_value(manifest).unwrap();
        let violations = crate::validate(&manifest).err().unwrap_or_default();
        violations.into_iter().map(|violation| (violation.pointer, violation.expected)).collect()
    }

    /// What is found when a member of the sync of contacts is another.
    fn found_with(member: &str, value: Value) -> Vec<(String, String)> {
        let mut sync = contacts();
        sync[member] = value;
        found(&json!({"contact": "write"}), &json!([sync]))
    }

    #[test]
    fn a_sync_that_breaks_nothing_is_valid() {
        assert_eq!(found_with("title", json!("People")), []);
    }

    #[test]
    fn every_rule_has_its_place_and_its_words() {
        let one = "`in` or `out`; for both ways name both";
        for (member, value, place, words) in [
            ("resource", json!(""), "/resource", "the vendor's name: 1 to 100 bytes without white space"),
            ("resource", json!("a b"), "/resource", "the vendor's name: 1 to 100 bytes without white space"),
            ("title", json!(" "), "/title", "1 to 200 printable characters"),
            ("directions", json!([]), "/directions", "at least one of `in` and `out`"),
            ("directions", json!(["both"]), "/directions/0", one),
            ("directions", json!(["in", "in"]), "/directions/1", "a direction that is not there twice"),
            ("deletes", json!(["in", "both"]), "/deletes/1", one),
            ("page", json!(0), "/page", "1 to 2000"),
            ("page", json!(2_001), "/page", "1 to 2000"),
            ("batch", json!(201), "/batch", "1 to 200"),
            ("overlap-s", json!(86_401), "/overlap-s", "at most 86400"),
            ("mapping", json!("syncs/contact.json"), "/mapping", "the mapping itself: a package holds no paths"),
        ] {
            let found = found_with(member, value.clone());
            let expected = (format!("/syncs/0{place}"), words.to_owned());
            assert!(found.contains(&expected), "{member} = {value}: {found:?}");
        }
    }

    #[test]
    fn deletions_go_no_way_that_the_sync_does_not_go() {
        let mut sync = contacts();
        sync["directions"] = json!(["in"]);
        sync["deletes"] = json!(["out"]);
        sync["mapping"]["fields"][0]["direction"] = json!("in");
        let words = "one of the sync's `directions`".to_owned();
        assert_eq!(found(&json!({"contact": "write"}), &json!([sync])), [("/syncs/0/deletes/0".to_owned(), words)]);
    }

    #[test]
    fn what_comes_in_needs_an_object_that_may_be_written() {
        let needs = |word: &str| {
            let words = format!("an object that the manifest asks to {word}: add [objects] contact = {word:?}");
            vec![("/syncs/0/object".to_owned(), words)]
        };
        assert_eq!(found(&json!({}), &json!([contacts()])), needs("write"));
        assert_eq!(found(&json!({"contact": "read"}), &json!([contacts()])), needs("write"));
        let mut outward = contacts();
        outward["directions"] = json!(["out"]);
        outward["deletes"] = json!([]);
        outward["mapping"]["fields"][0]["direction"] = json!("out");
        assert_eq!(found(&json!({"contact": "read"}), &json!([outward.clone()])), []);
        assert_eq!(found(&json!({"company": "write"}), &json!([outward])), needs("read"));
    }

    #[test]
    fn each_object_and_each_resource_is_there_once() {
        let mut other = contacts();
        other["object"] = json!("company");
        let objects = json!({"contact": "write", "company": "write"});
        let pointers = |syncs: Value| found(&objects, &syncs).into_iter().map(|one| one.0).collect::<Vec<_>>();
        assert_eq!(pointers(json!([contacts(), contacts()])), ["/syncs/1/object", "/syncs/1/resource"]);
        assert_eq!(pointers(json!([contacts(), other])), ["/syncs/1/resource"]);
    }

    #[test]
    fn a_mapping_is_checked_by_the_schema_of_its_object() {
        let found = found_with("mapping", json!({"fields": [{"hub": "/nickname", "vendor": "nick"}]}));
        assert!(found.iter().any(|(pointer, _)| pointer == "/syncs/0/mapping/fields/0/hub"), "{found:?}");
    }
}
