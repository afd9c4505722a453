//! Which rights the roles that serve need, and which they have.
//!
//! A policy says which rows; a right says what may be done to them, and which columns are seen. The audit log is one that
//! nobody writes over because nobody has the right to; what an org has set is not seen by who asks about all orgs,
//! because he has no right to the column. So rights are compared as policies are: one that was granted since, by hand,
//! is as good as none that holds.

use super::{
    Gap, GapKind,
    catalogue::{Catalogue, Grant, Known},
    expected::{GLOBAL, ROLES, needed},
    granted::{ADD, CHANGE, DELETE, GRANTED, READ, Right},
};

/// What a role needs of a table that is listed.
fn listed(table: &str, role: &str) -> Option<&'static [Right]> {
    GRANTED.iter().find(|(name, of, _)| *name == table && *of == role).map(|(_, _, rights)| *rights)
}

/// What a role may do to a table.
fn allowed(table: &Known, role: &str) -> Vec<Right> {
    if let Some(rights) = listed(&table.bare_name, role) {
        return rights.to_vec();
    }
    match &table.shown.org_column {
        None if GLOBAL.contains(&table.bare_name.as_str()) => vec![READ, ADD, CHANGE, DELETE],
        None => Vec::new(),
        Some(column) => {
            let needed = needed(&table.bare_name, column).into_iter().filter(|policy| policy.role == role);
            let rights = needed.flat_map(|policy| match policy.command {
                "ALL" => vec![READ, ADD, CHANGE, DELETE],
                "INSERT" => vec![ADD],
                "UPDATE" => vec![READ, CHANGE],
                "DELETE" => vec![READ, DELETE],
                _ => vec![READ],
            });
            rights.collect()
        }
    }
}

/// Rights that were granted and are not needed, and needed ones that are missing.
pub(super) fn gaps(catalogue: &Catalogue) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for table in &catalogue.tables {
        let is_known = table.shown.org_column.is_some() || GLOBAL.contains(&table.bare_name.as_str());
        // one that is not is to be let go of altogether
        if is_known {
            for role in ROLES.into_iter().chain(["PUBLIC"]) {
                gaps.extend(excess(table, role));
                gaps.extend(missing(table, role));
            }
        }
    }
    gaps
}

fn excess(table: &Known, role: &str) -> Vec<Gap> {
    let (name, allowed) = (&table.shown.name, allowed(table, role));
    let covers = |grant: &Grant| {
        allowed.iter().any(|(what, columns)| {
            let whole = columns.is_empty();
            *what == grant.privilege
                && (whole || grant.column.as_ref().is_some_and(|column| columns.contains(&column.as_str())))
        })
    };
    // to empty a table is a gap of its own
    let granted = table.grants.iter().filter(|grant| grant.role == role && grant.privilege != "TRUNCATE");
    let mut gaps = Vec::new();
    for grant in granted.filter(|grant| !covers(grant)) {
        let what = &grant.privilege;
        let (of, fix) = match &grant.column {
            Some(column) => (format!(" of {column}"), format!("REVOKE {what} ({column}) ON {name} FROM {role}")),
            None => {
                // takes the rights to columns along
                let kept: String = allowed
                    .iter()
                    .filter(|(allowed, columns)| allowed == what && !columns.is_empty())
                    .map(|(_, columns)| format!("; GRANT {what} ({}) ON {name} TO {role}", columns.join(", ")))
                    .collect();
                (String::new(), format!("REVOKE {what} ON {name} FROM {role}{kept}"))
            }
        };
        let detail = format!("{role} has the right to {what}{of}, which this program does not need");
        gaps.push(Gap { kind: GapKind::ExcessRight, object: name.clone(), detail, fix });
    }
    gaps
}

fn missing(table: &Known, role: &str) -> Vec<Gap> {
    let name = &table.shown.name;
    let has = |what: &str, column: Option<&str>| {
        table.grants.iter().any(|grant| {
            grant.role == role
                && grant.privilege == what
                && (grant.column.is_none() || grant.column.as_deref() == column)
        })
    };
    let lacks = |(what, columns): &&Right| match columns {
        [] => !has(what, None),
        columns => !columns.iter().all(|column| has(what, Some(column))),
    };
    let gap = |(what, columns): &Right| {
        let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
        Gap {
            kind: GapKind::MissingRight,
            object: name.clone(),
            detail: format!("{role} lacks the right to {what}{columns}"),
            fix: format!("GRANT {what}{columns} ON {name} TO {role}"),
        }
    };
    listed(&table.bare_name, role).unwrap_or_default().iter().filter(lacks).map(gap).collect()
}
