//! What makes jobs by the clock.

use serde::{Deserialize, Serialize};

use crate::{OrgId, PluginId, ScheduleId, Timestamp, job::JobCaller};

/// What a schedule does with times that passed while no hub ran. Times that passed while it, or its plugin, was switched off are
/// not made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Nothing is made up for.
    Skip,
    /// One job for all of them, for the last one.
    #[default]
    Once,
    /// A job for each, at most [`MOST_MISSED`]; the oldest beyond those are left out.
    All,
}

impl Missed {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Skip, Self::Once, Self::All];

    /// As text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

/// The most times that are made up for.
pub const MOST_MISSED: usize = 100;

/// What a schedule makes jobs of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A plugin's task, by the kind that its manifest names.
    Task,
    /// An action.
    Action,
}

impl Target {
    /// As text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Action => "action",
        }
    }
}

/// Where a schedule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The plugin's manifest: it comes and goes with the installation, and follows the version that it runs.
    Plugin,
    /// Somebody put it.
    Org,
}

impl Origin {
    /// As text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Org => "org",
        }
    }
}

/// One schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Whose it is.
    pub org: OrgId,
    /// Which plugin's jobs it makes.
    pub plugin: PluginId,
    /// What it is called; unique among an organization's schedules of the plugin.
    pub name: String,
    /// Who said so.
    pub origin: Origin,
    /// Of what it makes jobs.
    pub target: Target,
    /// The task's kind, or the action's name.
    pub target_name: String,
    /// What its jobs are made with: JSON text.
    pub payload: String,
    /// Five fields (minute, hour, day of the month, month, day of the week), or six with seconds first.
    pub cron: String,
    /// The IANA name of the time zone by which the fields are read.
    pub time_zone: String,
    /// A job begins up to so many seconds after its time, at random.
    pub jitter_s: u32,
    /// What becomes of missed times.
    pub missed: Missed,
    /// Switched on.
    pub enabled: bool,
    /// In whose name its actions are called.
    pub caller: Option<JobCaller>,
    /// The next time; none if there is none any more, or while it is switched off.
    pub next_at: Option<Timestamp>,
    /// The last time for which it made a job.
    pub last_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
