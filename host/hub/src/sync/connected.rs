//! What other credentials mean for the syncs of a plugin.

use patchbay_model::{Failure, PluginId};
use patchbay_storage::OrgTx;

use crate::hub::Inner;

/// Whose data the vendor shows from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The same as before, as far as is known.
    Same,
    /// Another one's.
    Another,
}

impl Inner {
    /// Has the syncs of a plugin look again soon, in the transaction that gives it other credentials or switches it on: one that
    /// had come to a halt for lack of them need not wait for its next time. With the credentials of another account they are switched off:
    /// its ids are those of other things, and what is not there would be taken for deleted. Whoever wants to go on with the new
    /// account removes the plugin and installs it anew.
    pub(crate) async fn resume_syncs(
        &self,
        ours: &mut OrgTx<'_>,
        plugin: &PluginId,
        account: Account,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        for state in ours.syncs().list(Some(plugin)).await? {
            match account {
                Account::Another => {
                    tracing::warn!(plugin.id = %plugin, object = %state.object, "a sync is switched off: another account is connected");
                    ours.syncs().disable(plugin, state.object, now).await?;
                }
                Account::Same if state.next_due_at.is_some_and(|at| at > now) => {
                    ours.syncs().postpone(plugin, state.object, now).await?;
                }
                Account::Same => {}
            }
        }
        Ok(())
    }
}
