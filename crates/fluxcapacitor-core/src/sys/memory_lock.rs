//! How much memory this process may have locked.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one; says what it is then, in bytes.
pub(super) fn raise() -> u64 {
    let limit = getrlimit(Resource::Memlock);
    let _refused = setrlimit(Resource::Memlock, Rlimit { current: limit.maximum, ..limit });
    bytes(getrlimit(Resource::Memlock))
}

/// Makes something of BPF's, with no limit at all if it takes that.
///
/// Before Linux 5.11 maps and programs count as locked memory, whatever the capabilities; too much of it is `EPERM`,
/// and the usual limit is a few dozen pages. Later ones are charged to the control group.
pub(super) fn lifted_for<T>(mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    match make() {
        Err(refused) if refused.raw_os_error() == Some(libc::EPERM) && lift() => make(),
        made => made,
    }
}

/// Takes the limit away, with `CAP_SYS_RESOURCE`; without, raises the soft one. Says whether it is higher now.
fn lift() -> bool {
    let before = getrlimit(Resource::Memlock);
    if setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }).is_err() {
        raise();
    }
    bytes(getrlimit(Resource::Memlock)) > bytes(before)
}

fn bytes(limit: Rlimit) -> u64 {
    limit.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_permitted_is_made_again_and_once() {
        for (errno, most) in [(libc::EINVAL, 1), (libc::EPERM, 2)] {
            let mut tries = 0;
            let made: io::Result<()> = lifted_for(|| {
                tries += 1;
                Err(io::Error::from_raw_os_error(errno))
            });
            assert_eq!(made.unwrap_err().raw_os_error(), Some(errno));
            assert!(tries <= most, "{tries}");
        }
    }
}
