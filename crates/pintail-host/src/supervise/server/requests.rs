//! What each request does. Recorded before it is answered; where that fails, taken back and refused.

use std::io;

use super::{Ending, Server, uses};
use crate::supervise::check;
use crate::supervise::holder::HELD_LIMIT;
use crate::supervise::holder_link::HolderLink;
use crate::supervise::protocol::{Address, Refusal, Reply, Request, ServiceId, ServiceSpec, Status, Wanted};
use crate::supervise::service::Service;
use crate::supervise::sockets::Socket;
use crate::supervise::tell::tell;

impl Server {
    pub(super) fn answer(&mut self, request: Request) -> Reply {
        let done = match request {
            Request::Status => return Reply::Status(self.status()),
            Request::Pending { name } => return self.pending(&name),
            Request::Bind { .. } | Request::Start(_) if self.ending.is_some() => {
                Err(Refusal::new("the supervisor is shutting down"))
            }
            Request::Bind { name, address, mode } => self.bind(name, address, mode),
            Request::Start(spec) => self.start(spec),
            Request::Stop(id) => self.stop(&id),
            Request::Forget(id) => self.forget(&id),
            Request::Close { name } => self.close(&name),
            Request::Leave => {
                self.ending = Some(Ending::Leave);
                Ok(())
            }
            Request::Shutdown => self.begin_shutdown(),
        };
        match done {
            Ok(()) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    fn status(&self) -> Status {
        Status {
            version: self.version.clone(),
            pid: std::process::id(),
            since_ms: self.since_ms,
            services: self.services.values().map(Service::status).collect(),
            sockets: self.sockets.status(),
        }
    }

    fn pending(&self, name: &str) -> Reply {
        match self.sockets.find(name) {
            Some(socket) => Reply::Pending { waiting: socket.is_pending() },
            None => Reply::Refused(not_held(name)),
        }
    }

    fn bind(&mut self, name: String, address: Address, mode: u32) -> Result<(), Refusal> {
        check::name("socket", &name)?;
        if let Some(socket) = self.sockets.find(&name) {
            return already_bound(&name, &address, socket);
        }
        if self.sockets.len() >= HELD_LIMIT {
            return Err(Refusal::new(format!("cannot hold more than {HELD_LIMIT} sockets")));
        }
        let socket = Socket::open(&name, address, mode)?;
        self.hand_to_holder(&name, &socket)?;
        self.sockets.insert(name.clone(), socket);
        self.save().map_err(|why| {
            self.drop_socket(&name);
            Refusal::new(format!("cannot listen for `{name}`: {why}"))
        })
    }

    fn hand_to_holder(&mut self, name: &str, socket: &Socket) -> Result<(), Refusal> {
        if self.holder.as_mut().is_none_or(HolderLink::is_gone) {
            self.replace_holder();
        }
        let put = match (&self.holder, socket.listener()) {
            (Some(holder), Some(listener)) => holder.put(name, listener),
            _ => Err(io::Error::other("no holder answers")),
        };
        put.map_err(|error| {
            socket.unlink();
            Refusal::new(format!("cannot keep socket `{name}` open: {error}"))
        })
    }

    pub(super) fn drop_socket(&mut self, name: &str) {
        let Some(socket) = self.sockets.remove(name) else {
            return;
        };
        socket.unlink();
        if let Some(Err(error)) = self.holder.as_ref().map(|holder| holder.drop_socket(name)) {
            // A holder that doesn't answer is replaced, and the new one never hears of this socket.
            tell(&format!("the holder did not drop `{name}`: {error}"));
        }
    }

    fn start(&mut self, spec: ServiceSpec) -> Result<(), Refusal> {
        let id = spec.id();
        match self.services.get_mut(&id) {
            Some(service) if service.spec != spec => {
                Err(Refusal::new(format!("cannot start `{id}`: it is here with another specification"))
                    .hint("take a new generation, or stop and forget this one"))
            }
            Some(service) if service.is_up() => Ok(()),
            found => {
                let again = found.is_some();
                check::spec(&spec)?;
                self.check_socket(&spec)?;
                self.begin_service(id, spec, again)
            }
        }
    }

    fn check_socket(&self, spec: &ServiceSpec) -> Result<(), Refusal> {
        match &spec.socket {
            Some(socket) if self.sockets.find(&socket.held).is_none() => Err(not_held(&socket.held)),
            _ => Ok(()),
        }
    }

    fn begin_service(&mut self, id: ServiceId, spec: ServiceSpec, again: bool) -> Result<(), Refusal> {
        match self.services.get_mut(&id) {
            Some(service) if again => service.start_again(),
            _ => drop(self.services.insert(id.clone(), Service::new(spec))),
        }
        self.commit().map_err(|why| {
            // Nothing of it runs: what can't be recorded is not let go.
            if again && let Some(service) = self.services.get_mut(&id) {
                service.wanted = Wanted::Down;
                service.stop();
            } else {
                self.services.remove(&id);
            }
            Refusal::new(format!("cannot start `{id}`: {why}"))
        })
    }

    /// Records the wish, then signals: after a crash between the two the next supervisor signals.
    fn stop(&mut self, id: &ServiceId) -> Result<(), Refusal> {
        let Some(service) = self.services.get_mut(id) else {
            return Ok(());
        };
        if !service.is_up() {
            return Ok(());
        }
        service.wanted = Wanted::Down;
        if let Err(why) = self.save() {
            self.services.entry(id.clone()).and_modify(|service| service.wanted = Wanted::Up);
            return Err(Refusal::new(format!("cannot stop `{id}`: {why}")));
        }
        self.services.entry(id.clone()).and_modify(Service::stop);
        self.dirty = true;
        Ok(())
    }

    fn forget(&mut self, id: &ServiceId) -> Result<(), Refusal> {
        let Some(service) = self.services.remove(id) else {
            return Ok(());
        };
        let refusal = if service.is_up() || !service.is_stopped() {
            Refusal::new(format!("cannot forget `{id}`: it is not stopped"))
                .hint("stop it, and wait until its instances are `stopped`")
        } else {
            match self.save_without(id) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            }
        };
        self.services.insert(id.clone(), service);
        Err(refusal)
    }

    fn save_without(&mut self, id: &ServiceId) -> Result<(), Refusal> {
        self.save().map_err(|why| Refusal::new(format!("cannot forget `{id}`: {why}")))
    }

    fn close(&mut self, name: &str) -> Result<(), Refusal> {
        if let Some(user) = self.services.values().find(|service| service.is_up() && uses(service, name)) {
            return Err(Refusal::new(format!("cannot close socket `{name}`: `{}` uses it", user.spec.id()))
                .hint("stop it first"));
        }
        self.drop_socket(name);
        // Where it can't be recorded now, it is later; a crash before that brings the socket back.
        self.dirty = true;
        self.commit().map_err(|why| Refusal::new(format!("socket `{name}` is closed, but: {why}")))
    }

    fn begin_shutdown(&mut self) -> Result<(), Refusal> {
        for service in self.services.values_mut() {
            service.wanted = Wanted::Down;
        }
        self.save().map_err(|why| Refusal::new(format!("cannot shut down: {why}")))?;
        self.services.values_mut().for_each(Service::stop);
        self.dirty = true;
        self.ending = Some(Ending::Shutdown);
        Ok(())
    }
}

fn already_bound(name: &str, address: &Address, socket: &Socket) -> Result<(), Refusal> {
    let what = format!("cannot listen on `{address}` for `{name}`");
    if socket.address != *address {
        let what = format!("{what}: it listens on `{}`", socket.address);
        return Err(Refusal::new(what).hint("close it first, or take another name"));
    }
    match socket.listener() {
        Some(_) => Ok(()),
        None => Err(Refusal::new(format!(
            "{what}: the address could not be had again, and is tried every second"
        ))),
    }
}

fn not_held(name: &str) -> Refusal {
    Refusal::new(format!("no socket `{}` is held", name.escape_default())).hint("bind it first")
}
