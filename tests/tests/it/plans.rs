//! Plans: what they refuse, what is counted, and that the books are right to the unit.

mod books;
mod budgets;
mod gates;
mod hubs;
pub mod scene;
mod streams;

pub use books::*;
pub use budgets::*;
pub use gates::*;
pub use streams::*;
