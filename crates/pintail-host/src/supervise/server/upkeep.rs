//! What is looked at from time to time because nothing tells of it: logs, lost sockets, removed files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use super::{Ending, ROUND, Server};
use crate::supervise::control::Control;
use crate::supervise::holder_link::HolderLink;
use crate::supervise::logs;
use crate::supervise::service::Service;
use crate::supervise::tell::tell;

impl Server {
    /// One round of upkeep.
    pub(super) fn round(&mut self, control: &mut Control) {
        self.next_round = Instant::now() + ROUND;
        self.rotate_logs();
        self.find_lost_sockets();
        self.keep_reachable(control);
    }

    /// Somebody may have removed the files of `run/`: a cleaner of old files, an operator.
    fn keep_reachable(&mut self, control: &mut Control) {
        if !self.place.root().is_dir() {
            return self.end_without_root();
        }
        let found = self.place.make_folders().and_then(|()| control.door().keep_open());
        match found {
            Ok(true) => {}
            Ok(false) => {
                tell("another supervisor took over");
                self.ending = Some(Ending::Leave);
            }
            Err(error) => tell(&format!("no control socket: {error}")),
        }
        let holder_hides = !self.place.holder_socket().exists();
        if holder_hides && let Some(Err(error)) = self.holder.take().map(HolderLink::shutdown) {
            tell(&format!("the holder did not end: {error}"));
        }
        if self.holder.is_none() {
            self.replace_holder();
        }
    }

    /// The root was removed, and perhaps comes back: a mount. Where nothing runs there is nothing to wait for.
    fn end_without_root(&mut self) {
        if self.services.values().all(Service::is_stopped) {
            self.ending = Some(Ending::Shutdown);
        }
    }

    pub(super) fn replace_holder(&mut self) {
        if self.leaves_with_machine() {
            return;
        }
        tell("the holder is gone; a new one takes over");
        self.holder = None;
        match HolderLink::ensure(&self.place) {
            Ok(holder) => self.holder = Some(holder),
            Err(error) => tell(&format!("no holder: {error}")),
        }
        self.fill_holder();
    }

    fn rotate_logs(&self) {
        let own = self.place.own_log();
        let logs: BTreeSet<&Path> =
            self.services.values().map(|service| service.spec.log.as_path()).chain([own.as_path()]).collect();
        for log in logs {
            if let Err(error) = logs::rotate(log) {
                tell(&format!("cannot rotate `{}`: {error}", log.display()));
            }
        }
    }

    fn find_lost_sockets(&mut self) {
        for name in self.sockets.lost() {
            if self.sockets.bind_lost(&name) {
                tell(&format!("socket `{name}` was bound anew"));
                self.dirty = true;
                self.fill_holder();
            }
        }
    }
}
