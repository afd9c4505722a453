//! What is counted of deliveries. Labels are outcomes: never orgs or endpoints, of which there is no end.

use std::time::Duration;

use metrics::{counter, histogram};
use patchbay_model::delivery::DeliveryStatus;

/// An attempt ended; none: it was not made after all.
pub(super) fn tried(status: Option<DeliveryStatus>, took: Duration) {
    let outcome = status.map_or("dropped", |status| match status {
        DeliveryStatus::Pending => "failed",
        other => other.as_str(),
    });
    counter!("patchbay_delivery_attempts_total", "outcome" => outcome).increment(1);
    histogram!("patchbay_delivery_attempt_duration_seconds").record(took);
}
