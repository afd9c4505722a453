//! How the simulator is told to misbehave.

use std::collections::VecDeque;

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 429 or a 5xx before anything is done.
    Status(u16),
    /// The connection is cut before anything is done.
    CutBefore,
    /// It is done, and the connection is cut before the answer.
    CutAfter,
}

/// Which requests fail next.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// For requests whose path holds this.
    queued: VecDeque<(String, Fault)>,
    random: Option<Random>,
}

#[derive(Debug)]
struct Random {
    state: u64,
    per_mille: u64,
}

const ALL: [Fault; 6] =
    [Fault::Status(429), Fault::Status(500), Fault::Status(503), Fault::CutBefore, Fault::CutAfter, Fault::CutAfter];

impl Faults {
    pub(super) fn queue(&mut self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.queued.extend(faults.into_iter().map(|fault| (path.to_owned(), fault)));
    }

    pub(super) fn at_random(&mut self, seed: u64, per_mille: u64) {
        self.random = (per_mille > 0).then_some(Random { state: seed | 1, per_mille });
    }

    /// How a request fails; none if it is to be served.
    pub(super) fn next(&mut self, method: &str, path: &str) -> Option<Fault> {
        let asked = format!("{method} {path}");
        if let Some(at) = self.queued.iter().position(|(part, _)| asked.contains(part.as_str())) {
            return self.queued.remove(at).map(|(_, fault)| fault);
        }
        let random = self.random.as_mut()?;
        // xorshift64*: the same seed, the same faults
        random.state ^= random.state >> 12;
        random.state ^= random.state << 25;
        random.state ^= random.state >> 27;
        let number = random.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16;
        let chosen = usize::try_from(number / 1000 % ALL.len() as u64).unwrap_or(0);
        (number % 1000 < random.per_mille).then(|| ALL[chosen])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_faults_are_for_their_paths_and_random_ones_come_as_often_as_asked_for() {
        let mut faults = Faults::default();
        faults.queue("POST /x", [Fault::Status(500)]);
        assert_eq!((faults.next("GET", "/x"), faults.next("POST", "/x")), (None, Some(Fault::Status(500))));
        faults.at_random(7, 200);
        let count = (0..10_000).filter(|_| faults.next("GET", "/x").is_some()).count();
        assert!((1_800..2_200).contains(&count), "{count}");
    }
}
