//! PostgreSQL, which keeps orgs apart itself: a query that forgets its org gets no other org's rows.
//!
//! The hub connects with the one URL of its configuration. Its user owns the tables and migrates them, and to serve
//! it steps down: each connection does `SET ROLE patchbay_app`, a role without login that owns nothing, is no
//! superuser, and cannot pass row-level security; each transaction steps down anew, to the role of its [`Scope`],
//! in the same trip to the server that begins it. The roles are made, if they are missing, when the database is opened.
//! All of this is checked before anything is served ([`crate::rls`]); a database that would not hold is refused.
//!
//! Who wants the serving process to hold no more than that: run `patchbay db migrate` with the owner's URL, and give
//! the hub the URL of a user that was granted three roles and nothing else (`GRANT patchbay_app, patchbay_hub,
//! patchbay_journal TO hub`). It is the same program: a user that may not create tables only checks that no migration
//! is missing. Rejected: two URLs in the configuration, because a serving process that has both has the owner's.
//!
//! The questions that concern all orgs have a door of their own, the role `patchbay_hub`, with a policy for each table
//! and command, and rights on columns. Rejected: `SECURITY DEFINER` functions. Under FORCE their owner needs the same
//! policies, so they would be a second list beside the first, and the SQL of a question would be far from its code. A
//! role is read off `pg_policies` in one look.
//!
//! The journal commits runs of many orgs in one transaction, for which it has the role `patchbay_journal`. Its policies
//! name the orgs of the batch (`app.org_ids`) and not one org, and its rights are those of its statements. Rejected:
//! a group of statements per org between changes of `app.org_id`, all in one transaction. It was measured on one row
//! per org: 34 ms for 64 orgs and 101 ms for 256, where one statement took 4 ms and 11 ms; the locks of a batch would be
//! held for as long, and each trip over a network added to it.
//!
//! What only operators do (wrapping data keys anew, removing an org) has the role `patchbay_operator`, which speaks for
//! one org like `patchbay_app`. A serving user need not have it: then nobody who takes over the process can write over
//! a key. Rejected: these rights for `patchbay_app`, which every call runs under.
//!
//! Roles are the cluster's. If other databases share it, `REVOKE CONNECT ON DATABASE … FROM PUBLIC`: who may connect
//! and was granted the roles for his own database has them here as well. FORCE holds for the owner too, so `pg_dump`
//! needs a superuser or a role with BYPASSRLS.

mod connect;
mod patience;
mod roles;
#[cfg(test)]
mod tests;
mod tx;

pub(crate) use connect::{Server, connect};
pub(crate) use patience::{Patience, answered, late};
pub(crate) use tx::{PgTx, Scope};
