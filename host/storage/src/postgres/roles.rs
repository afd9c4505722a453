//! The roles that the hub steps down to.

use sqlx::{PgConnection, raw_sql};

use crate::StorageError;

/// How often two hubs that start at once on new databases of one cluster may get in each other's way.
const TRIES: usize = 10;

/// Makes the roles that are missing, and sees to it that this connection's user may become them.
///
/// # Errors
/// `Unsafe` if its user may not make them, with what somebody who may has to do.
pub(super) async fn ensure(connection: &mut PgConnection) -> Result<(), StorageError> {
    let mut tries = 0;
    loop {
        match raw_sql(include_str!("roles.sql")).execute(&mut *connection).await.map_err(StorageError::from) {
            Ok(_) => return Ok(()),
            // Rows of the cluster's catalogue have no queue: who comes second is told so, as an internal error.
            Err(StorageError::Postgres { code, .. }) if code == "XX000" && tries < TRIES => tries += 1,
            Err(StorageError::Postgres { code, .. }) if code == "42501" => {
                return Err(StorageError::Unsafe(
                    "its user can neither make nor become the roles patchbay_app, patchbay_hub and patchbay_journal: \
                     as a superuser, run CREATE ROLE … NOLOGIN for each and for patchbay_operator, and GRANT \
                     patchbay_app, patchbay_hub, patchbay_journal TO the user of the URL"
                        .to_owned(),
                ));
            }
            Err(error) => return Err(error),
        }
    }
}
