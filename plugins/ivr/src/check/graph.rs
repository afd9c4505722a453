//! Where ways lead: nowhere, nowhere to from, round and round, or never to an end.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use crate::resolved::{Node, Resolved, Way};

pub(super) fn check(resolved: &Resolved, found: &mut Vec<Problem>) {
    let ways: BTreeMap<&str, Vec<Way<'_>>> =
        resolved.nodes.iter().map(|(at, node)| (at.as_str(), node.ways(at))).collect();
    missing(resolved, &ways, found);
    unreachable(resolved, &ways, found);
    endless(resolved, &ways, found);
    circles(&ways, found);
}

type Ways<'a> = BTreeMap<&'a str, Vec<Way<'a>>>;

/// Ways to what there is not.
fn missing(resolved: &Resolved, ways: &Ways<'_>, found: &mut Vec<Problem>) {
    let within = ways.values().flatten().map(|way| (way.path.clone(), way.to));
    for (path, to) in resolved.entries().chain(within) {
        if !resolved.nodes.contains_key(to) {
            found.push(Problem::new(format!("/{path}"), nowhere(to)));
        }
    }
}

fn nowhere(to: &str) -> String {
    match to.split_once('/') {
        Some(("menus", name)) => format!("a menu that there is; there is no {name:?}"),
        Some(("surveys", rest)) => {
            let name = rest.split('/').next().unwrap_or_default();
            format!("a survey that there is; there is no {name:?}")
        }
        _ => "something other than repeat: there is no menu to repeat here".to_owned(),
    }
}

/// Menus and surveys to which no way leads.
fn unreachable(resolved: &Resolved, ways: &Ways<'_>, found: &mut Vec<Problem>) {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut next: Vec<&str> = resolved.entries().map(|(_, to)| to).collect();
    while let Some(at) = next.pop() {
        if let Some(ways) = ways.get(at)
            && reached.insert(at)
        {
            next.extend(ways.iter().map(|way| way.to));
        }
    }
    for (at, node) in &resolved.nodes {
        let named = match node {
            Node::Menu { .. } => Some((at.clone(), "menu")),
            Node::Question { survey, first: true, .. } => Some((format!("surveys/{survey}"), "survey")),
            _ => None,
        };
        if let Some((path, what)) = named
            && !reached.contains(at.as_str())
        {
            found.push(Problem::new(format!("/{path}"), format!("a way that leads to this {what}, or no such {what}")));
        }
    }
}

/// Menus from which no choice leads to a transfer, a voicemail or a hang-up.
fn endless(resolved: &Resolved, ways: &Ways<'_>, found: &mut Vec<Problem>) {
    let mut ending: BTreeSet<&str> =
        resolved.nodes.iter().filter(|(_, node)| node.ends()).map(|(at, _)| at.as_str()).collect();
    // once more for as long as it adds something: as often as the longest chain is long
    loop {
        let before = ending.len();
        for (at, ways) in ways {
            // what leads nowhere is told of elsewhere, and is no circle
            if ways.iter().any(|way| ending.contains(way.to) || !resolved.nodes.contains_key(way.to)) {
                ending.insert(*at);
            }
        }
        if ending.len() == before {
            break;
        }
    }
    for (at, node) in &resolved.nodes {
        if matches!(node, Node::Menu { .. }) && !ending.contains(at.as_str()) {
            let expected = "a choice that leads, in the end, to a transfer, a voicemail or a hang-up";
            found.push(Problem::new(format!("/{at}"), expected));
        }
    }
}

/// Ways that a caller who does nothing is led along, back to where they began.
fn circles(ways: &Ways<'_>, found: &mut Vec<Problem>) {
    for start in ways.keys() {
        let mut seen: Vec<&str> = Vec::new();
        let mut at = *start;
        // at most one way leads on by itself from each place
        while let Some(way) = ways.get(at).and_then(|ways| ways.iter().find(|way| !way.chosen)) {
            if way.to == *start {
                // told once, at the first place of the circle
                if seen.iter().all(|other| *start < *other) {
                    let expected = "a way out of the circle for a caller who presses nothing";
                    found.push(Problem::new(format!("/{}", way_of(ways, start)), expected));
                }
                break;
            }
            if seen.contains(&way.to) {
                break;
            }
            seen.push(way.to);
            at = way.to;
        }
    }
}

/// Where the way is written that leads on by itself.
fn way_of(ways: &Ways<'_>, at: &str) -> String {
    let way = ways.get(at).and_then(|ways| ways.iter().find(|way| !way.chosen));
    way.map_or_else(|| at.to_owned(), |way| way.path.clone())
}
