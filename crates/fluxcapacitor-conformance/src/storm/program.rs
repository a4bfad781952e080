//! The two programs of the network: one sends and counts what returns, the other sends back.

use fastrand::Rng;
use fluxcapacitor::simulator::control::Nic;
use fluxcapacitor::umem::{Census, Segment};
use fluxcapacitor::{Error, FluxBuilder, FluxRaw};

use super::Tally;

/// A socket on a NIC, and what its program holds.
#[derive(Debug)]
struct Socket {
    nic: Nic,
    raw: FluxRaw,
    /// Packets that the program has kept for now.
    held: Vec<Segment>,
}

impl Socket {
    fn open(nic: Nic, random: &mut Rng) -> Result<Self, String> {
        let size = |random: &mut Rng| 1 << random.u32(4..=9);
        let (fill, rx, tx) = (size(random), size(random), size(random));
        let builder = FluxBuilder::new(nic.name())
            .fill_size(fill)
            .rx_size(rx)
            .tx_size(tx)
            .completion_size(size(random))
            .frames(fill + tx)
            .headroom(random.u32(0..=128));
        let raw =
            builder.build_raw().map_err(|error| format!("opening {}: {error}", nic.name()))?;
        Ok(Self { nic, raw, held: Vec::new() })
    }

    /// Sends what was pushed, takes back what was sent, posts what is free.
    fn turn(&mut self) -> Result<(), String> {
        stand(self.raw.flush())?;
        self.raw.reclaim().map_err(|error| error.to_string())?;
        stand(self.raw.refill().map(drop))
    }

    /// Drops the packets that it has kept.
    fn let_go(&mut self) -> Result<(), String> {
        let frames = self.held.drain(..).map(Segment::into_frame);
        self.raw.pool.give_all(frames).map_err(|_| "a packet of another socket".to_owned())
    }

    /// Receives packets, and drops them.
    fn drain(&mut self) -> Result<(), String> {
        let packets = self.raw.rx.receive(u32::MAX).map_err(|error| error.to_string())?;
        let frames = packets.map(Segment::into_frame);
        self.raw.pool.give_all(frames).map_err(|_| "a packet of another socket".to_owned())
    }

    /// Whether nothing is on its way, and every frame is in the pool or posted.
    fn is_home(&self) -> bool {
        let Census { user, tx, .. } = self.raw.census();
        tx == 0 && user as usize == self.raw.pool.len() && self.raw.rx.occupancy() == 0
    }

    fn check(&self) -> Result<(), String> {
        let (census, frames) = (self.raw.census(), self.raw.granted().frames);
        let in_hand = self.raw.pool.len() + self.held.len();
        if census.total() != frames || census.user as usize != in_hand || census.retired != 0 {
            return Err(format!("{census} of {frames} frames, and {in_hand} in hand"));
        }
        Ok(())
    }
}

/// A link that is down comes back.
fn stand(result: fluxcapacitor::Result<()>) -> Result<(), String> {
    match result {
        Ok(()) | Err(Error::LinkDown) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Sends numbered packets, and counts those that return.
#[derive(Debug)]
pub(super) struct Source {
    socket: Socket,
    sent: u64,
    returned: u64,
    foreign: u64,
}

impl Source {
    pub(super) fn open(nic: Nic, random: &mut Rng) -> Result<Self, String> {
        let socket = Socket::open(nic, random)?;
        Ok(Self { socket, sent: 0, returned: 0, foreign: 0 })
    }

    pub(super) fn turn(&mut self, random: &mut Rng) -> Result<(), String> {
        self.receive()?;
        let raw = &mut self.socket.raw;
        for _ in 0..random.u32(0..32) {
            let Some(frame) = raw.pool.take() else { break };
            let packet = packet(self.sent, random.usize(60..=1514));
            let segment =
                raw.umem.write(frame, &packet).map_err(|_| "it does not fit".to_owned())?;
            if let Err(refused) = raw.tx.push(segment) {
                let frame = refused.into_inner().into_frame();
                raw.pool.give(frame).map_err(|_| "a frame of another socket".to_owned())?;
                break;
            }
            self.sent += 1;
        }
        self.socket.turn()?;
        self.socket.check()
    }

    fn receive(&mut self) -> Result<(), String> {
        let raw = &mut self.socket.raw;
        let packets = raw.rx.receive(u32::MAX).map_err(|error| error.to_string())?;
        for segment in packets {
            let bytes = raw.umem.packet(&segment).map_err(|error| error.to_string())?;
            match number(bytes).filter(|number| *number < self.sent) {
                Some(_) => self.returned += 1,
                None => self.foreign += 1,
            }
            let given = raw.pool.give(segment.into_frame());
            given.map_err(|_| "a packet of another socket".to_owned())?;
        }
        Ok(())
    }

    /// As `turn`, but sends nothing new.
    pub(super) fn calm(&mut self) -> Result<(), String> {
        self.receive()?;
        self.socket.turn()
    }

    pub(super) fn is_home(&self) -> bool {
        self.socket.is_home()
    }

    pub(super) fn census(&self) -> Census {
        self.socket.raw.census()
    }

    pub(super) fn rejected(&self) -> u64 {
        self.socket.raw.rx.rejected() + self.socket.raw.completion.rejected()
    }

    /// What was counted, held against what can be.
    pub(super) fn tally(&self, may_corrupt: bool) -> Result<Tally, String> {
        let Self { sent, returned, foreign, .. } = *self;
        if foreign > 0 && !may_corrupt {
            return Err(format!("{foreign} packets came that nobody sent"));
        }
        Ok(Tally { sent, returned, rejected: 0 })
    }
}

/// Sends back what arrives, in one of the ways that there are.
#[derive(Debug)]
pub(super) struct Echo {
    socket: Socket,
    rejected: u64,
}

impl Echo {
    pub(super) fn open(nic: Nic, random: &mut Rng) -> Result<Self, String> {
        Ok(Self { socket: Socket::open(nic, random)?, rejected: 0 })
    }

    /// Ends, with packets in hand and on their way, and starts anew.
    pub(super) fn reopen(self, random: &mut Rng) -> Result<Self, String> {
        let rejected = self.rejected();
        let Socket { nic, raw, held } = self.socket;
        let umem = raw.umem.clone();
        drop(raw);
        let census = umem.census();
        if census.rx + census.tx > 0 {
            return Err(format!("{census} after the close"));
        }
        drop(held);
        Ok(Self { socket: Socket::open(nic, random)?, rejected })
    }

    pub(super) fn turn(&mut self, random: &mut Rng) -> Result<(), String> {
        let Socket { raw, held, .. } = &mut self.socket;
        match random.u8(0..8) {
            0..3 => {
                raw.rx.forward(&mut raw.tx, 64, |_| ()).map_err(|error| error.to_string())?;
            }
            3 => {
                raw.rx.recycle(&mut raw.fill, 64, |_| ()).map_err(|error| error.to_string())?;
            }
            4 => held.extend(raw.rx.receive(8).map_err(|error| error.to_string())?),
            5 => self.socket.let_go()?,
            6 => {
                raw.completion.recycle(&mut raw.fill, 64).map_err(|error| error.to_string())?;
            }
            _ => {
                for segment in raw.rx.receive(64).map_err(|error| error.to_string())? {
                    if let Err(refused) = raw.tx.push(segment) {
                        let frame = refused.into_inner().into_frame();
                        raw.pool.give(frame).map_err(|_| "a frame of another socket".to_owned())?;
                    }
                }
            }
        }
        self.socket.turn()?;
        self.socket.check()
    }

    /// Lets everything go, and sends nothing new.
    pub(super) fn calm(&mut self) -> Result<(), String> {
        self.socket.let_go()?;
        self.socket.drain()?;
        self.socket.turn()
    }

    pub(super) fn is_home(&self) -> bool {
        self.socket.is_home()
    }

    pub(super) fn census(&self) -> Census {
        self.socket.raw.census()
    }

    pub(super) fn rejected(&self) -> u64 {
        self.rejected + self.socket.raw.rx.rejected() + self.socket.raw.completion.rejected()
    }
}

/// A packet that says which it is, and is made of nothing else.
fn packet(number: u64, len: usize) -> Vec<u8> {
    let mut packet = vec![number as u8; len];
    packet[12..14].copy_from_slice(&[0x88, 0xb5]);
    packet[14..22].copy_from_slice(&number.to_be_bytes());
    packet
}

/// Which packet it is, if it is as it was made.
fn number(bytes: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(bytes.get(14..22)?.try_into().ok()?);
    (bytes == packet(number, bytes.len())).then_some(number)
}
