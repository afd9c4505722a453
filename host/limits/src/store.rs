//! Counts that several hubs share, in Redis or Valkey.
//!
//! A call waits for it at most [`PATIENCE`]. After one failure it is not asked again by calls: a task beside them asks
//! until it answers. That task also opens the first connection, so that a hub starts without its store.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{
    Client, FromRedisValue, IntoConnectionInfo as _, RedisError, Script, ScriptInvocation,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{sleep, timeout};

use crate::{
    limiter::{Standing, Verdict, Wanted},
    pauses::PauseKey,
};

/// How long a call waits for the store.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the task beside the calls waits: a connection over TLS takes longer than a request.
const CONNECTING: Duration = Duration::from_secs(2);
/// How often that task asks.
const PROBE: Duration = Duration::from_millis(500);
/// How often a store that is down is told of in the log.
const TELL: Duration = Duration::from_secs(60);

/// Where the store is: `redis://`, `rediss://` (TLS), or `redis+unix://`. May hold a password, so it is not shown.
#[derive(Clone)]
pub struct StoreUrl(SecretString);

/// A text that is no store's URL; without what may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a store's URL: give redis://user:password@host:6379, rediss:// for TLS, or redis+unix:///path")]
pub struct InvalidStoreUrl;

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        text.into_connection_info().map_err(|_| InvalidStoreUrl)?;
        Ok(Self(SecretString::from(text)))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl(..)")
    }
}

/// The shared counts.
pub struct Store {
    connection: ConnectionManager,
    gcra: Script,
    pause: Script,
    /// Calls may ask it.
    up: AtomicBool,
    told: Mutex<Option<Instant>>,
    this: Weak<Self>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("up", &self.is_up()).finish_non_exhaustive()
    }
}

impl Store {
    /// Begins to connect. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The URL cannot be used, by its form.
    pub fn open(url: &StoreUrl) -> Result<Arc<Self>, InvalidStoreUrl> {
        let client = Client::open(url.0.expose_secret()).map_err(|_| InvalidStoreUrl)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(CONNECTING))
            .set_number_of_retries(0);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(|_| InvalidStoreUrl)?;
        let store = Arc::new_cyclic(|this| Self {
            connection,
            gcra: Script::new(include_str!("gcra.lua")),
            pause: Script::new(include_str!("pause.lua")),
            up: AtomicBool::new(false),
            told: Mutex::default(),
            this: Weak::clone(this),
        });
        tokio::spawn(ask_until_it_answers(Weak::clone(&store.this)));
        Ok(store)
    }

    /// True while calls ask it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Counts a request against all of these limits or none; nothing if the store does not answer.
    pub(crate) async fn check(&self, wanted: &[Wanted]) -> Option<Verdict> {
        let mut script = self.gcra.prepare_invoke();
        for one in wanted {
            let interval = micros(one.rate.interval());
            script.key(format!("patchbay:rate:{}", one.key));
            script.arg(interval).arg(interval * f64::from(one.rate.requests().get()));
        }
        let figures: Vec<i64> = self.ask(&script).await?;
        let figure = |at: usize| figures.get(at).copied().unwrap_or(0);
        let duration = |micros: i64| Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        if figure(0) < 0 {
            let number = usize::try_from(-figure(0)).unwrap_or(1);
            let by = wanted.get(number.saturating_sub(1))?;
            let wait = duration(figure(1));
            return Some(Verdict::Refused { by: Standing::used_up(by, wait), wait });
        }
        let standings = wanted.iter().enumerate().map(|(index, one)| {
            let remaining = u32::try_from(figure(2 * index)).unwrap_or(0);
            Standing { reset: duration(figure(2 * index + 1)), ..Standing::new(one, remaining) }
        });
        Some(Verdict::Allowed(standings.collect()))
    }

    /// How long a pause lasts still that some hub was asked for; nothing if there is none or the store does not answer.
    pub(crate) async fn pause(&self, key: &PauseKey) -> Option<Duration> {
        let mut command = redis::cmd("PTTL");
        command.arg(pause_key(key));
        let mut connection = self.connection.clone();
        let left: i64 = self.within(command.query_async(&mut connection)).await?;
        u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }

    /// Tells the other hubs of a pause.
    pub(crate) async fn begin_pause(&self, key: &PauseKey, pause: Duration) {
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        if millis > 0 {
            let mut script = self.pause.prepare_invoke();
            script.key(pause_key(key)).arg(millis);
            let _told: Option<i64> = self.ask(&script).await;
        }
    }

    /// Takes pauses back.
    pub(crate) async fn end_pauses(&self, keys: &[PauseKey]) {
        let mut command = redis::cmd("DEL");
        for key in keys {
            command.arg(pause_key(key));
        }
        let mut connection = self.connection.clone();
        let _ended: Option<i64> = self.within(command.query_async(&mut connection)).await;
    }

    async fn ask<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let mut connection = self.connection.clone();
        self.within(script.invoke_async(&mut connection)).await
    }

    async fn within<T>(&self, asking: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        if !self.is_up() {
            return None;
        }
        let error = match timeout(PATIENCE, asking).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => format!("no answer within {} ms", PATIENCE.as_millis()),
        };
        metrics::counter!("patchbay_rate_limit_store_failures_total").increment(1);
        if self.up.swap(false, Ordering::Relaxed) {
            metrics::gauge!("patchbay_rate_limit_store_up").set(0.0);
            self.tell(&error);
            tokio::spawn(ask_until_it_answers(Weak::clone(&self.this)));
        }
        None
    }

    /// Says that the store is down, at most once a minute.
    fn tell(&self, error: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL) {
            *told = Some(Instant::now());
            tracing::warn!(error, "the store of rate limits does not answer: this hub counts for itself");
        }
    }
}

/// Ends once the store answers or is not wanted any more.
async fn ask_until_it_answers(store: Weak<Store>) {
    loop {
        let Some(this) = store.upgrade() else { return };
        let mut connection = this.connection.clone();
        let pong = timeout(CONNECTING, redis::cmd("PING").query_async::<String>(&mut connection)).await;
        let error = match pong {
            Ok(Ok(_)) => {
                metrics::gauge!("patchbay_rate_limit_store_up").set(1.0);
                this.up.store(true, Ordering::Relaxed);
                tracing::info!("the store of rate limits answers");
                return;
            }
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => "no answer".to_owned(),
        };
        this.tell(&error);
        drop((this, connection));
        sleep(PROBE).await;
    }
}

fn pause_key(key: &PauseKey) -> String {
    format!("patchbay:pause:{key}")
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
