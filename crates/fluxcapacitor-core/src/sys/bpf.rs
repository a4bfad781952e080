//! bpf(2): maps, programs and links.
//!
//! What the hook needs: an XSKMAP, an XDP program made at run time, and a link
//! that attaches it; and what tests and benchmarks need, to run a program.
//! Everything is a descriptor that closes on drop, so a killed process leaves
//! nothing behind.
//!
//! Loading and attaching take `CAP_BPF` and `CAP_NET_ADMIN`, programs with
//! variable offsets into the packet `CAP_PERFMON` too; looking at somebody
//! else's program takes `CAP_SYS_ADMIN`. Before Linux 5.11 maps and programs
//! count against `RLIMIT_MEMLOCK`, and too low a limit is `EPERM`: it is raised for that call, as far as it may be.

mod attr;
mod command;
mod link;
mod live;
mod map;
mod program;
mod test_run;

use std::io;

pub use link::{Link, XdpMode};
pub use map::Map;
pub use program::{Program, ProgramInfo, ProgramLoadError};
pub use test_run::{TestRun, XdpContext};

/// Flag of [`Program::load_xdp`]: the program takes packets of several buffers.
///
/// Without it, attaching fails with `ERANGE` where the MTU exceeds one buffer.
/// Since Linux 5.18.
#[doc(alias = "BPF_F_XDP_HAS_FRAGS")]
pub const XDP_HAS_FRAGS: u32 = 1 << 5;

/// Longest name of a program or map in bytes: `BPF_OBJ_NAME_LEN` less its NUL.
pub const NAME_LEN_MAX: usize = attr::NAME_LEN - 1;

/// A name as the kernel takes it, or why it does not.
fn object_name(name: &str) -> io::Result<[u8; attr::NAME_LEN]> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    if name.len() > NAME_LEN_MAX || !name.bytes().all(allowed) {
        let text = format!(
            "bpf object name {name:?}: at most {NAME_LEN_MAX} letters, digits, `_` and `.` are allowed"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut bytes = [0; attr::NAME_LEN];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    Ok(bytes)
}

/// The text in a name that the kernel gave.
fn object_name_text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next();
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_kernel_takes() {
        for name in ["", "fluxcapacitor", "a.b_C9", "fifteen_bytes_x"] {
            let bytes = object_name(name).unwrap();
            assert_eq!(object_name_text(&bytes), name);
        }
        for name in ["sixteen_bytes_xx", "a-b", "a b", "a\0b", "ä"] {
            let refused = object_name(name).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
