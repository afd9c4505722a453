//! What `patchbay db` prints for people.

use std::fmt::Write as _;

use patchbay_storage::{
    MigrationState, MigrationStatus,
    rls::{Answer, Probe, Report, Table},
};

/// A line for each migration.
pub fn migrations<'a>(migrations: impl IntoIterator<Item = &'a MigrationStatus>) -> String {
    migrations
        .into_iter()
        .map(|migration| {
            let state = match migration.state {
                MigrationState::Applied => "applied",
                MigrationState::Pending => "pending",
                MigrationState::Changed => "changed: its text is not the one that was applied",
                MigrationState::Unknown => "of a newer program",
            };
            format!("{:04}  {:<12} {state}\n", migration.number, migration.name.as_deref().unwrap_or("?"))
        })
        .collect()
}

/// A line for each table, then what is wrong and the SQL that closes it.
pub fn audit(report: &Report) -> String {
    let mut text = String::new();
    let tables: Vec<&Table> = report.tables.iter().filter(|table| table.org_column.is_some()).collect();
    let mut tries = 0;
    for table in &tables {
        let in_force = match (table.reachable, table.enabled, table.forced) {
            (false, ..) => "out of reach",
            (true, true, true) => "forced",
            (true, true, false) => "NOT FORCED",
            (true, false, _) => "NOT ENABLED",
        };
        let probes: Vec<String> =
            table.probes.iter().map(|probe| format!("{}: {}", probe.role, worst(probe))).collect();
        tries += table.probes.iter().flat_map(Probe::answers).filter(|(_, answer)| was_tried(answer)).count();
        let policies = table.policies.len();
        line(&mut text, &format!("{:<16} {in_force:<12} {policies} policies  {}", table.name, probes.join(", ")));
    }
    for gap in &report.gaps {
        line(&mut text, &format!("\nGAP {}: {}\n  {};", gap.object, gap.detail, gap.fix));
    }
    let found = if report.gaps.is_empty() { "no gap" } else { "gaps" };
    line(&mut text, &format!("\n{found}: {} tables, {tries} tries to reach another organization's rows", tables.len()));
    text
}

fn was_tried(answer: &Answer) -> bool {
    matches!(answer, Answer::Kept | Answer::Leaked)
}

fn worst(probe: &Probe) -> String {
    let of = |wanted: fn(&Answer) -> bool| {
        let names: Vec<&str> = probe.answers().filter(|(_, answer)| wanted(answer)).map(|(what, _)| what).collect();
        names.join(", ")
    };
    let (leaked, untried) = (of(|answer| *answer == Answer::Leaked), of(|answer| matches!(answer, Answer::Untried(_))));
    match (leaked.is_empty(), untried.is_empty()) {
        (false, _) => format!("LEAKED ({leaked})"),
        (true, false) => format!("untried ({untried})"),
        (true, true) => "kept".to_owned(),
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use patchbay_storage::rls::{Gap, GapKind};

    use super::*;

    fn table(read: Answer) -> Table {
        let probe = Probe {
            role: "patchbay_app".to_owned(),
            read,
            insert: Answer::Kept,
            update: Answer::NoRight,
            delete: Answer::NoRight,
            give_away: Answer::NoRight,
            read_as_nobody: Answer::Kept,
        };
        Table {
            name: "run".to_owned(),
            org_column: Some("org_id".to_owned()),
            enabled: true,
            forced: true,
            reachable: true,
            policies: Vec::new(),
            probes: vec![probe],
        }
    }

    #[test]
    fn an_audit_without_a_gap_says_how_much_was_tried() {
        let text = audit(&Report { roles: Vec::new(), tables: vec![table(Answer::Kept)], gaps: Vec::new() });
        assert!(text.contains("patchbay_app: kept"), "{text}");
        assert!(text.ends_with("no gap: 1 tables, 3 tries to reach another organization's rows\n"), "{text}");
    }

    #[test]
    fn a_gap_is_shown_with_the_sql_that_closes_it() {
        let gap = Gap {
            kind: GapKind::AlwaysTrue,
            object: "run".to_owned(),
            detail: "the policy x lets everything through".to_owned(),
            fix: "DROP POLICY x ON run".to_owned(),
        };
        let text = audit(&Report { roles: Vec::new(), tables: vec![table(Answer::Leaked)], gaps: vec![gap] });
        assert!(text.contains("LEAKED (read)"), "{text}");
        assert!(text.contains("GAP run: the policy x lets everything through\n  DROP POLICY x ON run;"), "{text}");
    }

    #[test]
    fn a_migration_of_tomorrow_has_no_name() {
        let unknown = MigrationStatus { number: 99, name: None, state: MigrationState::Unknown };
        assert_eq!(migrations([&unknown]), "0099  ?            of a newer program\n");
    }
}
