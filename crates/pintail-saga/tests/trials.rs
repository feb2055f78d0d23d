//! The saga's own engine and a good actor pass all trials, wherever the pivot is.
#![allow(clippy::print_stdout)]

mod toy;

use pintail_saga::trials::{Counts, try_all, try_main};
use toy::{Flaw, Toy};

fn passes(names: &str, pivot: usize) -> Counts {
    let counts = try_all(|| Toy::new(names, pivot, Flaw::None)).unwrap_or_else(|caught| panic!("{caught}"));
    println!("pivot {pivot}: {counts}");
    counts
}

#[test]
fn a_good_saga_passes_wherever_its_pivot_is() {
    for pivot in [0, 1, 2, 3, 4, 5, usize::MAX] {
        let counts = passes("abacb", pivot);
        assert_eq!(counts.steps, 5);
        assert!(counts.power_cuts > 100 && counts.stuck > 0 && counts.repeats > 0, "{counts}");
    }
}

#[test]
fn a_saga_of_one_step_or_none_passes() {
    passes("a", 0);
    passes("b", 7);
    let counts = passes("", 0);
    assert_eq!((counts.failures, counts.power_cuts), (0, 2), "only the ending can be cut");
}

#[test]
fn the_main_trials_are_fewer() {
    let stages = std::cell::Cell::new(0);
    let fresh = || {
        stages.set(stages.get() + 1);
        Toy::new("abacbdae", 6, Flaw::None)
    };
    let counts = try_main(fresh).unwrap_or_else(|caught| panic!("{caught}"));
    println!("main, {} stages: {counts}", stages.get());
    assert!(counts.power_cuts > 100 && counts.stuck > 0 && counts.repeats > 0, "{counts}");
    assert!(stages.get() < 3000, "a world on disk has to be made {} times", stages.get());
}
