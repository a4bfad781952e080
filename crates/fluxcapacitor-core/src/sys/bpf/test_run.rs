//! Running a program on a packet that was never on a wire.

use std::io;
use std::os::fd::AsFd;

use super::{Program, attr, command};

/// Room for what a program may add to a packet, which stays within one page.
const GROWTH_MAX: usize = 4096;

/// Where a test packet pretends to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct XdpContext {
    /// Index of an interface in the network namespace of the calling thread.
    pub ingress_ifindex: u32,
    /// One of that interface's receive queues in use.
    pub rx_queue_index: u32,
}

/// What a program did with a test packet.
#[derive(Clone, PartialEq, Eq)]
pub struct TestRun {
    /// What it returned: 0 aborted, 1 drop, 2 pass, 3 tx, 4 redirect.
    pub return_value: u32,
    /// Mean time of one run in nanoseconds.
    pub duration_ns: u32,
    /// The packet as the last run left it.
    pub data_out: Vec<u8>,
}

impl std::fmt::Debug for TestRun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TestRun")
            .field("return_value", &self.return_value)
            .field("duration_ns", &self.duration_ns)
            .field("data_out_len", &self.data_out.len())
            .finish()
    }
}

impl Program {
    /// Runs the program on `packet`, `repeat` times or once if that is 0.
    ///
    /// Without a `context` the packet comes from queue 0 of the loopback
    /// interface. A redirect is returned and not done. Maps are real: what the
    /// program writes to them stays.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `packet` is shorter than an Ethernet header, or if `context`
    /// names a queue that is not in use, or a queue other than 0 of no
    /// interface. `EINVAL` or `ENOMEM` if `packet` is longer than the kernel
    /// has buffers for. `ENODEV` if `context` names no interface. `EINTR` if a
    /// signal comes before the last run. `EPERM` without `CAP_BPF` and
    /// `CAP_NET_ADMIN`. A context needs Linux 5.15; before, it is `EINVAL`
    /// (`net/bpf/test_run.c`, `bpf_prog_test_run_xdp`).
    #[doc(alias = "BPF_PROG_TEST_RUN")]
    pub fn test_run(
        &self,
        packet: &[u8],
        context: Option<XdpContext>,
        repeat: u32,
    ) -> io::Result<TestRun> {
        let too_long = |_| io::Error::from_raw_os_error(libc::EINVAL);
        let packet_len = u32::try_from(packet.len()).map_err(too_long)?;
        // Offsets from the start of what is passed in: no metadata in front of
        // the packet, so it starts at 0 and ends at its length.
        let context = context.map(|context| attr::XdpMetadata {
            data_end: packet_len,
            ingress_ifindex: context.ingress_ifindex,
            rx_queue_index: context.rx_queue_index,
            ..Default::default()
        });
        let mut data_out = vec![0; packet.len() + GROWTH_MAX];
        let run = command::program_test_run(
            self.as_fd(),
            packet,
            context.as_ref(),
            repeat,
            &mut data_out,
        )?;
        data_out.truncate(usize::try_from(run.output_len).unwrap_or(usize::MAX));
        Ok(TestRun { return_value: run.return_value, duration_ns: run.duration_ns, data_out })
    }
}
