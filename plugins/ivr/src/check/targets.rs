//! Whom calls are put through to.

use patchbay_telephony::phone::Number;

use super::Problem;
use super::names::escaped;
use crate::config::Config;
use crate::menu::{Action, Menu};
use crate::resolved::{Node, Resolved};

pub(super) fn check(menu: &Menu, resolved: &Resolved, config: &Config, found: &mut Vec<Problem>) {
    for (name, level) in &menu.menus {
        let at = format!("/menus/{}", escaped(name));
        for (key, action) in &level.options {
            action_at(&format!("{at}/options/{}", escaped(key)), action, resolved, config, found);
        }
        if let Some(action) = &level.fallback {
            action_at(&format!("{at}/fallback"), action, resolved, config, found);
        }
    }
    if let Some(hours) = &menu.hours {
        action_at("/hours/outside/then", &hours.outside.then, resolved, config, found);
    }
}

fn action_at(at: &str, action: &Action, resolved: &Resolved, config: &Config, found: &mut Vec<Problem>) {
    let Action::Transfer { to, .. } = action else { return };
    let at = format!("{at}/to");
    if let Err(invalid) = Number::parse(to, None) {
        found.push(Problem::new(at, format!("a telephone number; it {invalid}")));
        return;
    }
    // by what was found of the number when the menu was resolved: the numbering plans are read once
    let place = at.trim_start_matches('/').trim_end_matches("/to");
    if let Some(Node::Transfer { number_kind, country, .. }) = resolved.nodes.get(place)
        && let Err(refused) = config.allows(*number_kind, country.as_deref())
    {
        found.push(Problem::new(at, refused));
    }
}
