//! Nothing is left: not after drop, not after a panic, not after SIGKILL.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::fd::{AsFd, AsRawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{self, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use fluxcapacitor_testbed::{LINK_NAME_PREFIX, NetNs, PacketSocket, VethPair, permitted};

/// Set for the process that is to be killed: the path of the observer's namespace.
const OBSERVER: &str = "FLUXCAP_TESTBED_OBSERVER";

/// Threads and descriptors, of any process, that hold the namespace.
fn holders(inode: u64) -> Vec<String> {
    let wanted = format!("net:[{inode}]");
    let list = |path: &str| fs::read_dir(path).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for process in list("/proc") {
        if process.file_name().to_string_lossy().parse::<u32>().is_err() {
            continue; // `self` and `thread-self` would count twice
        }
        let process = process.path().display().to_string();
        let fds = list(&format!("{process}/fd")).map(|entry| entry.path());
        let tasks = list(&format!("{process}/task")).map(|entry| entry.path().join("ns/net"));
        for path in fds.chain(tasks) {
            if fs::read_link(&path).is_ok_and(|target| target.display().to_string() == wanted) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Namespaces go on a kernel thread, a moment after their last holder.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "not so: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn assert_nothing_left(process: u32, inodes: &[u64]) {
    for &inode in inodes {
        eventually("nobody holds the namespace", || holders(inode).is_empty());
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&format!("net:[{inode}]")), "{mounts}");
    }
    let ours = format!("{LINK_NAME_PREFIX}{process:x}-");
    let host = NetNs::current().unwrap().links().unwrap();
    assert!(!host.iter().any(|name| name.starts_with(&ours)), "{host:?}");
}

#[test]
fn nothing_is_left_after_drop() {
    if !permitted() {
        return;
    }
    let (a, b) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    let pair = VethPair::create(&a, &b, 2).unwrap();
    let socket = PacketSocket::open(pair.a()).unwrap();
    let inodes = [a.inode(), b.inode()];
    assert!(!holders(inodes[0]).is_empty(), "the search finds holders");
    drop((socket, pair, a, b));
    assert_nothing_left(process::id(), &inodes);
}

#[test]
fn nothing_is_left_after_a_panic() {
    if !permitted() {
        return;
    }
    let observer = NetNs::new().unwrap();
    let mut inodes = Vec::new();
    let body = AssertUnwindSafe(|| {
        let inside = NetNs::new().unwrap();
        inodes.push(inside.inode());
        let pair = VethPair::create(&observer, &inside, 1).unwrap();
        let _socket = PacketSocket::open(pair.b()).unwrap();
        inside.run(|| panic!("as a failing test would")).unwrap();
    });
    assert!(catch_unwind(body).is_err());
    assert_nothing_left(process::id(), &inodes);
    assert_eq!(observer.links().unwrap(), ["lo"]);
}

#[test]
fn a_thread_alone_holds_a_namespace() {
    if !permitted() {
        return;
    }
    let inside = NetNs::new().unwrap();
    let inode = inside.inode();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = inside.spawn("holder", move || stopped.recv().is_err());
    drop(inside);
    // The thread that started it may take a moment to go, also after it was joined.
    eventually("one thread holds it", || holders(inode).len() == 1);
    drop(stop);
    assert!(thread.unwrap().join().unwrap());
    assert_nothing_left(process::id(), &[inode]);
}

#[test]
fn nothing_is_left_after_sigkill() {
    if let Some(observer) = env::var_os(OBSERVER) {
        return be_killed(&NetNs::open(observer).unwrap());
    }
    if !permitted() {
        return;
    }
    let named = || fs::read_dir("/run/netns").map_or(0, Iterator::count);
    let named_before = named();
    let observer = NetNs::new().unwrap();
    let fd = observer.as_fd().as_raw_fd();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["nothing_is_left_after_sigkill", "--exact", "--nocapture"])
        .env(OBSERVER, format!("/proc/{}/fd/{fd}", process::id()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ready = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("READY ").map(|(_, inode)| inode.to_owned()));
    let inode = ready.expect("the child is ready").parse().unwrap();
    assert!(!holders(inode).is_empty());
    assert_eq!(observer.links().unwrap().len(), 2);

    child.kill().unwrap();
    child.wait().unwrap();

    // The far end of a pair goes only when the kernel has taken the child's namespace apart.
    eventually("the child's namespace is gone", || observer.links().unwrap() == ["lo"]);
    assert_nothing_left(child.id(), &[inode]);
    assert_eq!(named(), named_before);
}

/// Builds everything, says so, and waits for the end.
fn be_killed(observer: &NetNs) {
    let inside = NetNs::new().unwrap();
    let pair = VethPair::create(observer, &inside, 2).unwrap();
    let _socket = PacketSocket::open(pair.b()).unwrap();
    let sleeper = inside.spawn("sleeper", || thread::sleep(Duration::from_secs(60)));
    println!("READY {}", inside.inode());
    std::io::stdout().flush().unwrap();
    sleeper.unwrap().join().unwrap();
}
