//! Many hosts at once: each has a conversation of its own on a thread of its own, and what they tell comes together
//! in one place, which decides with [`March`] who is told what.

use crate::march::{self, March, Order};
use crate::session::{Broken, End, Heard, Mouth, Session, Wish};
use crate::target::{Host, Operator};
use pintail_core::config::{LostOperator, Target};
use pintail_core::history::{Deployment, Outcome};
use pintail_core::plan::{HostPlan, Plan};
use pintail_core::wire::{Ask, Progress, Trial, Trouble, Wait};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the operator's own wishes are looked at while all hosts are silent.
const GLANCE: Duration = Duration::from_millis(50);
/// What is waited before each try to reach a host again that was lost: soon, since most often only the link or the
/// agent has gone, and then with patience for a host that reboots.
const AGAIN_PAUSES_MS: [u64; 6] = [50, 500, 1_000, 2_000, 3_000, 5_000];
/// After so long no further try is begun: each may wait for a host that does not answer.
const AGAIN_WITHIN: Duration = Duration::from_secs(20);

/// How an operation ended on one host.
#[derive(Debug)]
pub enum Ended {
    /// There was nothing to do.
    Nothing,
    /// It was not begun there: another host came first, and could not.
    NotBegun,
    /// It was refused there, and nothing was changed.
    Refused(Trouble),
    /// As the host's journal tells.
    Deployment(Box<Deployment>),
    /// The connection was lost, and the host could not be reached again: it does as the plan says.
    Lost(Trouble),
}

/// What an operation needs beside its plan.
pub struct Errand<'a> {
    /// Who asks, and with what.
    pub operator: &'a Operator,
    /// The target.
    pub target: &'a Target,
    /// Where the artifact's bytes are.
    pub artifact: Option<&'a Path>,
    /// For trials: see [`Ask::Execute`].
    pub trial: Option<Trial>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one host's thread is to do, and is told.
#[derive(Default)]
struct Orders {
    started: bool,
    never: bool,
    /// Go back; why, as a wish.
    abort: Option<Wish>,
    hang_up: bool,
}

enum Told {
    Heard(Heard),
    Lost,
    Ended(Ended),
}

/// Runs `plan` on `hosts`. `heard` is told of each host's progress, by its index; `wish` is asked all the while.
pub fn run(
    hosts: &mut [Host],
    plan: &Plan,
    errand: &Errand<'_>,
    heard: &mut dyn FnMut(usize, Heard),
    wish: &mut dyn FnMut() -> Wish,
) -> Vec<Ended> {
    let mut ended: Vec<Ended> = hosts.iter().map(|_| Ended::Nothing).collect();
    let marching: Vec<usize> = (0..hosts.len()).filter(|host| plan.hosts[*host].plan.is_some()).collect();
    let names: Vec<&str> = marching.iter().map(|host| plan.hosts[*host].host.as_str()).collect();
    let target = errand.target;
    let mut march = March::new(
        &names,
        &target.wave.split(marching.len()),
        target.max_failed,
        target.lost_operator == LostOperator::Finish,
    );
    let orders: Vec<Mutex<Orders>> = marching.iter().map(|_| Mutex::default()).collect();
    let mouths: Vec<Mouth> = marching.iter().map(|host| hosts[*host].session.mouth()).collect();
    std::thread::scope(|scope| {
        let (teller, told) = channel();
        let parts =
            hosts.iter_mut().zip(&plan.hosts).filter_map(|(host, part)| Some((host, part.plan.as_ref()?)));
        for (number, (host, plan)) in parts.enumerate() {
            let line = Line { number, orders: &orders[number], teller: teller.clone() };
            scope.spawn(move || line.lead(host, plan, errand));
        }
        drop(teller);
        let mut conductor = Conductor {
            march: &mut march,
            orders: &orders,
            mouths: &mouths,
            marching: &marching,
            wish,
            heard,
        };
        conductor.conduct(&told, &mut ended);
    });
    ended
}

/// The one place where all hosts come together.
struct Conductor<'a> {
    march: &'a mut March,
    orders: &'a [Mutex<Orders>],
    mouths: &'a [Mouth],
    /// The hosts' indices among all of the target.
    marching: &'a [usize],
    wish: &'a mut dyn FnMut() -> Wish,
    heard: &'a mut dyn FnMut(usize, Heard),
}

impl Conductor<'_> {
    fn conduct(&mut self, told: &Receiver<(usize, Told)>, ended: &mut [Ended]) {
        let orders = self.march.begin();
        self.give(orders, Wish::AbortForAnother);
        loop {
            match told.recv_timeout(GLANCE) {
                Ok((number, told)) => self.hear(number, told, ended),
                // Every host's thread has ended.
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            match (self.wish)() {
                Wish::Abort => {
                    let orders = self.march.abort();
                    self.give(orders, Wish::Abort);
                }
                Wish::HangUp => self.orders.iter().for_each(|orders| lock(orders).hang_up = true),
                _ => {}
            }
            if self.march.is_over() {
                self.orders.iter().for_each(|orders| lock(orders).never = true);
            }
        }
    }

    fn hear(&mut self, number: usize, told: Told, ended: &mut [Ended]) {
        let host = self.marching[number];
        let heard = match told {
            Told::Heard(heard) => {
                let meant = meaning(&heard);
                (self.heard)(host, heard);
                meant
            }
            Told::Lost => Some(march::Heard::Lost),
            Told::Ended(how) => {
                let good =
                    matches!(&how, Ended::Deployment(there) if matches!(there.outcome, Outcome::Done { .. }));
                let lost = matches!(how, Ended::Lost(_));
                ended[host] = how;
                Some(if lost { march::Heard::Gone } else { march::Heard::Ended(good) })
            }
        };
        if let Some(heard) = heard {
            let orders = self.march.heard(number, heard);
            self.give(orders, Wish::AbortForAnother);
        }
    }

    /// What all hosts must know together is said from here, one after the other without a wait between: an operator
    /// that is killed then has told all of them or none, but for some microseconds.
    fn give(&mut self, given: Vec<(usize, Order)>, back: Wish) {
        for (number, order) in given {
            match order {
                Order::Start => lock(&self.orders[number]).started = true,
                Order::Precommit => self.mouths[number].say(&Ask::Precommit),
                Order::Pass(wait) => self.mouths[number].say(&Ask::Pass { wait }),
                Order::Abort => lock(&self.orders[number]).abort = Some(back),
            }
        }
    }
}

/// What a host's progress means to the others.
fn meaning(heard: &Heard) -> Option<march::Heard> {
    match heard {
        Heard::Progress(Progress::Begun) => Some(march::Heard::Begun),
        Heard::Progress(Progress::Step { name, .. }) => Wait::of(name).map(march::Heard::At),
        Heard::Progress(Progress::Acted { name, .. }) => Wait::of(name).map(march::Heard::Behind),
        Heard::Progress(Progress::Undoing { .. }) => Some(march::Heard::GoingBack),
        Heard::Precommitted => Some(march::Heard::Precommitted),
        _ => None,
    }
}

/// One host's thread.
struct Line<'a> {
    number: usize,
    orders: &'a Mutex<Orders>,
    teller: Sender<(usize, Told)>,
}

impl Line<'_> {
    fn tell(&self, told: Told) {
        // Nobody hears any more once the operator has left.
        let _ = self.teller.send((self.number, told));
    }

    fn lead(&self, host: &mut Host, plan: &HostPlan, errand: &Errand<'_>) {
        if !self.is_started() {
            return self.tell(Told::Ended(Ended::NotBegun));
        }
        let by = &errand.operator.by;
        let ask =
            Ask::Execute { plan: Box::new(plan.clone()), by: by.clone(), trial: errand.trial, ahead: None };
        let mut heard = |heard| self.tell(Told::Heard(heard));
        let end = host.session.follow(&ask, errand.artifact, &mut heard, &mut || self.wish(), by);
        let ended = match end {
            Err(Broken::Lost(trouble)) => {
                self.tell(Told::Lost);
                self.find_again(host, plan.id, errand, trouble)
            }
            other => ended(other),
        };
        self.tell(Told::Ended(ended));
    }

    fn is_started(&self) -> bool {
        loop {
            let orders = lock(self.orders);
            if orders.started {
                return true;
            }
            if orders.never || orders.hang_up || orders.abort.is_some() {
                return false;
            }
            drop(orders);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wish(&self) -> Wish {
        let orders = lock(self.orders);
        if orders.hang_up { Wish::HangUp } else { orders.abort.unwrap_or(Wish::GoOn) }
    }

    /// Tries to reach a host again whose connection broke, to tell how it ended, or to have it undone when all go
    /// back.
    fn find_again(&self, host: &mut Host, id: u64, errand: &Errand<'_>, trouble: Trouble) -> Ended {
        let by = &errand.operator.by;
        let began = Instant::now();
        for pause_ms in AGAIN_PAUSES_MS {
            if began.elapsed() > AGAIN_WITHIN || !self.may_wait(Duration::from_millis(pause_ms)) {
                break;
            }
            let Ok(mut session) = errand.operator.connect_again(errand.target, &host.address) else {
                continue;
            };
            let abort = lock(self.orders).abort.is_some();
            let ask = if abort { Ask::Abort { by: by.clone(), for_another: false } } else { Ask::Attach };
            let mut heard = |heard| self.tell(Told::Heard(heard));
            // Whoever attaches can't abort: then it is asked anew.
            let mut wish = || {
                let orders = lock(self.orders);
                if orders.hang_up || (orders.abort.is_some() && !abort) { Wish::HangUp } else { Wish::GoOn }
            };
            match session.follow(&ask, None, &mut heard, &mut wish, by) {
                Err(Broken::Lost(_)) => continue,
                Ok(End::Deployment(there)) if there.id == id => {
                    host.session = session;
                    return Ended::Deployment(there);
                }
                // Another one's end is none of ours: ours was not begun.
                Ok(_) | Err(Broken::Refused(_)) => return Ended::Lost(trouble),
            }
        }
        Ended::Lost(trouble)
    }

    /// Waits, unless the operator leaves.
    fn may_wait(&self, span: Duration) -> bool {
        let until = Instant::now() + span;
        while Instant::now() < until {
            if lock(self.orders).hang_up {
                return false;
            }
            std::thread::sleep(GLANCE);
        }
        true
    }
}

fn ended(end: Result<End, Broken>) -> Ended {
    match end {
        Ok(End::Deployment(deployment)) => Ended::Deployment(deployment),
        Ok(other) => Ended::Lost(Trouble::new("cannot understand the agent", format!("{other:?}"))),
        Err(Broken::Refused(trouble)) => Ended::Refused(trouble),
        Err(Broken::Lost(trouble)) => Ended::Lost(trouble),
    }
}

/// Asks each of `sessions` the one thing at the same time; `heard` is told what they say, by their index.
pub fn ask_all(
    sessions: &mut [Session],
    ask: &Ask,
    by: &str,
    heard: &mut dyn FnMut(usize, Heard),
    wish: &mut dyn FnMut() -> Wish,
) -> Vec<Result<End, Broken>> {
    let leave = AtomicUsize::new(0);
    let mut ends: Vec<Option<Result<End, Broken>>> = sessions.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let (teller, told) = channel();
        let threads: Vec<_> = sessions
            .iter_mut()
            .enumerate()
            .map(|(number, session)| {
                let (teller, leave) = (teller.clone(), &leave);
                scope.spawn(move || {
                    let mut wish = || match leave.load(Ordering::SeqCst) {
                        0 => Wish::GoOn,
                        1 => Wish::Abort,
                        _ => Wish::HangUp,
                    };
                    session.follow(ask, None, &mut |heard| drop(teller.send((number, heard))), &mut wish, by)
                })
            })
            .collect();
        drop(teller);
        loop {
            match told.recv_timeout(GLANCE) {
                Ok((number, said)) => heard(number, said),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            match wish() {
                Wish::Abort => drop(leave.fetch_max(1, Ordering::SeqCst)),
                Wish::HangUp => drop(leave.fetch_max(2, Ordering::SeqCst)),
                _ => {}
            }
        }
        for (end, thread) in ends.iter_mut().zip(threads) {
            *end = thread.join().ok();
        }
    });
    let fell = || {
        Err(Broken::Lost(Trouble::new("cannot go on with a host", "this program's thread for it fell over")))
    };
    ends.into_iter().map(|end| end.unwrap_or_else(fell)).collect()
}
