//! The export of syncs, for any [`Connector`]. JSON is text in the contract and a value here.

use serde_json::{Map, Value};

use super::Component;
use super::bindings::exports::patchbay::connector::syncs as wit;
use super::bindings::patchbay::connector::types::Error as WitError;
use crate::sync::{Change, Field, FieldKind, Item, Page, Pull, Pushed, Scope, Write, Written};
use crate::{Connector, Error};

impl<C: Connector> wit::Guest for Component<C> {
    fn describe(resource: String) -> Result<Vec<wit::Field>, WitError> {
        Ok(C::describe(&resource)?.into_iter().map(Into::into).collect())
    }

    fn pull(request: wit::Request) -> Result<wit::Page, WitError> {
        let pull = Pull {
            resource: request.resource,
            fields: request.fields,
            scope: request.scope.into(),
            cursor: request.cursor.as_deref().map(parsed).transpose()?,
            state: request.state.as_deref().map(parsed).transpose()?,
            limit: request.limit,
        };
        Ok(C::pull(pull)?.into())
    }

    fn push(resource: String, writes: Vec<wit::Write>) -> Result<wit::Pushed, WitError> {
        let writes = writes.into_iter().map(write).collect::<Result<Vec<_>, Error>>()?;
        let Pushed { written, pause_ms } = C::push(&resource, writes)?;
        Ok(wit::Pushed { written: written.into_iter().map(Into::into).collect(), pause_ms })
    }
}

/// The host gives nothing but JSON, so anything else is a defect and not the caller's fault.
fn parsed(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| Error::Internal(error.to_string()))
}

fn write(write: wit::Write) -> Result<Write, Error> {
    let fields: Map<String, Value> =
        serde_json::from_str(&write.fields).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Write {
        key: write.key,
        record: write.record,
        id: write.id,
        fields,
        delete: write.delete,
        data: parsed(&write.data)?,
        references: write.references.into_iter().collect(),
    })
}

impl From<wit::Scope> for Scope {
    fn from(scope: wit::Scope) -> Self {
        match scope {
            wit::Scope::All => Self::All,
            wit::Scope::Since(time) => Self::Since(time),
            wit::Scope::Ids(ids) => Self::Ids(ids),
            wit::Scope::Matching(matching) => Self::Matching { field: matching.field, values: matching.values },
        }
    }
}

impl From<FieldKind> for wit::FieldKind {
    fn from(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Text => Self::Text,
            FieldKind::Number => Self::Number,
            FieldKind::Boolean => Self::Boolean,
            FieldKind::Date => Self::Date,
            FieldKind::Time => Self::Time,
            FieldKind::Choice => Self::Choice,
            FieldKind::Reference => Self::Reference,
        }
    }
}

impl From<Field> for wit::Field {
    fn from(field: Field) -> Self {
        Self {
            name: field.name,
            title: field.title,
            kind: field.kind.into(),
            required: field.required,
            readable: field.readable,
            writable: field.writable,
            unique: field.unique,
            custom: field.custom,
            choices: field.choices,
        }
    }
}

impl From<Item> for wit::Item {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            modified_at: item.modified_at,
            url: item.url,
            fields: Value::Object(item.fields).to_string(),
        }
    }
}

impl From<Change> for wit::Change {
    fn from(change: Change) -> Self {
        match change {
            Change::Found(item) => Self::Found(item.into()),
            Change::Deleted(id) => Self::Deleted(id),
            Change::Merged { into, gone } => Self::Merged(wit::Merger { into, gone }),
        }
    }
}

impl From<Page> for wit::Page {
    fn from(page: Page) -> Self {
        let text = |value: Value| value.to_string();
        Self {
            changes: page.changes.into_iter().map(Into::into).collect(),
            next: page.next.map(text),
            mark: page.mark,
            state: page.state.map(text),
            total: page.total,
            pause_ms: page.pause_ms,
        }
    }
}

impl From<Written> for wit::Written {
    fn from(written: Written) -> Self {
        match written {
            Written::Done { id, modified_at, created, url } => Self::Done(wit::Done { id, modified_at, created, url }),
            Written::Gone => Self::Gone,
            Written::Skipped { reason } => Self::Skipped(reason),
            Written::Refused { message, field } => Self::Refused(wit::Refusal { message, field }),
        }
    }
}
