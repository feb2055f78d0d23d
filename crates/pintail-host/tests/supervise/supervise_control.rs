//! The control socket under bad manners, the gate and the holder by hand, and roots of all lengths.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use pintail_host::supervise::client::Supervisor;
use pintail_os::{process, socket};
use rustix::process::Signal;

use crate::rig::{Rig, ask, face, id, is_alive, kill, until, until_running};

fn line(rig: &Rig) -> UnixStream {
    let stream = socket::connect_unix(&rig.root.join("run/supervisor.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

#[test]
fn garbage_is_answered_and_hurts_nobody() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let pid = supervisor.status().unwrap().pid;
    let mut stream = line(&rig);
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    for garbage in [
        &b"\n"[..],
        b"{}\n",
        b"\xff\x00\xfe\n",
        b"{\"v\":1,\"request\":\"no such\"}\n",
        b"[[[[[[[[\n",
        b"{\"v\":2,\"request\":\"status\"}\n",
    ] {
        stream.write_all(garbage).unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert!(answer.starts_with("{\"v\":1,\"reply\":{\"refused\":"), "{answer}");
    }
    // The same connection is still good; two questions in one piece get two answers.
    stream.write_all(b"{\"v\":1,\"request\":\"status\"}\n{\"v\":1,\"request\":\"status\"}\n").unwrap();
    for _ in 0..2 {
        assert!(answers.next().unwrap().unwrap().contains("\"status\""));
    }
    // A line without an end is cut off, half a line hurts nobody, and who never reads is not waited for.
    let mut endless = line(&rig);
    let _ = endless.write_all(&vec![b'x'; 3 << 20]);
    let mut answer = String::new();
    let _ = endless.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.contains("longer than"), "{answer}");
    let mut half = line(&rig);
    half.write_all(b"{\"v\":1,\"requ").unwrap();
    let mut never_reads = line(&rig);
    never_reads.set_nonblocking(true).unwrap();
    while never_reads.write(b"{\"v\":1,\"request\":\"status\"}\n").is_ok() {}
    assert_eq!(supervisor.status().unwrap().pid, pid);
}

#[test]
fn many_clients_are_served_and_the_silent_ones_go() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let pid = supervisor.status().unwrap().pid;
    let mut clients: Vec<UnixStream> = (0..400).map(|_| line(&rig)).collect();
    assert_eq!(supervisor.status().unwrap().pid, pid);
    let answered = clients.iter_mut().rev().take(200).filter(|client| {
        let mut client: &UnixStream = client;
        let mut answer = String::new();
        client.write_all(b"{\"v\":1,\"request\":\"status\"}\n").is_ok()
            && BufReader::new(client).read_line(&mut answer).is_ok_and(|count| count > 0)
    });
    assert_eq!(answered.count(), 200);
}

#[test]
fn of_many_started_at_once_one_stays() {
    let rig = Rig::new();
    let pids: Vec<u32> = std::thread::scope(|scope| {
        let starters: Vec<_> = (0..6).map(|_| scope.spawn(|| rig.ensure().status().unwrap().pid)).collect();
        starters.into_iter().map(|starter| starter.join().unwrap()).collect()
    });
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    until("the others are gone", || {
        (rig.processes().iter().filter(|(_, words)| words.starts_with("pintail supervise")).count() == 1)
            .then_some(())
    });
    let second =
        face(&["supervise", "--root", rig.root.to_str().unwrap()], Stdio::null()).wait_with_output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another supervisor has it"), "{said}");
    let holder =
        face(&["hold", "--root", rig.root.to_str().unwrap()], Stdio::null()).wait_with_output().unwrap();
    assert!(holder.status.success(), "a second holder is not needed, and fine");
    assert_eq!(rig.ensure().status().unwrap().pid, pids[0]);
}

#[test]
fn long_roots_work() {
    let rig = Rig::below(&format!("{}/{}", "deep".repeat(30), "root".repeat(30)));
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    assert!(address.path().unwrap().as_os_str().len() > 240);
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let pids = until_running(&supervisor, 1);
    ask(&address, "ping").unwrap();
    rig.kill_supervisor(&supervisor);
    assert_eq!(until_running(&supervisor, 1), pids);
    ask(&address, "ping").unwrap();
}

#[test]
fn a_gate_without_an_order_runs_nothing() {
    let order = br#"{"argv":["sh","-c","echo ran"],"cwd":"/","env":{"PATH":"/usr/bin:/bin"},"pass":null}"#;
    let mut whole = (order.len() as u32).to_be_bytes().to_vec();
    whole.extend(order);
    for (sent, said, status) in [(0, "", 0), (3, "", 0), (whole.len() - 1, "", 0), (whole.len(), "ran\n", 0)]
    {
        let (mut here, there) = UnixStream::pair().unwrap();
        let gate = face(&["gate"], OwnedFd::from(there).into());
        here.write_all(&whole[..sent]).unwrap();
        drop(here);
        let output = gate.wait_with_output().unwrap();
        assert_eq!(
            (String::from_utf8(output.stdout).unwrap().as_str(), output.status.code()),
            (said, Some(status)),
            "{sent}"
        );
    }
    let (mut here, there) = UnixStream::pair().unwrap();
    let gate = face(&["gate"], OwnedFd::from(there).into());
    here.write_all(&[255; 4]).unwrap();
    assert_eq!(gate.wait_with_output().unwrap().status.code(), Some(127));
}

#[test]
fn another_listener_is_not_pushed_aside() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = foreign.local_addr().unwrap().port();
    let address = format!("tcp:127.0.0.1:{port}").parse().unwrap();
    let error = supervisor.bind("web", &address).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot listen on `tcp:127.0.0.1:{port}` for `web`: another process listens there")
    );
    assert_eq!(error.hint(), Some(format!("`ss -ltnp 'sport = :{port}'` shows which").as_str()));

    let unix = rig.unix("web");
    let theirs = std::os::unix::net::UnixListener::bind(unix.path().unwrap()).unwrap();
    assert!(supervisor.bind("web", &unix).unwrap_err().to_string().contains("another process listens there"));
    assert_eq!(supervisor.status().unwrap().sockets, []);
    drop((foreign, theirs));
    // A dead one's file is taken over; a name has one address.
    supervisor.bind("web", &unix).unwrap();
    assert!(supervisor.bind("web", &address).unwrap_err().to_string().contains("it listens on"));
    assert!(supervisor.bind("../etc", &address).unwrap_err().to_string().contains("is no socket name"));
    let missing = format!("unix:{}/missing/s", rig.root.display()).parse().unwrap();
    assert!(supervisor.bind("other", &missing).unwrap_err().hint().unwrap().starts_with("make the folder"));
    // One that was renamed over ours is not ours to remove.
    let other = rig.unix("other");
    supervisor.bind("other", &other).unwrap();
    fs::rename(other.path().unwrap(), unix.path().unwrap()).unwrap();
    supervisor.close("web").unwrap();
    assert!(unix.path().unwrap().exists());
}

#[test]
fn what_cannot_be_recorded_is_not_begun() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.shell(1, "sleep 1000")).unwrap();
    let pids = until_running(&supervisor, 1);
    // Nothing can be renamed over a folder: as if the disk were full.
    fs::remove_file(rig.record()).unwrap();
    fs::create_dir(rig.record()).unwrap();
    let root = rig.root.to_str().unwrap();
    let spec = rig.shell(2, &format!("echo ran; exec sleep 1000 # {root}"));
    let error = supervisor.start(&spec).unwrap_err().to_string();
    assert!(error.starts_with("cannot start `web@2`: cannot write"), "{error}");
    assert!(supervisor.bind("web", &rig.unix("web")).is_err());
    assert!(!rig.unix("web").path().unwrap().exists());
    assert!(supervisor.stop(&id(1)).is_err());
    let status = supervisor.status().unwrap();
    assert_eq!((status.services.len(), status.sockets.len()), (1, 0));
    assert_eq!(rig.log(), "", "it never ran");
    // One that crashes now waits without blame, and comes back with the disk.
    kill(pids[0]);
    std::thread::sleep(Duration::from_millis(500));
    fs::remove_dir(rig.record()).unwrap();
    assert_ne!(until_running(&supervisor, 1), pids);
    assert!(rig.record().is_file());
}

#[test]
fn a_shutdown_leaves_nothing() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    supervisor.start(&rig.shell(2, "trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.02; done")).unwrap();
    let pids = [until_running(&supervisor, 1), until_running(&supervisor, 2)].concat();
    supervisor.shutdown().unwrap();
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    until("all processes are gone", || rig.processes().is_empty().then_some(()));
    assert!(!address.path().unwrap().exists());
    assert!(Supervisor::connect(&rig.root).unwrap().is_none());
    supervisor.shutdown().unwrap();
    supervisor.leave().unwrap();
    assert!(!rig.record().exists());
    let status = rig.ensure().status().unwrap();
    assert_eq!((status.services, status.sockets), (vec![], vec![]));
}

#[test]
fn a_shutdown_ends_what_a_dead_supervisor_left() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.start(&rig.shell(1, "sleep 1000")).unwrap();
    let pids = until_running(&supervisor, 1);
    rig.kill_supervisor(&supervisor);
    supervisor.shutdown().unwrap();
    assert!(!is_alive(pids[0]));
    until("all processes are gone", || rig.processes().is_empty().then_some(()));
}

#[test]
fn a_holder_keeps_what_it_is_given_and_survives_garbage() {
    let rig = Rig::new();
    let root = rig.root.to_str().unwrap().to_owned();
    let mut holder = face(&["hold", "--root", &root], Stdio::null());
    let path = rig.root.join("run/holder.sock");
    let connect = || until("the holder listens", || socket::connect_unix(&path).ok());
    let said = |stream: &UnixStream, line: &[u8]| {
        let mut stream = stream;
        stream.write_all(line).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    };
    let stream = connect();
    insta::assert_snapshot!(said(&stream, b"1 put web\n"), @"1 error no descriptor came");
    insta::assert_snapshot!(said(&stream, b"1 take web\n"), @"1 none");
    insta::assert_snapshot!(said(&stream, b"2 \xff\n"), @"1 error these words are not known here");
    let mut endless = connect();
    let _ = endless.write_all(&[b'x'; 100_000]);
    let many: Vec<UnixStream> = (0..40).map(|_| connect()).collect();
    insta::assert_snapshot!(said(many.last().unwrap(), b"1 list\n"), @"1 names");
    process::signal(holder.id(), Signal::HUP).unwrap();
    let stream = connect();
    insta::assert_snapshot!(said(&stream, b"1 shutdown\n"), @"1 ok");
    assert!(holder.wait().unwrap().success());
}

#[test]
fn removed_run_files_come_back() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    let address = rig.unix("web");
    supervisor.bind("web", &address).unwrap();
    supervisor.start(&rig.app(1)).unwrap();
    let pids = until_running(&supervisor, 1);
    let pid = supervisor.status().unwrap().pid;
    fs::remove_file(rig.root.join("run/supervisor.sock")).unwrap();
    fs::remove_file(rig.root.join("run/holder.sock")).unwrap();
    let again = until("it is reachable again", || Supervisor::connect(&rig.root).unwrap());
    assert_eq!(again.status().unwrap().pid, pid);
    until("the holder too", || rig.root.join("run/holder.sock").exists().then_some(()));
    again.leave().unwrap();
    assert_eq!(until_running(&supervisor, 1), pids);
    ask(&address, "ping").unwrap();
}

#[test]
fn without_a_root_nothing_stays() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.bind("web", &rig.unix("web")).unwrap();
    fs::remove_dir_all(&rig.root).unwrap();
    until("the idle supervisor ends", || rig.processes().is_empty().then_some(()));
    assert!(!rig.root.exists());

    let rig = Rig::new();
    let supervisor = rig.ensure();
    rig.kill_supervisor(&supervisor);
    assert_eq!(rig.processes().len(), 1, "the holder");
    fs::remove_dir_all(&rig.root).unwrap();
    until("the lonely holder ends", || rig.processes().is_empty().then_some(()));
}

#[test]
fn a_hidden_holder_comes_back_to_the_next_supervisor() {
    let rig = Rig::new();
    let supervisor = rig.ensure();
    supervisor.bind("web", &rig.unix("web")).unwrap();
    let holder = rig.holder_pid();
    rig.kill_supervisor(&supervisor);
    fs::remove_file(rig.root.join("run/holder.sock")).unwrap();
    until("it shows itself", || rig.root.join("run/holder.sock").exists().then_some(()));
    supervisor.status().unwrap();
    assert_eq!(rig.holder_pid(), holder);
    assert!(!rig.own_log().contains("bound anew"));
}
