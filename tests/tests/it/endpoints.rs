//! Endpoints: what reaches them, how, and what happens if it does not.

mod addresses;
mod disabling;
mod filtering;
mod isolation;
mod life;
mod order;
mod packages;
mod replaying;
mod retrying;
pub mod scene;
mod signing;
mod transforming;

pub use addresses::*;
pub use disabling::*;
pub use filtering::*;
pub use isolation::*;
pub use life::*;
pub use order::*;
pub use packages::*;
pub use replaying::*;
pub use retrying::*;
pub use signing::*;
pub use transforming::*;
