//! Courses of a deployment, as tables: what was heard, and what was told.

use super::Heard::{At, Begun, Behind, Ended, GoingBack, Gone, Lost, Precommitted};
use super::*;
use pintail_core::wire::Wait::{Confirm, Turn};
use proptest::prelude::*;

const PASS_TURN: Order = Order::Pass(Turn);
const PASS_CONFIRM: Order = Order::Pass(Confirm);

/// Of which host what was heard, and what was told then.
type Course<'a> = (usize, Heard, &'a [(usize, Order)]);

/// Hears one thing after the other and compares what is told each time.
#[track_caller]
fn course(mut march: March, heard: &[Course<'_>]) -> March {
    for (number, (host, what, told)) in heard.iter().enumerate() {
        assert_eq!(march.heard(*host, *what), *told, "{number}: {what:?} of {host}");
    }
    march
}

fn three(waves: &[usize], max_failed: u32, finishes: bool) -> March {
    let mut march = March::new(&["c", "a", "b"], waves, max_failed, finishes);
    assert_eq!(march.begin(), [(1, Order::Start)]);
    assert_eq!(march.heard(1, Begun), [(0, Order::Start), (2, Order::Start)]);
    assert_eq!(march.heard(0, Begun), []);
    assert_eq!(march.heard(2, Begun), []);
    march
}

const PRECOMMIT: [(usize, Order); 3] = [(0, Order::Precommit), (1, Order::Precommit), (2, Order::Precommit)];
const CONFIRM: [(usize, Order); 3] = [(0, PASS_CONFIRM), (1, PASS_CONFIRM), (2, PASS_CONFIRM)];

/// All three are prepared, and the first wave has got its turn.
fn prepared(waves: &[usize], max_failed: u32, finishes: bool) -> March {
    let turn: Vec<(usize, Order)> = (0..waves[0]).map(|host| (host, PASS_TURN)).collect();
    let march = course(three(waves, max_failed, finishes), &[(2, At(Turn), &[]), (0, At(Turn), &[])]);
    if !finishes {
        return course(march, &[(1, At(Turn), &turn)]);
    }
    course(
        march,
        &[
            (1, At(Turn), &PRECOMMIT),
            (1, Precommitted, &[]),
            (2, Precommitted, &[]),
            (0, Precommitted, &turn),
        ],
    )
}

#[test]
fn waves_and_then_all_are_confirmed() {
    let march = course(
        prepared(&[1, 2], 0, true),
        &[
            (0, At(Confirm), &[(1, PASS_TURN), (2, PASS_TURN)]),
            (2, At(Confirm), &[]),
            (1, At(Confirm), &CONFIRM),
            (1, Ended(true), &[]),
            (0, Ended(true), &[]),
            (2, Ended(true), &[]),
        ],
    );
    assert!(march.is_over());
}

#[test]
fn one_that_can_not_be_prepared_undoes_all_whatever_is_allowed() {
    let march = course(
        three(&[3], 2, true),
        &[
            (0, At(Turn), &[]),
            (2, GoingBack, &[(0, Order::Abort), (1, Order::Abort)]),
            (2, Ended(false), &[]),
            (0, Ended(false), &[]),
        ],
    );
    assert!(!march.is_over());
}

#[test]
fn the_lock_of_the_first_is_taken_before_any_other() {
    let mut march = March::new(&["b", "a"], &[2], 0, true);
    assert_eq!(march.begin(), [(1, Order::Start)]);
    // Somebody else has it: nobody else is told anything.
    assert_eq!(march.heard(1, Ended(false)), []);
    assert!(march.is_over());
}

#[test]
fn more_failures_than_allowed_and_every_switched_host_goes_back() {
    course(
        prepared(&[1, 2], 0, true),
        &[
            (0, At(Confirm), &[(1, PASS_TURN), (2, PASS_TURN)]),
            (1, At(Confirm), &[]),
            (2, GoingBack, &[(0, Order::Abort), (1, Order::Abort)]),
        ],
    );
    // One is allowed: the others go on without it.
    course(
        prepared(&[1, 2], 1, true),
        &[
            (0, At(Confirm), &[(1, PASS_TURN), (2, PASS_TURN)]),
            (2, GoingBack, &[]),
            (2, Ended(false), &[]),
            (1, At(Confirm), &[(0, PASS_CONFIRM), (1, PASS_CONFIRM)]),
        ],
    );
}

#[test]
fn a_lost_host_is_expected_to_do_as_its_policy_says() {
    // It goes on by itself, so the others do.
    course(
        prepared(&[3], 0, true),
        &[(0, At(Confirm), &[]), (2, Lost, &[]), (1, At(Confirm), &[(0, PASS_CONFIRM), (1, PASS_CONFIRM)])],
    );
    // Found again, it tells that it went back after all: so the others do.
    course(
        prepared(&[3], 0, true),
        &[
            (0, At(Confirm), &[]),
            (2, Lost, &[]),
            (2, Begun, &[]),
            (2, GoingBack, &[(0, Order::Abort), (1, Order::Abort)]),
        ],
    );
    // It goes back by itself, so the others do.
    course(
        prepared(&[3], 0, false),
        &[(0, At(Confirm), &[]), (2, Lost, &[(0, Order::Abort), (1, Order::Abort)])],
    );
    // Nothing is visible yet: it goes back whatever the policy is.
    course(three(&[3], 0, true), &[(0, At(Turn), &[]), (2, Lost, &[(0, Order::Abort), (1, Order::Abort)])]);
}

#[test]
fn nobody_gets_a_turn_before_all_agree_to_go_on() {
    let asked = || {
        course(
            three(&[3], 2, true),
            &[
                (2, At(Turn), &[]),
                (0, At(Turn), &[]),
                (1, At(Turn), &PRECOMMIT),
                (0, Precommitted, &[]),
                (1, Precommitted, &[]),
                // Without an answer: nobody knows what it does.
                (2, Lost, &[]),
            ],
        )
    };
    let back = [(0, Order::Abort), (1, Order::Abort)];
    // It can't be asked again, and nothing is visible yet, whatever is allowed behind the first turn.
    course(asked(), &[(2, Gone, &back)]);
    course(asked(), &[(2, GoingBack, &back)]);
    // Found again, it has gone on alone: then it had agreed.
    course(
        asked(),
        &[(2, Begun, &[]), (2, At(Turn), &[]), (2, Behind(Turn), &[(0, PASS_TURN), (1, PASS_TURN)])],
    );
}

#[test]
fn where_lost_hosts_go_back_nobody_is_confirmed_before_all_agree_to_stay() {
    let asked = || {
        course(
            prepared(&[3], 0, false),
            &[
                (0, At(Confirm), &[]),
                (2, At(Confirm), &[]),
                (1, At(Confirm), &PRECOMMIT),
                (1, Precommitted, &[]),
            ],
        )
    };
    course(asked(), &[(0, Precommitted, &[]), (2, Precommitted, &CONFIRM)]);
    course(
        asked(),
        &[(0, Precommitted, &[]), (2, Lost, &[]), (2, GoingBack, &[(0, Order::Abort), (1, Order::Abort)])],
    );
    course(
        asked(),
        &[
            (0, Precommitted, &[]),
            (2, Lost, &[]),
            (2, Behind(Confirm), &[(0, PASS_CONFIRM), (1, PASS_CONFIRM)]),
        ],
    );
}

#[test]
fn a_single_host_needs_no_turn() {
    let mut march = March::new(&["a"], &[1], 0, true);
    march.begin();
    course(march, &[(0, Begun, &[]), (0, At(Confirm), &[(0, PASS_CONFIRM)]), (0, Ended(true), &[])]);
    let mut march = March::new(&["a"], &[1], 0, true);
    march.begin();
    assert!(course(march, &[(0, Begun, &[]), (0, Ended(true), &[])]).is_over());
}

#[test]
fn ctrl_c_aborts_all_until_they_are_confirmed() {
    let mut march = prepared(&[1, 2], 0, true);
    assert_eq!(march.abort().len(), 3);
    assert_eq!(march.abort(), []);
    let mut march = course(prepared(&[3], 0, true), &[(0, At(Confirm), &[]), (1, At(Confirm), &[])]);
    assert_eq!(march.heard(2, At(Confirm)).len(), 3);
    assert_eq!(march.abort(), []);
}

proptest! {
    /// Whatever happens to hosts: nobody is told to go on that nobody waits at, nobody is confirmed while another may
    /// still be told to go back, and nobody gets a turn before all are prepared.
    #[test]
    fn no_course_confirms_one_and_aborts_another(
        hosts in 1..6usize,
        sizes in proptest::collection::vec(1..4usize, 1..4),
        max_failed in 0..3u32,
        finishes: bool,
        chances in proptest::collection::vec((0..6usize, 0..10u8), 1..80),
    ) {
        let names: Vec<String> = (0..hosts).map(|host| format!("h{host}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut waves = Vec::new();
        let mut left = hosts;
        for size in sizes.iter().cycle() {
            if left == 0 { break; }
            waves.push((*size).min(left));
            left -= (*size).min(left);
        }
        let mut march = March::new(&names, &waves, max_failed, finishes);
        // How far each is: 0 idle, 1 started, 2 begun, 3 at turn, 4 passed, 5 at confirm, 6 confirmed, 9 over.
        let mut far = vec![0; hosts];
        let (mut turns, mut confirmed, mut aborted) = (0, 0, 0);
        let (mut asked, mut agreed) = (vec![false; hosts], vec![false; hosts]);
        let mut orders = march.begin();
        for (host, chance) in chances {
            for (host, order) in orders.drain(..) {
                match order {
                    Order::Start => { prop_assert_eq!(far[host], 0); far[host] = 1; }
                    Order::Precommit => {
                        let at = if finishes { 3 } else { 5 };
                        prop_assert_eq!(far[host], at);
                        asked[host] = true;
                    }
                    Order::Pass(Turn) => { prop_assert_eq!(far[host], 3); far[host] = 4; turns += 1; }
                    Order::Pass(Confirm) => { prop_assert_eq!(far[host], 5); far[host] = 6; confirmed += 1; }
                    Order::Abort => { prop_assert!((1..=6).contains(&far[host])); aborted += 1; }
                }
            }
            prop_assert!(confirmed == 0 || aborted == 0, "{march:?}");
            let host = host % hosts;
            let heard = match (far[host], chance) {
                (0 | 9, _) => continue,
                (_, 0) => { far[host] = 9; Heard::Lost }
                (_, 1) => { far[host] = 9; Heard::Ended(false) }
                (1, _) => { far[host] = 2; Heard::Begun }
                (_, 2) if asked[host] && !agreed[host] => { agreed[host] = true; Heard::Precommitted }
                (2, _) => { far[host] = 3; Heard::At(Turn) }
                (4, _) => { far[host] = 5; Heard::At(Confirm) }
                (6, _) => { far[host] = 9; Heard::Ended(true) }
                _ => continue,
            };
            let before = turns;
            orders = march.heard(host, heard);
            if before == 0 && orders.iter().any(|(_, order)| *order == PASS_TURN) {
                prop_assert!(far.iter().all(|far| *far >= 3));
                prop_assert!(!finishes || hosts == 1 || agreed.iter().all(|agreed| *agreed));
            }
            if confirmed == 0 && !finishes && hosts > 1 && orders.iter().any(|(_, order)| *order == PASS_CONFIRM) {
                prop_assert!((0..hosts).all(|host| far[host] == 9 || agreed[host]));
            }
        }
    }
}
