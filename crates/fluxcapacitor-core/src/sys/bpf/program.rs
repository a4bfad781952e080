//! XDP programs: loading them, and naming those of others.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::super::memory_lock::lifted_for;
use super::{command, object_name, object_name_text};

/// First size of the verifier's log; it grows fourfold while it is too small.
const LOG_LEN_MIN: usize = 64 << 10;
/// Last size of the verifier's log.
const LOG_LEN_MAX: usize = 16 << 20;
/// How often a load that a signal interrupted (`EAGAIN`) is tried.
const ATTEMPTS_MAX: u32 = 5;

/// A loaded XDP program.
///
/// The kernel keeps it as long as this, or a link with it, is there.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
    info: ProgramInfo,
}

impl Program {
    /// Loads instructions as an XDP program.
    ///
    /// Each instruction is a `struct bpf_insn`. `flags` is 0 or
    /// [`XDP_HAS_FRAGS`](super::XDP_HAS_FRAGS). The licence is "Dual MIT/GPL",
    /// so helpers that want the GPL are allowed.
    ///
    /// # Errors
    ///
    /// The errno, and the verifier's log if the verifier refused: the program
    /// is loaded without a log first, which is faster, and on failure again
    /// with one. `EPERM` without `CAP_BPF` and `CAP_NET_ADMIN`; `EACCES` is
    /// the verifier's, also where `CAP_PERFMON` is missing.
    #[doc(alias = "BPF_PROG_LOAD")]
    pub fn load_xdp(
        instructions: &[[u8; 8]],
        name: &str,
        flags: u32,
    ) -> Result<Self, ProgramLoadError> {
        let name = object_name(name)?;
        let load = |log: Option<&mut [u8]>| {
            retry_on_again(log, |log| command::program_load_xdp(instructions, name, flags, log))
        };
        let fd = match lifted_for(|| load(None)) {
            Ok(fd) => fd,
            Err(source) => load_with_log(source, load)?,
        };
        let info = ProgramInfo::of(fd.as_fd())?;
        Ok(Self { fd, info })
    }

    /// The id by which others can find it, unique among loaded programs.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.info.id
    }

    /// The name it was loaded with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// What the kernel says about any loaded program.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no program with this id, `EPERM` without
    /// `CAP_SYS_ADMIN`.
    #[doc(alias = "BPF_PROG_GET_FD_BY_ID")]
    pub fn info_by_id(id: u32) -> io::Result<ProgramInfo> {
        ProgramInfo::of(command::program_by_id(id)?.as_fd())
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What the kernel says about a program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgramInfo {
    /// Its id.
    pub id: u32,
    /// Its name; empty if it has none.
    pub name: String,
    /// Its `enum bpf_prog_type`; 6 is XDP.
    pub kind: u32,
    /// A hash of its instructions.
    pub tag: [u8; 8],
    /// When it was loaded, in nanoseconds since boot.
    pub load_time_ns: u64,
    /// Who loaded it.
    pub created_by_uid: u32,
}

impl ProgramInfo {
    fn of(program: BorrowedFd<'_>) -> io::Result<Self> {
        let info = command::program_info(program)?;
        Ok(Self {
            id: info.id,
            name: object_name_text(&info.name),
            kind: info.program_type,
            tag: info.tag,
            load_time_ns: info.load_time,
            created_by_uid: info.created_by_uid,
        })
    }
}

/// Why a program could not be loaded.
#[derive(Debug)]
pub struct ProgramLoadError {
    /// The errno.
    pub source: io::Error,
    /// What the verifier says; empty if it was not asked.
    ///
    /// If it says more than 16 MiB, the last of it (Linux 6.4) or the first.
    pub log: String,
}

impl fmt::Display for ProgramLoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "could not load the XDP program: {}", self.source)?;
        if !self.log.is_empty() {
            write!(formatter, "; the verifier says:\n{}", self.log)?;
        }
        Ok(())
    }
}

impl Error for ProgramLoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl From<io::Error> for ProgramLoadError {
    fn from(source: io::Error) -> Self {
        let log = String::new();
        Self { source, log }
    }
}

/// Loads again, with ever larger logs, to learn more than `source` says.
///
/// It may succeed, if what failed before was not the program.
fn load_with_log(
    source: io::Error,
    mut load: impl FnMut(Option<&mut [u8]>) -> io::Result<OwnedFd>,
) -> Result<OwnedFd, ProgramLoadError> {
    let mut log = vec![0; LOG_LEN_MIN];
    loop {
        let again = match load(Some(&mut log)) {
            Ok(fd) => return Ok(fd),
            Err(again) => again,
        };
        let too_small = again.raw_os_error() == Some(libc::ENOSPC);
        if too_small && log.len() < LOG_LEN_MAX {
            log = vec![0; log.len() * 4];
            continue;
        }
        let text = log.split(|byte| *byte == 0).next();
        let log = String::from_utf8_lossy(text.unwrap_or_default()).into_owned();
        return Err(ProgramLoadError { source, log });
    }
}

/// Repeats a load that the verifier left because of a signal.
fn retry_on_again(
    mut log: Option<&mut [u8]>,
    mut load: impl FnMut(Option<&mut [u8]>) -> io::Result<OwnedFd>,
) -> io::Result<OwnedFd> {
    let mut attempt = 1;
    loop {
        match load(log.as_deref_mut()) {
            Err(again) if again.kind() == io::ErrorKind::WouldBlock && attempt < ATTEMPTS_MAX => {
                attempt += 1;
            }
            loaded => return loaded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load that fails with `errno` and says `needed` bytes about it.
    fn failing(needed: usize, errno: i32) -> impl FnMut(Option<&mut [u8]>) -> io::Result<OwnedFd> {
        move |log| {
            let log = log.expect("only loads with a log are made here");
            let written = needed.min(log.len() - 1);
            log[..written].fill(b'x');
            let errno = if written < needed { libc::ENOSPC } else { errno };
            Err(io::Error::from_raw_os_error(errno))
        }
    }

    #[test]
    fn the_log_grows_until_it_holds_everything() {
        for needed in [0, 100, LOG_LEN_MIN, LOG_LEN_MAX / 4, LOG_LEN_MAX - 1] {
            let first = io::Error::from_raw_os_error(libc::EACCES);
            let error = load_with_log(first, failing(needed, libc::EACCES)).unwrap_err();
            assert_eq!(error.log.len(), needed);
            assert_eq!(error.source.raw_os_error(), Some(libc::EACCES));
        }
    }

    #[test]
    fn a_log_beyond_the_limit_is_cut_and_the_errno_stays() {
        let first = io::Error::from_raw_os_error(libc::EACCES);
        let error = load_with_log(first, failing(LOG_LEN_MAX, libc::EACCES)).unwrap_err();
        assert_eq!(error.log.len(), LOG_LEN_MAX - 1);
        assert_eq!(error.source.raw_os_error(), Some(libc::EACCES));
    }

    #[test]
    fn a_load_is_not_repeated_for_ever() {
        let mut loads = 0;
        let error = retry_on_again(None, |_| {
            loads += 1;
            Err(io::ErrorKind::WouldBlock.into())
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(loads, ATTEMPTS_MAX);
    }

    #[test]
    fn the_text_holds_errno_and_log() {
        let source = io::Error::from_raw_os_error(libc::EACCES);
        let log = "R0 !read_ok".to_owned();
        let text = ProgramLoadError { source, log }.to_string();
        assert!(text.contains("os error 13"), "{text}");
        assert!(text.contains("R0 !read_ok"), "{text}");
    }

    #[test]
    fn a_bad_name_is_refused_before_the_kernel_sees_it() {
        let refused = Program::load_xdp(&[], "no spaces", 0).unwrap_err();
        assert_eq!(refused.source.kind(), io::ErrorKind::InvalidInput);
    }
}
