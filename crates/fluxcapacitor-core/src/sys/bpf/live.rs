//! Running a program on packets that do go where it says.

use std::io;
use std::os::fd::AsFd;

use super::{Program, command};

impl Program {
    /// Makes `count` copies of `packet` and runs the program on each; it is dropped, given to the stack, sent or
    /// redirected, as the program says. So a program that redirects to an interface is the fastest generator there is.
    ///
    /// The packets pretend to come from the loopback interface of the calling thread's network namespace. The call
    /// takes some 100 µs to set up, and ends when all are through: make it for thousands.
    ///
    /// # Errors
    ///
    /// `EINVAL` before Linux 5.18, and if `packet` is shorter than an Ethernet header or longer than a page has room
    /// for. `EINTR` if a signal comes before the last: how many went is not told then. `EPERM` without `CAP_BPF` and
    /// `CAP_NET_ADMIN` (`net/bpf/test_run.c`, `bpf_test_run_xdp_live`).
    #[doc(alias = "BPF_F_TEST_XDP_LIVE_FRAMES")]
    pub fn run_live(&self, packet: &[u8], count: u32) -> io::Result<()> {
        command::program_run_live(self.as_fd(), packet, count)
    }
}
