//! The hub is paid: an org buys a plan from its operator, through Stripe.

mod life;
mod meters;
mod refused;
mod scene;

pub use life::*;
pub use meters::*;
pub use refused::*;
