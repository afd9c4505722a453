//! The same calls on both databases, and what row-level security costs.

use std::{fmt::Write as _, time::Duration};

use anyhow::Context as _;
use patchbay_test_postgres::TestDatabase;

use crate::{
    Places,
    client::Call,
    hub::{CHAT, Hub},
    latency::batch,
    stats::{Samples, ms},
};

const ROUNDS: usize = 5;
const CALLS: usize = 1_000;

/// With the policies taken off and nothing else changed: roles and settings of each transaction stay.
const WITHOUT: &str = "DISABLE";
const WITH: &str = "ENABLE";

/// Every table of an org.
async fn policies(database: &TestDatabase, verb: &str) {
    let sql = format!(
        "DO $$ DECLARE name text; BEGIN
            FOR name IN SELECT DISTINCT tablename FROM pg_policies WHERE schemaname = 'public' LOOP
                EXECUTE format('ALTER TABLE %I {verb} ROW LEVEL SECURITY', name);
            END LOOP;
        END $$"
    );
    database.execute(&sql).await;
}

/// One kind of call, on SQLite, on PostgreSQL, and there without policies.
struct Row {
    name: &'static str,
    concurrency: usize,
    sqlite: Call,
    postgres: Call,
    samples: [Samples; 3],
}

impl Row {
    fn new(name: &'static str, concurrency: usize, call: impl Fn(&Hub) -> Call, hubs: [&Hub; 2]) -> Self {
        let [sqlite, postgres] = hubs.map(call);
        Self { name, concurrency, sqlite, postgres, samples: <[Samples; 3]>::default() }
    }
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let sqlite = Hub::with_openai(places).await?;
    let database = patchbay_test_postgres::database_that_keeps().await.context("this needs PostgreSQL's programs")?;
    let postgres = Hub::with_openai_on(Some(&database.url()), places).await?;
    let hubs = [&sqlite, &postgres];
    for hub in hubs {
        batch(&hub.action(), 4, 2_000).await?;
    }
    let mut rows = Vec::new();
    for concurrency in [1, 16] {
        rows.push(Row::new("action", concurrency, Hub::action, hubs));
        rows.push(Row::new("proxy", concurrency, |hub| hub.proxied(CHAT), hubs));
        rows.push(Row::new("page of 50 runs", concurrency, Hub::runs, hubs));
    }
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let [on_sqlite, on_postgres, without] = &mut row.samples;
            on_sqlite.extend(batch(&row.sqlite, row.concurrency, CALLS).await?);
            on_postgres.extend(batch(&row.postgres, row.concurrency, CALLS).await?);
            policies(&database, WITHOUT).await;
            // New plans are made first.
            batch(&row.postgres, row.concurrency, 50).await?;
            without.extend(batch(&row.postgres, row.concurrency, CALLS).await?);
            policies(&database, WITH).await;
            batch(&row.postgres, row.concurrency, 50).await?;
        }
    }
    let mut text = format!(
        "Interleaved rounds of {CALLS} calls each. PostgreSQL runs on the same cores, by a socket, with the settings \
         that it has when it is installed (a commit is on the disk). The last column has the policies taken off, and \
         nothing else changed.\n\n\
         | call | concurrency | SQLite p50 / p99 | PostgreSQL p50 / p99 | PostgreSQL without policies p50 / p99 |\n\
         |---|---|---|---|---|\n"
    );
    for Row { name, concurrency, samples, .. } in rows {
        let [sqlite, postgres, without] = samples.map(|samples| percentiles(&samples));
        writeln!(text, "| {name} | {concurrency} | {sqlite} | {postgres} | {without} |")?;
    }
    text.push('\n');
    Ok(text)
}

fn percentiles(samples: &Samples) -> String {
    let [half, most]: [Duration; 2] = [50.0, 99.0].map(|percent| samples.percentile(percent));
    format!("{} / {}", ms(half), ms(most))
}
