//! Without privilege the tests say so, and fail where they must run.
#![cfg(target_os = "linux")]

use std::{
    env, io,
    os::unix::process::CommandExt,
    process::{Command, Output},
};

use fluxcapacitor_testbed::{NetNs, permitted};

/// Set for the process that runs without privilege.
const CHILD: &str = "FLUXCAP_TESTBED_NOBODY";
/// Owner of nothing.
const NOBODY: u32 = 65534;

/// Runs the test below again as nobody.
fn as_nobody(require: &str) -> io::Result<Output> {
    Command::new(env::current_exe()?)
        .args(["privilege_is_named", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .env("FLUXCAP_REQUIRE_KERNEL", require)
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
}

#[test]
fn privilege_is_named() {
    if env::var_os(CHILD).is_some() {
        let error = NetNs::new().unwrap_err();
        assert!(error.is_permission(), "{error}");
        assert!(!permitted());
        return;
    }
    if !permitted() {
        return;
    }

    let skipped = match as_nobody("0") {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            eprintln!("SKIPPED: nobody may not run this test's program: {error}");
            return;
        }
        other => other.unwrap(),
    };
    let text = String::from_utf8_lossy(&skipped.stderr);
    assert!(skipped.status.success(), "{text}");
    assert!(text.contains("SKIPPED: needs root"), "{text}");
    assert!(text.contains("CAP_SYS_ADMIN"), "{text}");

    let failed = as_nobody("1").unwrap();
    let text = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success(), "{text}");
    assert!(text.contains("FLUXCAP_REQUIRE_KERNEL=1"), "{text}");
}
