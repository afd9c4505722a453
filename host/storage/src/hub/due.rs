//! What is due, of all orgs: who takes it up is told which it is, and reads what is in it in its own org.

use patchbay_model::{JobId, OrgId, PluginId, RevocationId, Timestamp, oauth::DueTokens, object::StandardObject};
use uuid::Uuid;

use crate::{
    ClaimJobs, Claims, DueSchedule, DueWebhook, ExportToSettle, Held, HubTx, LaneKey, StorageError, billing,
    cached_answer, delivery, export, job, oauth, relay, schedule, sync, webhook,
};

impl HubTx<'_> {
    /// Pending webhooks whose time has come, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_webhooks(&mut self, now: Timestamp, limit: u32) -> Result<Vec<DueWebhook>, StorageError> {
        self.due_webhooks_after(None, now, limit).await
    }

    /// As [`HubTx::due_webhooks`], of those that come after one: the last that was seen.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_webhooks_after(
        &mut self,
        after: Option<&DueWebhook>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueWebhook>, StorageError> {
        webhook::due(self.tx, after, now, limit).await
    }

    /// Takes up jobs whose time has come, those of the lanes whose turn it is: see [`crate::ClaimJobs`].
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_jobs(&mut self, wish: &ClaimJobs) -> Result<Claims, StorageError> {
        job::claim::claim(self.tx, wish).await
    }

    /// Holds jobs for longer that are being worked on, and gives those that somebody does not want any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn prolong_jobs(&mut self, held: &[Held], until: Timestamp) -> Result<Vec<JobId>, StorageError> {
        job::hold::prolong(self.tx, held, until).await
    }

    /// When there may be a job to take up next.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_job_at(&mut self) -> Result<Option<Timestamp>, StorageError> {
        job::hold::next_at(self.tx).await
    }

    /// Lets go of all jobs that are held, and gives their number. Only for a hub that has its database to itself and begins.
    ///
    /// # Errors
    /// The database fails.
    pub async fn let_go_of_jobs(&mut self, now: Timestamp) -> Result<u64, StorageError> {
        job::hold::let_go(self.tx, now).await
    }

    /// Orgs after one that pay for something, or did, in order of id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn billed_orgs(&mut self, after_id: Option<OrgId>, limit: u32) -> Result<Vec<OrgId>, StorageError> {
        billing::billed_orgs(self.tx, after_id, limit).await
    }

    /// At most `limit` exports that somebody has to look after: open ones whose job is gone, or whose command has not gone
    /// on since `left_since`, and those whose file's time is over.
    ///
    /// # Errors
    /// The database fails.
    pub async fn exports_to_settle(
        &mut self,
        now: Timestamp,
        left_since: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExportToSettle>, StorageError> {
        export::to_settle(self.tx, now, left_since, limit).await
    }

    /// At most `limit` orgs of which answers have expired that were kept.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orgs_with_expired_answers(&mut self, now: Timestamp, limit: u32) -> Result<Vec<OrgId>, StorageError> {
        cached_answer::orgs_with_expired(self.tx, now, limit).await
    }

    /// How many jobs wait or run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn job_backlog(&mut self) -> Result<u64, StorageError> {
        job::hold::backlog(self.tx).await
    }

    /// Schedules whose time has come, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_schedules(&mut self, now: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StorageError> {
        schedule::due(self.tx, now, limit).await
    }

    /// When the first schedule is due.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_schedule_at(&mut self) -> Result<Option<Timestamp>, StorageError> {
        schedule::next_at(self.tx).await
    }

    /// Syncs whose next run is due, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_syncs(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(OrgId, PluginId, StandardObject)>, StorageError> {
        sync::due(self.tx, now, limit).await
    }

    /// When the first sync is due.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_sync_at(&mut self) -> Result<Option<Timestamp>, StorageError> {
        sync::next_at(self.tx).await
    }

    /// Orgs that have events which were not handed on to whom they concern, at most so many.
    ///
    /// # Errors
    /// The database fails.
    pub async fn relays_behind(&mut self, limit: u32) -> Result<Vec<OrgId>, StorageError> {
        relay::behind(self.tx, limit).await
    }

    /// Lanes that are to be looked at and that no other hub holds, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_lanes(&mut self, now: Timestamp, node: Uuid, limit: u32) -> Result<Vec<LaneKey>, StorageError> {
        delivery::due_lanes(self.tx, now, node, limit).await
    }

    /// Lanes of endpoints that were deleted, of which something may be left.
    ///
    /// # Errors
    /// The database fails.
    pub async fn gone_lanes(&mut self, limit: u32) -> Result<Vec<LaneKey>, StorageError> {
        delivery::gone_lanes(self.tx, limit).await
    }

    /// Tokens whose time to be renewed has come and that nobody looks after, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_oauth_tokens(&mut self, now: Timestamp, limit: u32) -> Result<Vec<DueTokens>, StorageError> {
        oauth::token::due(self.tx, now, limit).await
    }

    /// Revocations whose time has come, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_oauth_revocations(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(OrgId, RevocationId)>, StorageError> {
        oauth::revocation::due(self.tx, now, limit).await
    }
}
