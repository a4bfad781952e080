//! Namespaces are separate, threads enter them, and the caller stays where it is.
#![cfg(target_os = "linux")]

use std::{
    collections::HashSet,
    net::{TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use fluxcapacitor_testbed::{NetNs, TestbedError, permitted};

#[test]
fn namespaces_are_separate() {
    if !permitted() {
        return;
    }
    let host = NetNs::current().unwrap();
    let (first, second) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    let inodes = HashSet::from([host.inode(), first.inode(), second.inode()]);
    assert_eq!(inodes.len(), 3);
    assert_eq!(first, first.clone());
    assert_ne!(first, second);
    assert_eq!(first.links().unwrap(), ["lo"]);

    // One address and port, twice; and a listener of one namespace is not reached from another.
    let listen = || TcpListener::bind("127.0.0.1:4000").unwrap();
    let listener = first.run(listen).unwrap();
    let reached =
        |namespace: &NetNs| namespace.run(|| TcpStream::connect("127.0.0.1:4000").is_ok());
    assert!(reached(&first).unwrap());
    assert!(!reached(&second).unwrap());
    drop(listener);
    let _again = second.run(listen).unwrap();
}

#[test]
fn run_is_inside_and_the_caller_is_not() {
    if !permitted() {
        return;
    }
    let before = NetNs::current().unwrap();
    let namespace = NetNs::new().unwrap();
    let mut borrowed = 0;
    let inside = namespace.run(|| {
        borrowed += 1;
        NetNs::current().unwrap()
    });
    assert_eq!(inside.unwrap(), namespace);
    assert_eq!(borrowed, 1);
    assert_eq!(NetNs::current().unwrap(), before);
}

#[test]
fn spawned_threads_are_inside_and_named() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let observe = || {
        let name = thread::current().name().map(str::to_owned);
        (NetNs::current().unwrap(), name)
    };

    let (inside, name) = namespace.spawn("echo", observe).unwrap().join().unwrap();
    assert_eq!(inside, namespace);
    assert_eq!(name.as_deref(), Some("echo"));

    let borrowed = String::from("borrowed");
    let (inside, length) = thread::scope(|scope| {
        let body = || (NetNs::current().unwrap(), borrowed.len());
        let thread = namespace.spawn_scoped(scope, "scoped", body).unwrap();
        thread.join().unwrap()
    });
    assert_eq!(inside, namespace);
    assert_eq!(length, borrowed.len());

    let refused = namespace.spawn("nul\0", || ());
    assert!(matches!(refused, Err(TestbedError::Invalid { .. })));
}

#[test]
fn panic_inside_run_keeps_its_payload() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let payload =
        catch_unwind(AssertUnwindSafe(|| namespace.run(|| std::panic::panic_any(88_u32))));
    assert_eq!(*payload.unwrap_err().downcast::<u32>().unwrap(), 88);
    // The namespace is as usable as before.
    assert_eq!(namespace.run(|| 1).unwrap(), 1);
}

#[test]
fn works_inside_a_runtime() {
    if !permitted() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let links = runtime.unwrap().block_on(async { NetNs::new().unwrap().links() });
    assert_eq!(links.unwrap(), ["lo"]);
}

#[test]
fn a_file_that_is_no_namespace_is_refused() {
    if !permitted() {
        return;
    }
    assert!(NetNs::open("/nowhere").is_err());
    let wrong = NetNs::open("/proc/self/ns/uts").unwrap();
    let error = wrong.run(|| ()).unwrap_err();
    assert!(!error.is_permission(), "{error}");
}
