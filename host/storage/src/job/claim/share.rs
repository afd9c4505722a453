//! How many jobs each lane is given of those that one claim takes up.

use uuid::Uuid;

/// A lane that is to be served: its org, its name, how many more of it may run, and before when nothing of each rank is due that
/// waits in it.
pub(super) type LaneRow = (Uuid, String, i64, i64, i64, i64);

/// A lane whose turn it is.
pub(super) struct Lane {
    pub(super) org: Uuid,
    pub(super) name: String,
    /// How many more of it may run.
    pub(super) room: i64,
    /// Nothing that waits in it is due before, by rank. Zero where nobody remembers.
    pub(super) from: [i64; 3],
    /// How many it is given.
    pub(super) share: i64,
    pub(super) taken: i64,
}

/// What is known of a lane once it was served, so that it is not looked at in vain.
#[derive(Clone, Copy)]
pub(super) enum After {
    /// There may be more.
    MoreToDo = 0,
    /// It has nothing that is due: it wakes with the first that will be.
    Drained = 1,
    /// As many run as may: it wakes with the first that ends.
    Full = 2,
}

impl Lane {
    pub(super) fn after(&self) -> After {
        match self {
            _ if self.taken < self.share => After::Drained,
            _ if self.taken >= self.room => After::Full,
            _ => After::MoreToDo,
        }
    }
}

/// Before when nothing is due that waits, of all lanes, by rank.
pub(super) fn from_each(lanes: &[Lane]) -> [Vec<i64>; 3] {
    let mut each: [Vec<i64>; 3] = Default::default();
    for lane in lanes {
        for (rank, from) in each.iter_mut().zip(lane.from) {
            rank.push(from);
        }
    }
    each
}

/// Each lane gets the same, as far as it has room for it; what is left over goes to the first.
pub(super) fn shared_out(rows: Vec<LaneRow>, limit: i64) -> Vec<Lane> {
    let lane = |(org, name, room, high, normal, low): LaneRow| {
        let from = [high, normal, low];
        Lane { org, name, room: room.max(0), from, share: 0, taken: 0 }
    };
    let mut lanes: Vec<Lane> = rows.into_iter().map(lane).collect();
    // Beyond the limit there is nothing to give: those lanes keep their turn.
    lanes.truncate(usize::try_from(limit).unwrap_or(usize::MAX).max(1));
    let mut left = limit;
    loop {
        let hungry = lanes.iter().filter(|lane| lane.share < lane.room).count();
        let each = i64::try_from(hungry).ok().and_then(|hungry| left.checked_div(hungry)).unwrap_or(0);
        if each == 0 {
            break;
        }
        for lane in &mut lanes {
            let more = each.min(lane.room - lane.share);
            lane.share += more;
            left -= more;
        }
    }
    for lane in lanes.iter_mut().filter(|lane| lane.share < lane.room) {
        if left == 0 {
            break;
        }
        lane.share += 1;
        left -= 1;
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(rooms: &[i64], limit: i64) -> Vec<i64> {
        let row = |(index, room): (usize, &i64)| (Uuid::from_u128(index as u128), String::new(), *room, 0, 0, 0);
        let rows = rooms.iter().enumerate().map(row);
        shared_out(rows.collect(), limit).iter().map(|lane| lane.share).collect()
    }

    #[test]
    fn lanes_get_the_same_as_far_as_they_have_room() {
        assert_eq!(shares(&[10, 10], 10), [5, 5]);
        assert_eq!(shares(&[2, 10, 10], 12), [2, 5, 5]);
        assert_eq!(shares(&[10, 0], 4), [4, 0]);
        assert_eq!(shares(&[10, 10, 10], 4), [2, 1, 1]);
        assert_eq!(shares(&[1, 1], 10), [1, 1]);
    }

    #[test]
    fn lanes_that_nothing_is_left_for_keep_their_turn() {
        assert_eq!(shares(&[10; 5], 2), [1, 1]);
    }
}
