//! Text messages: one object out of what carriers tell in any order, who may be sent how many, who wants none, what a text is
//! billed as, and texts out of templates.

mod follow_up;
mod limits;
pub mod opt_out;
mod reminder;
mod segments;
mod state;
mod status;
mod template;
pub mod transcript;

pub use follow_up::follow_up;
pub use limits::SendLimits;
pub use reminder::{NoReminder, Planned, Reminder};
pub use segments::{Encoding, Segments, segments};
pub use state::{Channel, Failure, Media, MessageFact, MessageState, Way};
pub use status::Status;
pub use template::{BadTemplate, check_template, render};
