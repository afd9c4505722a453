use patchbay_model::{DeliveryId, EndpointId, EventId, OrgId, SeededRandom};
use uuid::Uuid;

use super::*;

fn key() -> LaneKey {
    LaneKey { org: OrgId(Uuid::from_u128(1)), endpoint: EndpointId(Uuid::from_u128(2)) }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn row(sequence: i64, due: i64) -> DueDelivery {
    let id = Uuid::from_u128(u128::from(sequence.unsigned_abs()));
    DueDelivery { lane: key(), sequence, id: DeliveryId(id), event: EventId(id), due_at: at(due), attempts: 0 }
}

fn found(added: u64) -> Found {
    Found { key: key(), added, failures: 0, failing_since: None, paused_until: None }
}

fn lane(options: (bool, Option<&str>), rows: Vec<DueDelivery>) -> Lane {
    let mut lane = Lane::new(key(), at(0));
    let options = (options.0, options.1.map(|rate| rate.parse().unwrap()));
    lane.take_in(&found(1), options, rows, 64, at(0));
    lane
}

fn end(lane: &mut Lane, told: Told, now: i64) -> bool {
    let goes_on = matches!(told, Told::Failed | Told::Throttled(_));
    lane.ended(told, goes_on, at(now), Some(at(now - 432_000)), &SeededRandom::new(1))
}

/// All that can be sent at once, by sequence.
fn burst(lane: &mut Lane, now: i64) -> Vec<i64> {
    std::iter::from_fn(|| lane.next(at(now))).map(|row| row.sequence).collect()
}

fn ending(sequences: &[i64]) -> HashSet<i64> {
    sequences.iter().copied().collect()
}

#[test]
fn what_is_due_is_sent_and_what_will_be_is_waited_for() {
    let mut lane = lane((false, None), vec![row(1, -5), row(2, 0), row(3, 7), row(4, 9)]);
    assert_eq!(burst(&mut lane, 0), [1, 2]);
    assert_eq!(lane.wakes_at(at(0)), Some(at(7)));
    assert_eq!(
        (lane.wakes_at(at(7)), lane.wants_more(at(7))),
        (None, true),
        "then it is wanted, and waited for no more"
    );
    assert!(!lane.wants_more(at(6)) && lane.wants_more(at(7)));
}

#[test]
fn what_is_under_way_is_not_sent_twice_when_more_is_read() {
    let mut lane = lane((false, None), vec![row(1, 0)]);
    assert_eq!(burst(&mut lane, 0), [1]);
    lane.poke();
    lane.take_in(&found(2), (false, None), vec![row(1, 0), row(2, 0)], lane.portion(), at(1));
    assert_eq!(burst(&mut lane, 1), [2]);
}

#[test]
fn a_lane_of_order_sends_one_at_a_time_and_waits_until_its_end_is_written() {
    let mut lane = lane((true, None), vec![row(1, 0), row(2, 0)]);
    assert_eq!(burst(&mut lane, 0), [1]);
    end(&mut lane, Told::Taken, 0);
    assert_eq!(burst(&mut lane, 0), [0_i64; 0], "a crash now would send it again, after the second");
    lane.written(1, false);
    assert_eq!(burst(&mut lane, 0), [2]);
}

#[test]
fn the_first_of_a_lane_of_order_holds_up_the_others_while_it_fails() {
    let mut lane = lane((true, None), vec![row(1, 0), row(2, 0)]);
    assert_eq!(burst(&mut lane, 0), [1]);
    end(&mut lane, Told::Failed, 0);
    lane.written(1, true);
    assert!(lane.wants_more(at(0)));
    lane.take_in(&found(1), (true, None), vec![row(1, 5), row(2, 0)], 64, at(0));
    assert_eq!((burst(&mut lane, 0), lane.wakes_at(at(0))), (vec![], Some(at(5))));
    assert!(lane.wants_more(at(5)));
    lane.take_in(&found(1), (true, None), vec![row(1, 5), row(2, 0)], 64, at(5));
    assert_eq!(burst(&mut lane, 5), [1]);
}

#[test]
fn an_endpoint_that_fails_time_and_again_is_left_alone_and_then_tried_with_one() {
    let rows = (1..=20).map(|sequence| row(sequence, 0)).collect();
    let mut lane = lane((false, None), rows);
    let sent = burst(&mut lane, 0);
    assert_eq!(sent.len(), FIRST_LIMIT);
    for _ in &sent {
        end(&mut lane, Told::Failed, 0);
    }
    sent.iter().for_each(|sequence| lane.written(*sequence, true));
    assert_eq!(burst(&mut lane, 0), [0_i64; 0]);
    let state = lane.take_change(&ending(&[]), at(0)).expect("that it is paused is told others");
    assert_eq!((state.failures, state.failing_since, state.rest), (8, Some(at(0)), None));
    let until = state.paused_until.expect("a pause");
    assert!(!lane.wants_more(at(0)), "and nothing is read for it meanwhile");
    assert_eq!(lane.wakes_at(at(0)), Some(until));
    assert!(lane.wants_more(until));
    let rows = (9..=20).map(|sequence| row(sequence, 0)).collect();
    lane.take_in(&found(1), (false, None), rows, 64, until);
    assert_eq!(lane.next(until).map(|row| row.sequence), Some(9));
    assert_eq!(lane.next(until), None, "one probe");
    lane.ended(Told::Taken, false, until, None, &SeededRandom::new(1));
    assert!(lane.next(until).is_some(), "it works again");
}

#[test]
fn a_rate_lets_its_number_go_at_once_and_then_one_after_each_interval() {
    let rows = (1..=5).map(|sequence| row(sequence, 0)).collect();
    let mut lane = lane((false, Some("2/10s")), rows);
    assert_eq!(burst(&mut lane, 0), [1, 2]);
    assert_eq!(lane.wakes_at(at(0)), Some(at(5)));
    assert_eq!(burst(&mut lane, 4), [0_i64; 0]);
    assert_eq!(burst(&mut lane, 5), [3]);
    assert_eq!(burst(&mut lane, 30), [4, 5]);
}

#[test]
fn a_lane_rests_when_all_is_written_and_nothing_was_queued_meanwhile() {
    let mut lane = lane((false, None), vec![row(1, 0)]);
    assert_eq!(burst(&mut lane, 0), [1]);
    assert_eq!(lane.take_change(&ending(&[]), at(0)), None, "it is under way");
    end(&mut lane, Told::Taken, 0);
    let state = lane.take_change(&ending(&[1]), at(0)).expect("it rests with what ends");
    assert_eq!(state.rest, Some((1, None)));
    lane.written(1, false);
    lane.was_written(&state, false);
    assert!(lane.wants_more(at(0)), "something was queued since it was counted");
    lane.take_in(&found(2), (false, None), vec![], 64, at(0));
    let state = lane.take_change(&ending(&[]), at(0)).unwrap();
    lane.was_written(&state, true);
    assert!(lane.is_resting() && lane.take_change(&ending(&[]), at(0)).is_none());
    lane.poke();
    assert!(lane.wants_more(at(0)));
}

#[test]
fn an_endpoint_that_nothing_has_reached_for_days_is_told_of() {
    let mut lane = lane((false, None), vec![row(1, 0), row(2, 0), row(3, 0), row(4, 0)]);
    assert_eq!(burst(&mut lane, 0).len(), 4);
    assert!(!end(&mut lane, Told::Failed, 0));
    assert!(!end(&mut lane, Told::Failed, 431_999));
    assert!(end(&mut lane, Told::Failed, 432_000));
    assert!(!end(&mut lane, Told::Taken, 432_001));
}

#[test]
fn one_that_has_too_much_to_do_is_left_alone_for_as_long_as_it_asks() {
    let mut lane = lane((false, None), vec![row(1, 0), row(2, 0)]);
    assert_eq!(lane.next(at(0)).map(|row| row.sequence), Some(1));
    end(&mut lane, Told::Throttled(at(60)), 0);
    assert_eq!((lane.next(at(59)), lane.wakes_at(at(0))), (None, Some(at(60))));
}

#[test]
fn a_lane_whose_time_has_come_is_looked_at_once_and_read() {
    let mut state = super::super::State::default();
    state.lanes.insert(key(), lane((false, None), vec![row(1, 7)]));
    state.note(key(), at(0));
    assert_eq!((state.timers.len(), state.hungry.len()), (1, 0));
    state.ring(at(8));
    assert_eq!((state.timers.len(), state.hungry.len()), (0, 1));
}

#[test]
fn what_it_takes_meanwhile_does_not_end_a_pause_that_an_endpoint_asked_for() {
    let mut lane = lane((false, None), vec![row(1, 0), row(2, 0), row(3, 0)]);
    assert!(lane.next(at(0)).is_some() && lane.next(at(0)).is_some());
    end(&mut lane, Told::Throttled(at(60)), 0);
    end(&mut lane, Told::Taken, 1);
    assert_eq!((lane.next(at(59)), lane.wakes_at(at(1))), (None, Some(at(60))));
    assert!(!lane.wants_more(at(59)) && lane.wants_more(at(60)));
}

#[test]
fn an_endpoint_that_was_switched_on_begins_anew_in_the_middle_of_a_pause() {
    let mut lane = lane((false, None), vec![row(1, 0), row(2, 0)]);
    assert!(lane.next(at(0)).is_some());
    end(&mut lane, Told::Throttled(at(86_400)), 0);
    lane.written(1, true);
    assert!(!lane.wants_more(at(1)));
    lane.endpoint_changed();
    assert!(lane.wants_more(at(1)));
    lane.begin_reading();
    lane.take_in(&found(2), (false, None), vec![row(1, 0), row(2, 0)], lane.portion(), at(1));
    assert_eq!(burst(&mut lane, 1), [1, 2]);
    assert!(!end(&mut lane, Told::Failed, 432_001), "what it failed before does not count");
}

#[test]
fn an_endpoint_that_cannot_be_opened_is_set_aside_although_it_changed() {
    let mut lane = lane((false, None), vec![]);
    lane.endpoint_changed();
    lane.set_aside(at(30));
    assert!(!lane.wants_more(at(29)) && lane.wants_more(at(30)));
}

#[test]
fn what_changes_while_the_database_is_asked_is_read_once_more() {
    let mut lane = lane((false, None), vec![]);
    lane.endpoint_changed();
    lane.begin_reading();
    lane.endpoint_changed();
    let paused = Found { paused_until: Some(at(600)), ..found(1) };
    lane.take_in(&paused, (false, None), vec![], 64, at(1));
    assert!(lane.wants_more(at(1)), "it may have been switched on since");
    lane.begin_reading();
    lane.take_in(&found(2), (false, None), vec![], 64, at(1));
    assert!(!lane.wants_more(at(1)) && lane.wakes_at(at(1)).is_none());
}

#[test]
fn what_is_written_down_while_the_database_is_asked_is_not_sent_again() {
    let mut lane = lane((false, None), vec![row(1, 0), row(2, 0)]);
    assert_eq!(burst(&mut lane, 0), [1, 2]);
    lane.begin_reading();
    let _ = (end(&mut lane, Told::Taken, 0), end(&mut lane, Told::Failed, 0));
    lane.written(1, false);
    lane.written(2, true);
    lane.take_in(&found(3), (false, None), vec![row(1, 0), row(2, 0), row(3, 0)], lane.portion(), at(0));
    assert_eq!(burst(&mut lane, 0), [3]);
    assert!(lane.wants_more(at(0)), "when the second is due again is not known yet");
    lane.begin_reading();
    lane.take_in(&found(3), (false, None), vec![row(3, 0), row(2, 5)], lane.portion(), at(0));
    assert_eq!((burst(&mut lane, 0), lane.wakes_at(at(0))), (vec![], Some(at(5))));
}

#[test]
fn what_was_first_in_a_lane_of_order_is_looked_at_once_more_if_it_ended_meanwhile() {
    let mut lane = lane((true, None), vec![row(1, 0)]);
    assert_eq!(burst(&mut lane, 0), [1]);
    lane.begin_reading();
    let _ = end(&mut lane, Told::Taken, 0);
    lane.written(1, false);
    lane.take_in(&found(2), (true, None), vec![row(1, 0), row(2, 0)], lane.portion(), at(0));
    assert_eq!((burst(&mut lane, 0), lane.wants_more(at(0))), (vec![], true));
}

#[test]
fn what_is_queued_while_the_database_is_asked_is_read_once_more() {
    let mut lane = lane((false, None), vec![]);
    lane.begin_reading();
    lane.poke();
    lane.take_in(&found(1), (false, None), vec![], lane.portion(), at(0));
    assert!(lane.wants_more(at(0)));
}

#[test]
fn what_this_hub_queues_itself_is_sent_without_being_read_back() {
    let mut lane = lane((false, None), vec![row(1, 0)]);
    assert!(lane.hand_over(vec![row(2, 0), row(3, 0)], 3, at(0)));
    assert_eq!((burst(&mut lane, 0), lane.wants_more(at(0))), (vec![1, 2, 3], false));
    [1, 2, 3].into_iter().for_each(|sequence| {
        end(&mut lane, Told::Taken, 0);
        lane.written(sequence, false);
    });
    let state = lane.take_change(&ending(&[]), at(0)).expect("it rests");
    assert_eq!(state.rest, Some((3, None)), "up to what was handed over");
}

#[test]
fn what_is_handed_over_to_a_lane_that_does_not_know_all_is_read_in_its_order() {
    let handed_over = |lane: &mut Lane, added| lane.hand_over(vec![row(9, 0)], added, at(0));
    assert!(!handed_over(&mut Lane::new(key(), at(0)), 1), "it was never read");
    assert!(!handed_over(&mut lane((false, None), vec![]), 3), "another hub has queued something");
    let mut poked = lane((false, None), vec![]);
    poked.poke();
    assert!(!handed_over(&mut poked, 2), "something was queued again");
    let mut asked = lane((false, None), vec![]);
    asked.begin_reading();
    assert!(!handed_over(&mut asked, 2), "the database is being asked");
    assert!(!handed_over(&mut lane((true, None), vec![row(1, 5)]), 2), "the first of its order waits");
    assert!(handed_over(&mut lane((false, None), vec![row(1, 5)]), 2), "without an order it holds up nobody");
    let mut paused = lane((false, None), vec![row(1, 0)]);
    assert!(paused.next(at(0)).is_some());
    end(&mut paused, Told::Throttled(at(60)), 0);
    assert!(!handed_over(&mut paused, 2), "it asked for a pause");
}

#[test]
fn a_lane_of_order_sends_what_is_handed_over_after_what_it_has() {
    let mut lane = lane((true, None), vec![row(1, 0)]);
    assert!(lane.hand_over(vec![row(2, 0), row(3, 0)], 3, at(0)));
    for sequence in 1..=3 {
        assert_eq!(burst(&mut lane, 0), [sequence]);
        end(&mut lane, Told::Taken, 0);
        lane.written(sequence, false);
    }
}

#[test]
fn what_is_handed_over_while_a_lane_is_put_to_rest_keeps_it_awake() {
    let mut lane = lane((false, None), vec![]);
    let state = lane.take_change(&ending(&[]), at(0)).expect("it rests");
    assert!(lane.hand_over(vec![row(1, 0)], 2, at(0)));
    lane.was_written(&state, false);
    assert!(!lane.is_resting() && !lane.wants_more(at(0)), "nothing of it has to be read");
    assert_eq!(burst(&mut lane, 0), [1]);
    end(&mut lane, Told::Taken, 0);
    let state = lane.take_change(&ending(&[1]), at(0)).expect("it rests with what ends");
    assert_eq!(state.rest, Some((2, None)));
}

#[test]
fn what_is_behind_one_under_way_is_not_forgotten_when_an_endpoint_begins_to_want_an_order() {
    let mut lane = lane((false, None), vec![row(1, 0)]);
    assert_eq!(burst(&mut lane, 0), [1]);
    lane.endpoint_changed();
    lane.begin_reading();
    lane.take_in(&found(2), (true, None), vec![row(1, 0), row(2, 0)], lane.portion(), at(0));
    assert_eq!((burst(&mut lane, 0), lane.wants_more(at(0))), (vec![], false), "the first is under way");
    end(&mut lane, Told::Taken, 0);
    assert!(lane.take_change(&ending(&[1]), at(0)).is_none_or(|state| state.rest.is_none()));
    lane.written(1, false);
    assert!(lane.wants_more(at(0)));
}
