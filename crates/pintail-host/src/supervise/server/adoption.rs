//! What a new supervisor finds of its predecessor: its record, its processes, its sockets.

use std::time::Instant;

use pintail_os::clock;

use super::{Server, uses};
use crate::supervise::group;
use crate::supervise::holder_link::HolderLink;
use crate::supervise::instance::Instance;
use crate::supervise::patience::Patience;
use crate::supervise::place::Place;
use crate::supervise::record::{RECORD_VERSION, Record, SocketRecord, boot};
use crate::supervise::service::Service;
use crate::supervise::sockets::{Socket, Sockets};
use crate::supervise::tell::tell;

impl Server {
    pub(super) fn adopt(place: Place, version: &str, patience: Patience) -> Result<Self, String> {
        let boot = boot().map_err(|error| format!("no boot id: {error}"))?;
        let record = Record::load(&place.record())?;
        let record = record.unwrap_or(Record {
            v: RECORD_VERSION,
            boot: boot.clone(),
            sockets: vec![],
            services: vec![],
        });
        let holder =
            HolderLink::ensure(&place).inspect_err(|error| tell(&format!("no holder: {error}"))).ok();
        let same_boot = record.boot == boot;
        let services =
            record.services.into_iter().map(|one| (one.spec.id(), Service::adopt(one, same_boot))).collect();
        let mut server = Self {
            place,
            version: version.to_owned(),
            patience,
            boot,
            since_ms: clock::now_ms(),
            services,
            sockets: Sockets::default(),
            holder,
            ending: None,
            dirty: true,
            next_round: Instant::now(),
        };
        server.adopt_sockets(record.sockets, same_boot);
        Ok(server)
    }

    /// Every recorded socket comes from the holder; else out of a process that has it; else it is bound anew.
    fn adopt_sockets(&mut self, records: Vec<SocketRecord>, same_boot: bool) {
        for record in records {
            let name = record.name.clone();
            let held = self.holder.as_ref().and_then(|holder| holder.take(&name).ok().flatten());
            let mut socket = Socket::recorded(record);
            match held {
                Some(listener) => socket.restore(listener),
                None if same_boot && self.recover(&name, &mut socket) => {
                    tell(&format!("socket `{name}` was recovered out of a process"));
                }
                None => self.bind_anew(&name, &mut socket),
            }
            self.sockets.insert(name, socket);
        }
        self.drop_strangers();
        self.fill_holder();
    }

    /// Looks for a lost listener in the processes of the services that were given it.
    fn recover(&self, name: &str, socket: &mut Socket) -> bool {
        let users = self.services.values().filter(|service| uses(service, name));
        let leaders = users.flat_map(Service::everyone).filter_map(Instance::leader);
        leaders.flat_map(group::pids).any(|pid| socket.recover_from(pid))
    }

    /// Binds a socket that is lost. Processes that still have the old one, which nobody can reach, are replaced.
    fn bind_anew(&mut self, name: &str, socket: &mut Socket) {
        let bound = socket.bind();
        match &bound {
            Ok(()) => tell(&format!("socket `{name}` was bound anew at {}", socket.address)),
            Err(error) => {
                tell(&format!("socket `{name}` can't be bound anew at {}: {error}", socket.address))
            }
        }
        for service in self.services.values_mut().filter(|service| service.is_up() && uses(service, name)) {
            // Where the old ones keep the port from us, they go first.
            service.replace_living(bound.is_ok());
        }
    }

    /// Lets the holder drop what no record knows: a bind that was cut short.
    fn drop_strangers(&mut self) {
        let Some(holder) = &self.holder else { return };
        for name in holder.names().unwrap_or_default() {
            if self.sockets.find(&name).is_none() {
                let _ = holder.drop_socket(&name);
            }
        }
    }

    pub(super) fn fill_holder(&mut self) {
        let Some(holder) = &self.holder else { return };
        for (name, socket) in self.sockets.iter() {
            if let Some(listener) = socket.listener()
                && let Err(error) = holder.put(name, listener)
            {
                tell(&format!("the holder did not take `{name}`: {error}"));
            }
        }
    }
}
