//! Tells of a release as it goes on, and hears the operator's wish to have it undone.

use crate::screen;
use pintail_os::program::Stream;
use pintail_os::signals::Wishes;
use pintail_release::release::{Ear, Plan, Progress};
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often a question looks whether it was interrupted.
const GLANCE: Duration = Duration::from_millis(50);

/// Tells, and hears.
pub(super) struct Teller {
    wishes: Wishes,
    /// What each step does, in a few words.
    steps: Vec<String>,
}

impl Teller {
    pub(super) fn new(wishes: Wishes) -> Self {
        Self { wishes, steps: Vec::new() }
    }

    /// From now on that plan runs.
    pub(super) fn follow(&mut self, plan: &Plan) {
        self.steps = plan.steps.iter().map(|step| plan.told(step)).collect();
    }

    /// Until what is returned is dropped, an interrupt ends the program.
    pub(super) fn leave_when_interrupted(&self) -> Leaving {
        let (asking, wishes) = (Arc::new(AtomicBool::new(true)), self.wishes.clone());
        let leaving = Leaving(asking.clone());
        thread::spawn(move || {
            while asking.load(Ordering::SeqCst) {
                if wishes.interrupts() > 0 || wishes.is_ended() {
                    screen::narrate("\nnothing was changed");
                    exit(1);
                }
                thread::sleep(GLANCE);
            }
        });
        leaving
    }
}

/// See [`Teller::leave_when_interrupted`].
pub(super) struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Ear for Teller {
    fn progress(&mut self, progress: Progress) {
        let text = match progress {
            Progress::Step { index, name } => {
                let does = self.steps.get(index).map_or("", String::as_str);
                format!("{:>2}/{} {name:<10} {does}", index + 1, self.steps.len())
            }
            Progress::Acted { .. } => return,
            Progress::Undoing { why } => format!("going back: {}", why.lines().next().unwrap_or_default()),
            Progress::Undone { name } => format!("undone {name}"),
            Progress::Remark { what } => format!("remark: {what}"),
        };
        screen::narrate(&text);
    }

    fn output(&mut self, _: Stream, bytes: &[u8]) {
        screen::print_raw(&String::from_utf8_lossy(bytes), true);
    }

    fn interrupt(&mut self) -> Option<String> {
        let came = self.wishes.interrupts() > 0 || self.wishes.is_ended();
        came.then(|| "it was interrupted by a signal".to_owned())
    }
}
