//! Signals to this process, as a flag that the work looks at between two steps.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Set once one of its signals came.
#[derive(Debug, Clone, Default)]
pub struct Flag(Arc<AtomicBool>);

impl Flag {
    /// Whether the signal came.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets it as if the signal had come.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// From now on INT, TERM and HUP set the returned flag instead of ending this process.
pub fn on_ending() -> io::Result<Flag> {
    let flag = Flag::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, flag.0.clone())?;
    }
    Ok(flag)
}

/// From now on INT and TERM set the returned flag, once `first` was done beside the work; and HUP does nothing: for who
/// outlives its terminal.
pub fn on_ending_without_terminal(first: fn()) -> io::Result<Flag> {
    let flag = Flag::default();
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Flag::default().0)?;
    let mut endings =
        signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM])?;
    let set = flag.clone();
    std::thread::spawn(move || {
        for _ in endings.forever() {
            first();
            set.set();
        }
    });
    Ok(flag)
}

/// What the person at the terminal, or the system, wants of a program that waits for something else.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    interrupts: Arc<AtomicUsize>,
    ended: Flag,
}

impl Wishes {
    /// How often INT (Ctrl-C) came.
    pub fn interrupts(&self) -> usize {
        self.interrupts.load(Ordering::SeqCst)
    }

    /// Whether TERM or HUP came: leave now.
    pub fn is_ended(&self) -> bool {
        self.ended.is_set()
    }
}

/// From now on INT, TERM and HUP are wishes, and no longer end this process.
pub fn as_wishes() -> io::Result<Wishes> {
    let wishes = Wishes::default();
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, wishes.ended.0.clone())?;
    }
    let mut interrupts = signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT])?;
    let count = wishes.interrupts.clone();
    std::thread::spawn(move || {
        for _ in interrupts.forever() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok(wishes)
}
