//! From the names and texts of the contract to a connector's typed functions; shared by the component and
//! by the test kit, so that tests take the way that calls take.

use crate::action::Output;
use crate::{Call, Connector, Error, Violation};

pub(crate) fn validate_config<C: Connector>(config: &str) -> Result<(), Vec<Violation>> {
    let config = serde_json::from_str(config).map_err(|error| vec![Violation::new("", error.to_string())])?;
    C::validate_config(config)
}

pub(crate) fn invoke<C: Connector>(call: Call<String>) -> Result<Output, Error> {
    let actions = C::actions();
    match actions.entries.iter().find(|action| action.name == call.action) {
        Some(action) => (action.run)(call),
        None => Err(Error::NotFound(format!("this plugin does not offer the action {}", call.action))),
    }
}
