//! Names and hardware addresses that nobody else has.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// All link names that this crate makes up begin with this.
pub const LINK_NAME_PREFIX: &str = "flx";

/// The next pair of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Names and hardware addresses of the two ends of one pair.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) names: [String; 2],
    pub(super) macs: [[u8; 6]; 2],
}

impl Identity {
    /// Unique in this process, and among processes by its id: `flx1a2b-3a` and `flx1a2b-3b`.
    pub(super) fn next() -> Self {
        Self::of(process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn of(process: u32, pair: u32) -> Self {
        // Three digits of pair, so that the longest name is 15 bytes, the most that a link's name may have.
        let short = pair & 0xfff;
        let name = |end| format!("{LINK_NAME_PREFIX}{process:x}-{short:x}{end}");
        let [_, high, middle, low] = pair.to_be_bytes();
        // The leading 02 says: unicast, and administered locally.
        let mac = |end| [0x02, 0xfc, high, middle, low, end];
        Self { names: [name('a'), name('b')], macs: [mac(0x0a), mac(0x0b)] }
    }
}

/// Whether the kernel would take `name` for a link (`dev_valid_name` in `net/core/dev.c`).
pub(super) fn is_link_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.bytes().any(|byte| matches!(byte, b'/' | b':' | 0) || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_name_fits() {
        // The largest process id of Linux is 2^22.
        let identity = Identity::of(1 << 22, u32::MAX);
        assert_eq!(identity.names[0], "flx400000-fffa");
        assert!(identity.names.iter().all(|name| is_link_name(name)));
    }

    #[test]
    fn pairs_differ() {
        let (first, second) = (Identity::next(), Identity::next());
        assert_ne!(first.names, second.names);
        assert_ne!(first.macs, second.macs);
        assert_ne!(first.names[0], first.names[1]);
    }

    #[test]
    fn link_names_as_the_kernel_sees_them() {
        assert!(is_link_name("eth0"));
        for bad in ["", ".", "..", "a/b", "a:b", "a b", "sixteen-bytes-xx"] {
            assert!(!is_link_name(bad), "{bad:?}");
        }
    }
}
