//! What supervisors that are not ours are given: names, unit files, scripts, sudoers lines. Texts only: who puts
//! them where, and what runs then, is not known here.

mod mark;
mod names;
mod scripts;
mod sudoers;
mod units;

pub use mark::is_as_written;
pub use names::Names;
pub use scripts::{Script, ended_script, holder_script, run_script};
pub use sudoers::sudoers;
pub use units::{GAVE_UP, Manager, ServiceUnit, SocketUnit, anchor_unit, service_unit, socket_unit};

#[cfg(test)]
mod tests;
