//! What is wrong, and the SQL that closes it.

use super::{
    Answer, Gap, GapKind, Policy,
    catalogue::{Catalogue, Known},
    expected::{GLOBAL, Needed, ROLES, Shown},
};

fn gap(kind: GapKind, object: &str, detail: impl Into<String>, fix: impl Into<String>) -> Gap {
    Gap { kind, object: object.to_owned(), detail: detail.into(), fix: fix.into() }
}

/// Roles that policies do not hold for.
pub(super) fn roles(catalogue: &Catalogue) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for name in ROLES {
        let Some(role) = catalogue.roles.iter().find(|role| role.name == name) else {
            let fix = format!("CREATE ROLE {name} NOLOGIN");
            gaps.push(gap(GapKind::RoleMissing, name, "the role is missing", fix));
            continue;
        };
        if role.superuser {
            let fix = format!("ALTER ROLE {name} NOSUPERUSER");
            gaps.push(gap(GapKind::Superuser, name, "no policy holds for a superuser", fix));
        }
        if role.bypass_rls {
            let fix = format!("ALTER ROLE {name} NOBYPASSRLS");
            gaps.push(gap(GapKind::BypassRls, name, "no policy holds for a role with BYPASSRLS", fix));
        }
        for table in &role.owns {
            let fix = format!("ALTER TABLE {table} OWNER TO {}", quoted(&catalogue.owner));
            gaps.push(gap(GapKind::Owner, name, format!("it owns {table}, so it can switch its policies off"), fix));
        }
        for parent in &role.member_of {
            let fix = format!("REVOKE {parent} FROM {name}");
            gaps.push(gap(
                GapKind::Member,
                name,
                format!("it has the rights and the policies of {parent} as well"),
                fix,
            ));
        }
    }
    gaps
}

/// Tables of orgs whose policies are not in force. Only those that a role can reach which serves: somebody else's table
/// may have a column of this name as well.
pub(super) fn in_force(catalogue: &Catalogue) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let reachable = catalogue.tables.iter().map(|table| &table.shown).filter(|table| table.reachable);
    for table in reachable.filter(|table| table.org_column.is_some()) {
        let name = &table.name;
        if !table.enabled {
            let fix = format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY");
            gaps.push(gap(GapKind::NotEnabled, name, "row-level security is not enabled", fix));
        }
        if !table.forced {
            let fix = format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY");
            gaps.push(gap(GapKind::NotForced, name, "row-level security does not hold for the owner", fix));
        }
    }
    gaps
}

/// All that is wrong with tables. `expected` is in the order of the catalogue's tables.
pub(super) fn tables(catalogue: &Catalogue, expected: &[Shown]) -> Vec<Gap> {
    let mut gaps = in_force(catalogue);
    for (table, expected) in catalogue.tables.iter().zip(expected).filter(|(table, _)| table.shown.reachable) {
        let name = &table.shown.name;
        for role in &table.truncated_by {
            let fix = format!("REVOKE TRUNCATE ON {name} FROM {role}, PUBLIC");
            gaps.push(gap(GapKind::Truncate, name, format!("{role} may empty it for all orgs at once"), fix));
        }
        if table.shown.org_column.is_some() {
            gaps.extend(policies(table, expected));
        } else if !GLOBAL.contains(&table.bare_name.as_str()) {
            let roles = ROLES.join(", ");
            let fix = format!("REVOKE ALL ON {name} FROM {roles}, PUBLIC");
            gaps.push(gap(
                GapKind::NoOrgColumn,
                name,
                "it can be reached, and has no org_id to keep orgs apart by",
                fix,
            ));
        }
    }
    gaps
}

fn policies(table: &Known, expected: &Shown) -> Vec<Gap> {
    let name = &table.shown.name;
    let actual = &table.shown.policies;
    let mut gaps = Vec::new();
    for (needed, wanted) in expected.iter().filter(|(_, wanted)| !actual.iter().any(|policy| same(policy, wanted))) {
        match actual.iter().find(|policy| policy.name == wanted.name) {
            Some(policy) => gaps.push(differs(table, needed, wanted, policy)),
            None => {
                let detail = format!("the policy {} for {} is missing", needed.name, needed.role);
                gaps.push(gap(GapKind::NoPolicy, name, detail, needed.create(name)));
            }
        }
    }
    // A restrictive policy can only hold more back.
    for policy in actual.iter().filter(|policy| policy.permissive) {
        let known = expected.iter().any(|(_, wanted)| wanted.name == policy.name || same(policy, wanted));
        if !known {
            let kind = if is_true(policy) { GapKind::AlwaysTrue } else { GapKind::UnexpectedPolicy };
            let what = if is_true(policy) { "lets everything through" } else { "is not known to this program" };
            let detail = format!("the policy {} for {} {what}", policy.name, policy.roles.join(", "));
            gaps.push(gap(kind, name, detail, format!("DROP POLICY {} ON {name}", policy.name)));
        }
    }
    gaps
}

/// The same but for its name.
fn same(policy: &Policy, wanted: &Policy) -> bool {
    Policy { name: String::new(), ..policy.clone() } == Policy { name: String::new(), ..wanted.clone() }
}

fn is_true(policy: &Policy) -> bool {
    [&policy.using, &policy.with_check].into_iter().flatten().any(|rows| rows == "true")
}

/// A policy that is there and is not as it has to be.
fn differs(table: &Known, needed: &Needed, wanted: &Policy, policy: &Policy) -> Gap {
    let name = &table.shown.name;
    let column = table.shown.org_column.as_deref().unwrap_or_default();
    let asks = |rows: &Option<String>| rows.as_ref().is_none_or(|rows| names(rows, column));
    let alter = needed.alter(name, &policy.name);
    let anew = format!("DROP POLICY {} ON {name}; {}", policy.name, needed.create(name));
    let say = |what: &str| format!("the policy {} {what}", policy.name);
    if policy.command != wanted.command || !policy.permissive {
        return gap(GapKind::UnexpectedPolicy, name, say("is for another command, or restrictive"), anew);
    }
    if is_true(policy) && !is_true(wanted) {
        return gap(GapKind::AlwaysTrue, name, say("lets everything through"), anew);
    }
    if policy.with_check.is_none() && wanted.with_check.is_some() && policy.using == wanted.using {
        return gap(GapKind::MissingWithCheck, name, say("does not say what can be written"), alter);
    }
    if !asks(&policy.using) || !asks(&policy.with_check) {
        return gap(GapKind::WrongColumn, name, say(&format!("does not ask for {column}")), anew);
    }
    gap(GapKind::UnexpectedPolicy, name, say("is not as this program made it"), anew)
}

/// True if an expression has this column in it, and not only a setting of that name.
fn names(rows: &str, column: &str) -> bool {
    let outside_of_quotes = rows.split('\'').step_by(2);
    let mut words = outside_of_quotes.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.any(|word| word == column)
}

/// Views and functions that lead around policies.
pub(super) fn detours(catalogue: &Catalogue) -> Vec<Gap> {
    let roles = ROLES.join(", ");
    let views = catalogue.views.iter().map(|view| {
        let fix = if view.can_be_invoker {
            format!("ALTER VIEW {} SET (security_invoker = true)", view.name)
        } else {
            format!("REVOKE ALL ON {} FROM {roles}, PUBLIC", view.name)
        };
        gap(GapKind::View, &view.name, "it reads tables of orgs with the rights of its owner", fix)
    });
    let definers = catalogue.definers.iter().map(|function| {
        let fix = format!("ALTER ROUTINE {function} SECURITY INVOKER");
        gap(GapKind::Definer, function, "it runs with the rights of its owner", fix)
    });
    views.chain(definers).collect()
}

/// What probes reached, or could not try, although nothing else is wrong with the table.
pub(super) fn probes(tables: &[Known], known: &[Gap]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for table in tables.iter().map(|table| &table.shown) {
        let explained = known.iter().any(|gap| gap.object == table.name || ROLES.contains(&gap.object.as_str()));
        for probe in table.probes.iter().filter(|_| !explained) {
            let leaked = probe.answers().filter(|(_, answer)| **answer == Answer::Leaked).map(|(what, _)| what);
            let leaked: Vec<&str> = leaked.collect();
            if !leaked.is_empty() {
                let detail = format!("{} reached another org's rows: {}", probe.role, leaked.join(", "));
                let fix = format!("REVOKE ALL ON {} FROM {}, PUBLIC", table.name, probe.role);
                gaps.push(gap(GapKind::Leak, &table.name, detail, fix));
            }
            let untried = probe.answers().find_map(|(what, answer)| match answer {
                Answer::Untried(reason) => Some(format!("{}, {what}: {reason}", probe.role)),
                _ => None,
            });
            if let Some(untried) = untried {
                let fix = "-- teach host/storage/src/rls/sample.rs to make a row of this table";
                gaps.push(gap(GapKind::Untried, &table.name, untried, fix));
            }
        }
    }
    gaps
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
