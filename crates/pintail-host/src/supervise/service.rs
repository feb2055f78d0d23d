//! A service: what was asked for, and the instances that shall make it so.
//! Knows its instances; not the sockets and the disk.

use std::time::{Duration, Instant};

use super::instance::Instance;
use super::patience::Patience;
use super::protocol::{ServiceSpec, ServiceStatus, Wanted};
use super::record::ServiceRecord;

/// How long a replaced instance goes on beside its replacement, which has a socket of its own: connections that
/// wait in the old socket's backlog are still answered. 20 ms were enough when it was measured.
const OVERLAP: Duration = Duration::from_secs(1);

/// A service under its specification.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) spec: ServiceSpec,
    pub(super) wanted: Wanted,
    pub(super) instances: Vec<Instance>,
    /// Instances that others have replaced, until they are gone.
    pub(super) replaced: Vec<Instance>,
}

impl Service {
    /// A service whose instances are due now.
    pub(super) fn new(spec: ServiceSpec) -> Self {
        let instances = fresh(&spec);
        Self { spec, wanted: Wanted::Up, instances, replaced: Vec::new() }
    }

    pub(super) fn is_up(&self) -> bool {
        self.wanted == Wanted::Up
    }

    /// Wants it up again after a stop. What is still ending ends beside the new instances.
    pub(super) fn start_again(&mut self) {
        let old = std::mem::replace(&mut self.instances, fresh(&self.spec));
        self.replaced.extend(old.into_iter().filter(|instance| !instance.is_stopped()));
        self.wanted = Wanted::Up;
    }

    /// Lets every instance end.
    pub(super) fn stop(&mut self) {
        let timeout = self.stop_timeout();
        self.everyone_mut().for_each(|instance| instance.stop(timeout));
    }

    /// Puts new instances in the place of those that are alive, whose socket nobody can reach any more. With
    /// `overlap` the old ones go on for a moment.
    pub(super) fn replace_living(&mut self, overlap: bool) {
        for instance in self.instances.iter_mut().filter(|instance| instance.is_alive()) {
            let mut old = std::mem::replace(instance, Instance::new(instance.n()));
            old.retire(if overlap { OVERLAP } else { Duration::ZERO });
            self.replaced.push(old);
        }
    }

    pub(super) fn stop_timeout(&self) -> Duration {
        Duration::from_millis(self.spec.stop_timeout_ms)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.everyone().all(Instance::is_stopped)
    }

    pub(super) fn everyone(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().chain(&self.replaced)
    }

    fn everyone_mut(&mut self) -> impl Iterator<Item = &mut Instance> {
        self.instances.iter_mut().chain(&mut self.replaced)
    }

    /// See [`Instance::tick`].
    pub(super) fn tick(&mut self, now: Instant, patience: &Patience) -> bool {
        let timeout = self.stop_timeout();
        let mut changed = false;
        for instance in self.instances.iter_mut().chain(&mut self.replaced) {
            changed |= instance.tick(now, timeout, patience, &self.spec.log);
        }
        self.end_replaced();
        changed
    }

    /// One that was replaced is not started again when it dies by itself.
    fn end_replaced(&mut self) {
        for instance in self.replaced.iter_mut().filter(|instance| !instance.is_alive()) {
            instance.stop(Duration::ZERO);
        }
        self.replaced.retain(|instance| !instance.is_stopped());
    }

    pub(super) fn release(&mut self) {
        self.instances.iter_mut().for_each(Instance::release);
    }

    pub(super) fn withhold(&mut self, why: &str) {
        self.instances.iter_mut().for_each(|instance| instance.withhold(why));
    }

    pub(super) fn status(&self) -> ServiceStatus {
        let mut instances: Vec<_> = self.everyone().map(Instance::status).collect();
        instances.sort_by_key(|instance| instance.n);
        ServiceStatus {
            process: self.spec.process.clone(),
            generation: self.spec.generation,
            release: self.spec.release.clone(),
            wanted: self.wanted,
            stop_timeout_ms: self.spec.stop_timeout_ms,
            instances,
        }
    }

    pub(super) fn record(&self) -> ServiceRecord {
        ServiceRecord {
            spec: self.spec.clone(),
            wanted: self.wanted,
            instances: self.instances.iter().map(Instance::record).collect(),
            replaced: self.replaced.iter().map(Instance::record).collect(),
        }
    }

    /// See [`Instance::adopt`].
    pub(super) fn adopt(record: ServiceRecord, same_boot: bool) -> Self {
        let ServiceRecord { spec, wanted, instances, replaced } = record;
        let timeout = Duration::from_millis(spec.stop_timeout_ms);
        let adopt = |up| {
            let log = &spec.log;
            move |one| Instance::adopt(one, up, same_boot, timeout, log)
        };
        let instances = instances.iter().map(adopt(wanted == Wanted::Up)).collect();
        let replaced = replaced.iter().map(adopt(false)).collect();
        Self { spec, wanted, instances, replaced }
    }
}

fn fresh(spec: &ServiceSpec) -> Vec<Instance> {
    (1..=spec.instances).map(Instance::new).collect()
}
