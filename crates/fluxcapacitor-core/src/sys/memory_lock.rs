//! How much memory this process may have locked.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one; says what it is then, in bytes.
pub(super) fn raise() -> u64 {
    let limit = getrlimit(Resource::Memlock);
    let _refused = setrlimit(Resource::Memlock, Rlimit { current: limit.maximum, ..limit });
    bytes(getrlimit(Resource::Memlock))
}

/// Makes something of BPF's, with no limit at all if it takes that; then the limit is what it was.
///
/// Before Linux 5.11 maps and programs count as locked memory, whatever the capabilities; too much of it is `EPERM`,
/// and the usual limit is a few dozen pages. Later ones are charged to the control group.
pub(super) fn lifted_for<T>(mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let made = make();
    if !matches!(&made, Err(refused) if refused.raw_os_error() == Some(libc::EPERM)) {
        return made;
    }
    let before = getrlimit(Resource::Memlock);
    let made = if lift() { make() } else { made };
    let _lower_than_now = setrlimit(Resource::Memlock, before);
    made
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

    // One test: the limit is the process's.
    #[test]
    fn what_is_not_permitted_is_made_once_more_without_the_limit() {
        let limit = getrlimit(Resource::Memlock);
        let less = limit.maximum.unwrap_or(1 << 40).saturating_sub(4096);
        setrlimit(Resource::Memlock, Rlimit { current: Some(less), ..limit }).unwrap();
        let tries = |errno| {
            let mut seen = Vec::new();
            let made: io::Result<()> = lifted_for(|| {
                seen.push(bytes(getrlimit(Resource::Memlock)));
                Err(io::Error::from_raw_os_error(errno))
            });
            assert_eq!(made.unwrap_err().raw_os_error(), Some(errno));
            (seen, bytes(getrlimit(Resource::Memlock)))
        };
        let (invalid, refused) = (tries(libc::EINVAL), tries(libc::EPERM));
        setrlimit(Resource::Memlock, limit).unwrap();
        assert_eq!(invalid, (vec![less], less));
        let (seen, after) = refused;
        assert!(seen.len() == 2 && seen[0] == less && seen[1] > less, "{seen:?}");
        assert_eq!(after, less, "it is what it was");
    }
}
