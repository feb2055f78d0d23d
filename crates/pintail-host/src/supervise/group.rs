//! The process group that an instance leads: is anyone left in it, and is it still the same one.
//! Knows numbers; not what runs there.

use std::fs;

use pintail_os::process::{self, Identity};

/// Whether a live process (a zombie isn't) is in the group that `leader` led.
///
/// The kernel gives a group's number to no new process while anyone is in the group; but once it is empty,
/// the number may come back as somebody else's. So a live process of that number with another start, or a
/// member older than the leader, means that the group is not ours any more.
pub(crate) fn is_alive(leader: Identity) -> bool {
    if process::identity(leader.pid).is_some_and(|there| there != leader) {
        return false;
    }
    let Some(pid) = rustix::process::Pid::from_raw(leader.pid as i32) else {
        return false;
    };
    if rustix::process::test_kill_process_group(pid) == Err(rustix::io::Errno::SRCH) {
        return false;
    }
    // Zombies answer to a signal too, so who is there is looked up.
    members(leader).next().is_some()
}

fn members(leader: Identity) -> impl Iterator<Item = u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(move |pid| is_member(*pid, leader))
}

fn is_member(pid: u32, leader: Identity) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    parse(&stat)
        .is_some_and(|found| found.alive && found.group == leader.pid && found.started >= leader.started)
}

#[derive(Debug, PartialEq, Eq)]
struct Found {
    alive: bool,
    group: u32,
    started: u64,
}

/// `/proc/PID/stat`: the state is field 3, the group 5, the start 22. The name, field 2, may hold anything,
/// so fields are counted after its closing parenthesis.
fn parse(stat: &str) -> Option<Found> {
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    Some(Found {
        alive: !matches!(*fields.first()?, "Z" | "X"),
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// Every process that may hold a listener of the group, the leader first.
pub(super) fn pids(leader: Identity) -> Vec<u32> {
    let mut pids: Vec<u32> = members(leader).collect();
    pids.sort_by_key(|pid| (*pid != leader.pid, *pid));
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_parenthesis_is_no_trap() {
        let stat = "12 (a) Z 1) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1 2";
        assert_eq!(parse(stat), Some(Found { alive: true, group: 77, started: 4242 }));
    }

    #[test]
    fn a_number_that_came_back_is_not_ours() {
        let own = process::identity(std::process::id()).unwrap();
        let earlier = Identity { pid: own.pid, started: own.started - 1 };
        assert!(!is_alive(earlier));
    }
}
