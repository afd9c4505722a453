//! What the actions take and give, in HubSpot's names. HubSpot writes every value as text, and takes every value as text.

mod calls;
mod objects;
mod schema;
mod search;

pub use calls::{CallDirection, CallStatus, FindContact, FoundContact, LogCall, LoggedCall};
pub use objects::{
    Archived, Associate, Associated, AssociatedWith, AssociationList, AssociationType, BatchRead, BatchUpsert,
    CreateObject, DeleteObject, GetObject, ListAssociations, MergeObjects, Object, ObjectList, ObjectType,
    UpdateObject, UpsertInput, With,
};
pub use schema::{
    Account, ListOwners, ListPipelines, ListProperties, Nothing, Owner, Owners, Pipeline, Pipelines, Properties,
    Property, PropertyOption, Stage,
};
pub use search::{Direction, Filter, FilterGroup, Operator, Page, Search, Sort};
