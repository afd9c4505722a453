//! Whom calls are put through to.

use patchbay_telephony::phone::Number;

use super::Problem;
use super::names::escaped;
use crate::config::Config;
use crate::menu::{Action, Menu};

pub(super) fn check(menu: &Menu, config: &Config, found: &mut Vec<Problem>) {
    for (name, level) in &menu.menus {
        let at = format!("/menus/{}", escaped(name));
        for (key, action) in &level.options {
            target(&format!("{at}/options/{}", escaped(key)), action, config, found);
        }
        if let Some(action) = &level.fallback {
            target(&format!("{at}/fallback"), action, config, found);
        }
    }
    if let Some(hours) = &menu.hours {
        target("/hours/outside/then", &hours.outside.then, config, found);
    }
}

fn target(at: &str, action: &Action, config: &Config, found: &mut Vec<Problem>) {
    let Action::Transfer { to, .. } = action else { return };
    let refused = match Number::parse(to, None) {
        Ok(number) => {
            config.destinations.check(&number).err().map(|refusal| format!("a number that may be called: {refusal}"))
        }
        Err(invalid) => Some(format!("a telephone number: what stands there {invalid}")),
    };
    found.extend(refused.map(|expected| Problem::new(format!("{at}/to"), expected)));
}
