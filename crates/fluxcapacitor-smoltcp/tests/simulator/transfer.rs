//! Megabytes by TCP, both ways at the same time.

use std::time::Duration;

use fluxcapacitor::simulator::control::{Fault, NicConfig, Profile, Rule};
use smoltcp::iface::SocketHandle;
use smoltcp::phy::Device;
use smoltcp::socket::tcp::State;

use crate::bench::{Bench, PORT, PROFILES, Station, address};

/// One side of a connection: what it has sent and received so far.
struct Side {
    handle: SocketHandle,
    salt: u32,
    len: usize,
    sent: usize,
    received: usize,
}

/// The byte at `position` of the stream that is sent with `salt`; no two stretches of it are alike.
fn byte(position: usize, salt: u32) -> u8 {
    let word = ((position as u32 / 4) ^ salt).wrapping_mul(0x9e37_79b1);
    word.rotate_left(13).wrapping_mul(0x85eb_ca6b).to_be_bytes()[position % 4]
}

impl Side {
    fn new(handle: SocketHandle, salt: u32, len: usize) -> Self {
        Self { handle, salt, len, sent: 0, received: 0 }
    }

    /// Sends and receives what can be, and says whether all was. Contents are those of the other side's salt.
    fn work(&mut self, station: &mut Station, others_salt: u32) -> bool {
        let socket = station.tcp(self.handle);
        while socket.can_send() && self.sent < self.len {
            let (salt, sent, left) = (self.salt, self.sent, self.len - self.sent);
            let written = socket.send(|room| {
                let count = room.len().min(left);
                (sent..).zip(&mut room[..count]).for_each(|(at, to)| *to = byte(at, salt));
                (count, count)
            });
            self.sent += written.unwrap();
        }
        while socket.can_recv() {
            let received = self.received;
            let read = socket.recv(|bytes| {
                let right = (received..).zip(&*bytes).all(|(at, is)| *is == byte(at, others_salt));
                assert!(right, "what came after {received} bytes is not what was sent");
                (bytes.len(), bytes.len())
            });
            self.received += read.unwrap();
        }
        // Not before all is acknowledged: smoltcp 0.12 stops to retransmit when a FIN arrives.
        if self.received == self.len && self.sent == self.len && socket.send_queue() == 0 {
            socket.close();
        }
        // The side that closed first lingers in TIME-WAIT.
        self.received == self.len && matches!(socket.state(), State::Closed | State::TimeWait)
    }
}

/// Sends `len` bytes each way, and gives the bench back.
fn transfer(mut bench: Bench, len: usize) -> Bench {
    let buffer = 128 << 10;
    let (one, two) = (bench.one.add_tcp(buffer), bench.two.add_tcp(buffer));
    bench.two.tcp(two).listen(PORT).unwrap();
    bench.one.connect(one, (address(2), PORT), 50_000);
    let (mut one, mut two) = (Side::new(one, 1, len), Side::new(two, 2, len));
    bench.run(|station_one, station_two| {
        let done = [one.work(station_one, 2), two.work(station_two, 1)];
        done == [true, true]
    });
    assert_eq!((one.received, two.received), (len, len));
    bench
}

#[test]
fn megabytes_arrive_both_ways_and_no_frame_is_lost() {
    for profile in PROFILES {
        let bench = transfer(Bench::new(1, profile), 4_000_000);
        let stats = bench.one.device.stats().unwrap();
        assert!(stats.total().tx_packets > 4_000_000 / 1460, "{stats:?}");
        bench.conserved();
    }
}

#[test]
fn they_arrive_by_networks_that_lose_repeat_corrupt_and_reorder() {
    for (seed, profile) in (1..=4).zip(PROFILES.into_iter().cycle()) {
        let bench = Bench::new(seed, profile);
        let reorder = Fault::Reorder(Duration::from_micros(100));
        let bad = [Fault::Lose, Fault::Duplicate, Fault::Corrupt, reorder];
        let strikes = bad.map(|fault| bench.world.fault(Rule::new(fault).one_in(200)));
        let bench = transfer(bench, 2_000_000);
        for (fault, strikes) in bad.iter().zip(strikes) {
            assert!(strikes.count() > 3, "{fault:?}: {}", strikes.count());
        }
        bench.world.clear_faults();
        bench.conserved();
    }
}

#[test]
fn they_arrive_where_sending_fails_now_and_then() {
    for (profile, fault) in [
        (Profile::Copy, Fault::KickAgain),
        (Profile::Copy, Fault::KickNoBuffers),
        (Profile::Copy, Fault::ShortKick),
        (Profile::ZeroCopy, Fault::LateCompletion(Duration::from_millis(2))),
    ] {
        let bench = Bench::new(5, profile);
        let strikes = bench.world.fault(Rule::new(fault).one_in(3));
        let bench = transfer(bench, 1_000_000);
        assert!(strikes.count() > 10, "{fault:?}: {}", strikes.count());
        bench.world.clear_faults();
        bench.conserved();
    }
}

#[test]
fn few_frames_and_short_rings_will_do() {
    for profile in PROFILES {
        let small = |builder: fluxcapacitor::FluxBuilder| {
            builder.frames(16).fill_size(16).rx_size(16).tx_size(8).completion_size(8)
        };
        transfer(Bench::with(6, profile, small), 1_000_000).conserved();
    }
}

#[test]
fn a_larger_mtu_than_a_frame_holds_does_no_harm() {
    let jumbo = |name: &str| NicConfig::new(name).mtu(3000);
    let bench = Bench::of(7, jumbo, |builder| builder.multi_buffer(true).headroom(64));
    let longest = bench.one.device.capabilities().max_transmission_unit;
    assert_eq!(longest, 2048 - 256 - 64);
    transfer(bench, 1_000_000).conserved();
}
