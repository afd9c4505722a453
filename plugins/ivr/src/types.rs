//! What the actions take and give.

mod answer;
mod calls;
mod menus;
mod simulate;

pub use answer::{Answer, Answered, CallFacts, Did, Direction, Kind, Recording, Request, Step};
pub use calls::{
    CallPage, CallSummary, Closing, Counted, HungUp, ListCalls, ListMessages, Message, MessagePage, OptionUse, Outcome,
    Statistics, StatisticsOf, TranscriptionStatus,
};
pub use menus::{
    Audio, DeleteMenu, Deleted, GetMenu, ListMenus, MenuPage, MenuSummary, MenuVersion, PublishMenu, Published,
    RollBackMenu, SaveMenu, Saved, UploadAudio,
};
pub use simulate::{Exchange, Heard, Simulate, Simulated};
