//! `CustomResourceDefinition`: its names are accepted and it is served.

use serde_json::Value;

use super::{Health, read::condition};

pub(super) fn health(object: &Value) -> Health {
    if let Some(names) = condition(object, "NamesAccepted").filter(|condition| condition.is_false())
    {
        return Health::degraded(format!("its names are not accepted{}", names.because()));
    }
    match condition(object, "Established") {
        Some(established) if established.is_true() => Health::healthy("it is established"),
        Some(established) if established.is_false() && established.reason() != "Installing" => {
            Health::degraded(format!("it is not established{}", established.because()))
        }
        _ => Health::progressing("it is not established yet"),
    }
}
