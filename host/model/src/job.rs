//! Durable background work.
//!
//! A job is done step by step. A step's effects and what becomes of the job are one transaction, so a step that a crash
//! interrupts has had no effect, and one whose effects are stored is not done again.

use serde::{Deserialize, Serialize};

use crate::{
    ApiKeyId, EventId, JobId, OrgId, Permissions, PluginId, RunId, ScheduleId, Timestamp, identity::Actor,
    object::StandardObject,
};

/// The largest payload, cursor or result of a job, in bytes of JSON text.
pub const MOST_BYTES: usize = 256 << 10;

/// The longest key of a job, in bytes.
pub const MOST_KEY_BYTES: usize = 256;

/// Tries of a step before a job is failed, if its kind says nothing.
pub const ATTEMPTS: u32 = 8;

/// The most tries that a kind of job may ask for.
pub const MOST_ATTEMPTS: u32 = 100;

/// The furthest in the future that a job can be put off, in milliseconds: a year.
pub const MOST_DELAY_MS: u64 = 366 * 24 * 3_600_000;

/// The type of the event that is published when an action that somebody called as a job has succeeded.
pub const COMPLETED: &str = "job.completed";

/// The type of the event that is published when a job has failed for good. Not for a job that took an event in: a plugin that
/// takes this event in and fails would go round in a circle.
pub const FAILED: &str = "job.failed";

words! {
    /// How far a job has come.
    JobStatus {
        /// It waits for its turn, for its time, or for the next try.
        Queued = "queued",
        /// A step of it is being done.
        Running = "running",
        /// It has ended well.
        Done = "done",
        /// Its tries are used up, or no other try would help: it waits for somebody who has it done once more.
        Failed = "failed",
        /// Somebody did not want it any more.
        Cancelled = "cancelled",
    }
}

words! {
    /// What does a job.
    JobKind {
        /// A plugin's own task, by its export `tasks.step`.
        Task = "task",
        /// A call of an action that nobody waits for.
        Action = "action",
        /// An event that a plugin takes in, by its export `subscriptions.on-event`.
        Event = "event",
        /// The hub itself.
        Host = "host",
        /// What keeps a standard object alike here and at a plugin's vendor, by its export `syncs`.
        Sync = "sync",
    }
}

impl JobStatus {
    /// True if nothing more becomes of it by itself.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Which of an organization's waiting jobs of one plugin goes first. It says nothing between organizations or plugins:
/// those take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody waits for it.
    High,
    /// What is not said otherwise.
    #[default]
    Normal,
    /// Whenever there is room.
    Low,
}

impl Priority {
    /// All that there are, the first first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Its place: 0 goes first.
    #[must_use]
    pub const fn rank(self) -> i16 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }
}

/// In whose name an action is called that nobody waits for: as they were when they asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCaller {
    /// Who.
    pub actor: Actor,
    /// What they were allowed.
    pub permissions: Permissions,
    /// The API key whose spend budgets they spend of.
    pub spends_as: Option<ApiKeyId>,
}

/// A job to do.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What does it.
    pub kind: JobKind,
    /// Which plugin's it is; none for the hub's own.
    pub plugin: Option<PluginId>,
    /// Which of its kind: a task's kind, an action's name, an event's type, a sync's object, the name of what in the hub does
    /// it.
    pub name: String,
    /// What it is made with: JSON text of at most [`MOST_BYTES`].
    pub payload: String,
    /// In whose name; only for actions.
    pub caller: Option<JobCaller>,
    /// Which goes first.
    pub priority: Priority,
    /// Tries of one step.
    pub attempts: u32,
    /// How long one step may take, in milliseconds, if less than the plugin's own limit.
    pub timeout_ms: Option<u32>,
    /// At most so many of this plugin and name run at once for the organization.
    pub concurrency: Option<u32>,
    /// While a job of the organization, plugin and name with this key waits or runs, this one is not made.
    pub key: Option<String>,
    /// Not before.
    pub due_at: Timestamp,
    /// What made it.
    pub schedule: Option<Tick>,
    /// How many events led to it, one after the other; what it publishes has as many, so that work which plugins make for each
    /// other by events and jobs comes to an end.
    pub hops: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A time for which a schedule makes a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Which schedule.
    pub schedule: ScheduleId,
    /// For which time; a schedule makes one job for each.
    pub at: Timestamp,
}

impl NewJob {
    fn new(id: JobId, kind: JobKind, plugin: Option<PluginId>, name: String, payload: String, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            plugin,
            name,
            payload,
            caller: None,
            priority: Priority::Normal,
            attempts: ATTEMPTS,
            timeout_ms: None,
            concurrency: None,
            key: None,
            due_at: now,
            schedule: None,
            hops: 0,
            created_at: now,
        }
    }

    /// A plugin's task.
    #[must_use]
    pub fn task(id: JobId, plugin: PluginId, kind: String, payload: String, now: Timestamp) -> Self {
        Self::new(id, JobKind::Task, Some(plugin), kind, payload, now)
    }

    /// A call of an action with this input.
    #[must_use]
    pub fn action(
        id: JobId,
        plugin: PluginId,
        action: String,
        input: String,
        caller: JobCaller,
        now: Timestamp,
    ) -> Self {
        let job = Self::new(id, JobKind::Action, Some(plugin), action, input, now);
        Self { caller: Some(caller), priority: Priority::High, ..job }
    }

    /// An event for a plugin that takes its type in. Enqueue it in the transaction that advances the reader's cursor: the
    /// job is then made once; its key is the event besides. The plugin may see the event twice. What the plugin does about it
    /// comes after one event more than the event itself.
    #[must_use]
    pub fn event(id: JobId, plugin: PluginId, event: EventId, kind: String, hops: u32, now: Timestamp) -> Self {
        let job = Self::new(id, JobKind::Event, Some(plugin), kind, format!("\"{event}\""), now);
        Self { key: Some(event.to_string()), hops: hops.saturating_add(1), ..job }
    }

    /// Work of the hub itself, which whatever is registered under this name does.
    #[must_use]
    pub fn host(id: JobId, name: String, payload: String, now: Timestamp) -> Self {
        Self::new(id, JobKind::Host, None, name, payload, now)
    }

    /// What drives a plugin's sync of an object: what is to be done it reads from the database, step by step. Its key is the
    /// object, so that at most one waits or runs.
    #[must_use]
    pub fn sync(id: JobId, plugin: PluginId, object: StandardObject, hops: u32, now: Timestamp) -> Self {
        let name = object.as_str().to_owned();
        let job = Self::new(id, JobKind::Sync, Some(plugin), name.clone(), "{}".to_owned(), now);
        Self { key: Some(name), hops, ..job }
    }
}

/// A job and what has become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub org: OrgId,
    /// What does it.
    pub kind: JobKind,
    /// Which plugin's it is; none for the hub's own.
    pub plugin: Option<PluginId>,
    /// Which of its kind: see [`NewJob::name`].
    pub name: String,
    /// How far it has come.
    pub status: JobStatus,
    /// What it was made with: JSON text.
    pub payload: String,
    /// In whose name, for actions.
    pub caller: Option<JobCaller>,
    /// Where the next step goes on: JSON text.
    pub cursor: Option<String>,
    /// How far it has come, in per mille, if that is known.
    pub progress: Option<u32>,
    /// What it gave: JSON text.
    pub result: Option<String>,
    /// Why the last try failed: the code, and what a caller may be told.
    pub error: Option<(String, String)>,
    /// Tries of the present step, or of the last one.
    pub attempts: u32,
    /// Tries that a step has.
    pub most_attempts: u32,
    /// How long one step may take, in milliseconds, if less than the plugin's own limit.
    pub timeout_ms: Option<u32>,
    /// Its key; see [`NewJob::key`].
    pub key: Option<String>,
    /// What made it, if a schedule did.
    pub schedule: Option<Tick>,
    /// How many events led to it; see [`NewJob::hops`].
    pub hops: u32,
    /// The last call into the plugin for it.
    pub run: Option<RunId>,
    /// How often somebody had it done once more after it had failed.
    pub redriven: u32,
    /// Somebody asked that it ends.
    pub is_unwanted: bool,
    /// When its next step is due, while it waits.
    pub due_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the first of its steps began whose end is known.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_spelled_alike_in_the_database_and_in_json() {
        for status in JobStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for kind in JobKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn of_one_sync_one_job_waits() {
        let at = Timestamp::UNIX_EPOCH;
        let job = NewJob::sync(JobId(uuid::Uuid::nil()), "demo".parse().unwrap(), StandardObject::Contact, 2, at);
        assert_eq!((job.kind, job.name.as_str(), job.key.as_deref()), (JobKind::Sync, "contact", Some("contact")));
        assert_eq!((job.payload.as_str(), job.hops), ("{}", 2));
    }

    #[test]
    fn priorities_go_in_the_order_of_their_ranks() {
        let ranks = Priority::ALL.map(Priority::rank);
        assert_eq!(ranks, [0, 1, 2]);
    }
}
