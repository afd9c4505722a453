//! A hub under load that is killed again and again: what it has acknowledged is done, done once, and delivered.
//!
//! A round is asked for things of four kinds ([`load`]) and ends with a `SIGKILL` after so many acknowledgements, a number that
//! a seeded generator gives: a crash comes in the middle of whatever the hub was at. After the last round it is waited until
//! nothing is left to do, and then the receiver's ledger, the event log, the lists of webhooks and jobs, and the documents
//! that the work left behind are compared with each other ([`books`]).
//!
//! `PATCHBAY_CRASH_ROUNDS` says how many rounds there are, and `PATCHBAY_CRASH_SEED` repeats the choices of another time (not its
//! timing). Rejected: to kill after a random time, which on a fast machine is after the load and on a slow one before it.

mod books;
mod load;
mod scene;
mod witness;

use std::{io::Write as _, time::Instant};

use patchbay_model::{Random as _, SystemRandom};

use load::{Dice, Ledger};
use scene::Scene;

/// Rounds of an ordinary run of all tests.
const ROUNDS: u64 = 5;

/// A whole number of the environment.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, and can be a whole number")))
}

fn any_seed() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    // as many digits as one likes to type
    u64::from_le_bytes(bytes) % 1_000_000
}

/// Not by a macro, whose text is shown of failed tests only.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub async fn what_a_hub_has_acknowledged_is_done_once_and_delivered_however_often_it_is_killed() {
    let rounds = number("PATCHBAY_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("PATCHBAY_CRASH_SEED").unwrap_or_else(any_seed);
    let begun = Instant::now();
    let mut scene = Scene::start().await;
    say(&format!("crash loop on {}: {rounds} rounds, PATCHBAY_CRASH_SEED={seed}", scene.database));
    let (dice, mut ledger) = (Dice::new(seed), Ledger::default());
    for round in 1..=rounds {
        scene.round(round, &dice, &mut ledger).await;
    }
    scene.send_again(&mut ledger).await;
    let killed_in = begun.elapsed();
    let witness = scene.nothing_is_left().await;
    let (found, done_in) = (books::check(&scene, &ledger, &witness).await, begun.elapsed());
    let on = scene.database;
    say(&format!("crash loop on {on}: {rounds} kills in {killed_in:.0?}, nothing left after {done_in:.0?}\n{found}"));
}
