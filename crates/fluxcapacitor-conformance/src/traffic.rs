//! Packets that can be told apart, and how they cross.

use std::ops::Range;
use std::time::Duration;

use fluxcapacitor::FluxRaw;
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::ring::PushError;

use crate::bench::Bench;
use crate::fixture::{Counts, Side};
use crate::verdict::{Outcome, Stop};

/// How long a packet may take, on a machine with other work.
pub const SOON: Duration = Duration::from_secs(20);

/// Long enough for what would arrive to have arrived.
pub const QUIET: Duration = Duration::from_millis(100);

/// How often what is missing is looked for again, and how long after.
const LOOKS: u32 = 5000;
const PAUSE: Duration = Duration::from_micros(200);

/// Packets that are on their way at a time: fewer than any queue between the ports holds.
pub const WINDOW: usize = 64;

/// An EtherType for experiments (IEEE 802), which no stack answers.
const ETHER_TYPE: [u8; 2] = [0x88, 0xb5];

/// Where in a packet its number stands, in four bytes, the highest first.
pub const NUMBER_AT: usize = 14;

/// Writes packet `number` into `packet`, as long as that is: number, and a pattern that goes on from it.
pub fn fill(packet: &mut [u8], to: [u8; 6], from: [u8; 6], number: u32) {
    packet[..6].copy_from_slice(&to);
    packet[6..12].copy_from_slice(&from);
    packet[12..NUMBER_AT].copy_from_slice(&ETHER_TYPE);
    packet[NUMBER_AT..NUMBER_AT + 4].copy_from_slice(&number.to_be_bytes());
    for (byte, value) in packet[NUMBER_AT + 4..].iter_mut().zip(number..) {
        *byte = value as u8;
    }
}

/// The number of a packet, if it is as [`fill`] makes it behind the addresses, and `len` bytes long.
#[must_use]
pub fn number_of(packet: &[u8], len: usize) -> Option<u32> {
    let number = u32::from_be_bytes(packet.get(NUMBER_AT..NUMBER_AT + 4)?.try_into().ok()?);
    let mut rest = packet[NUMBER_AT + 4..].iter().zip(number..);
    let intact = packet.len() == len
        && packet[12..NUMBER_AT] == ETHER_TYPE
        && rest.all(|(byte, value)| *byte == value as u8);
    intact.then_some(number)
}

/// Pushes a packet, in as many frames as it takes, and says in how many; `None` if there is no room, or are no
/// frames.
fn push(raw: &mut FluxRaw, packet: &[u8]) -> Outcome<Option<u32>> {
    if raw.granted().multi_buffer {
        let Some(chain) = raw.pool.write(packet) else { return Ok(None) };
        let segments = chain.segments();
        match raw.tx.push_chain(chain) {
            Ok(()) => Ok(Some(segments)),
            Err(PushError::Full(chain)) => {
                raw.pool.give_chain(chain)?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    } else {
        if raw.tx.room()? == 0 {
            return Ok(None);
        }
        let Some(frame) = raw.pool.take() else { return Ok(None) };
        raw.tx.push(raw.umem.write(frame, packet)?)?;
        Ok(Some(1))
    }
}

impl Bench<'_> {
    /// Packet `number` from one port to the other: 60 to 1514 bytes, by its number, and every length
    /// within 1455 numbers. Neighbours are of very different lengths.
    #[must_use]
    pub fn packet(&self, from: Side, number: u32) -> Vec<u8> {
        self.packet_of(from, number, 60 + number as usize * 797 % 1455)
    }

    /// Packet `number` in `len` bytes.
    #[must_use]
    pub fn packet_of(&self, from: Side, number: u32, len: usize) -> Vec<u8> {
        let mut packet = vec![0; len];
        fill(&mut packet, self.port(from.other()).mac(), self.port(from).mac(), number);
        packet
    }

    /// Several of them.
    #[must_use]
    pub fn packets(&self, from: Side, numbers: Range<u32>) -> Vec<Vec<u8>> {
        numbers.map(|number| self.packet(from, number)).collect()
    }

    /// Sends packets, and waits for their completions.
    ///
    /// # Errors
    /// [`Stop::Failed`] if one is not completed.
    #[track_caller]
    pub fn send(&self, raw: &mut FluxRaw, packets: &[Vec<u8>]) -> Outcome {
        let (mut sent, mut completed, mut frames) = (0, 0, 0);
        self.until("all completed", || {
            while sent < packets.len() {
                let Some(pushed) = push(raw, &packets[sent])? else { break };
                frames += pushed;
                sent += 1;
            }
            raw.flush()?;
            completed += raw.reclaim()?;
            Ok(sent == packets.len() && completed >= frames)
        })?;
        assert_eq!(completed, frames, "completed and never sent");
        self.conserved(raw)
    }

    /// Receives until there are `count` packets, and posts their frames again.
    ///
    /// # Errors
    /// [`Stop::Failed`] if there are not so many.
    #[track_caller]
    pub fn receive(&self, raw: &mut FluxRaw, count: usize) -> Outcome<Vec<Vec<u8>>> {
        let packets = self.receive_some(raw, count)?;
        if packets.len() > count {
            return Err(Stop::failed(format!("{} of {count} received", packets.len())));
        }
        Ok(packets)
    }

    /// The same, or more: where others are still on their way.
    ///
    /// # Errors
    /// [`Stop::Failed`] if there are fewer.
    #[track_caller]
    pub fn receive_some(&self, raw: &mut FluxRaw, least: usize) -> Outcome<Vec<Vec<u8>>> {
        let packets = self.receive_until(raw, least, SOON)?;
        if packets.len() < least {
            let (found, statistics) = (packets.len(), raw.statistics()?);
            return Err(Stop::failed(format!("{found} of {least} received; {statistics:?}")));
        }
        Ok(packets)
    }

    /// As [`Bench::receive`], but no more packets coming for `patience` is an end, too.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    #[track_caller]
    pub fn receive_until(
        &self,
        raw: &mut FluxRaw,
        count: usize,
        patience: Duration,
    ) -> Outcome<Vec<Vec<u8>>> {
        let mut packets = Vec::new();
        while packets.len() < count && raw.wait(Interest::Rx, patience)? == Waited::Ready {
            if raw.granted().multi_buffer {
                for packet in raw.rx.receive_whole(64)? {
                    packets.push(raw.umem.slices(&packet)?.flatten().copied().collect());
                    raw.pool.give_chain(packet)?;
                }
            } else {
                for segment in raw.rx.receive(64)? {
                    packets.push(raw.umem.packet(&segment)?.to_vec());
                    raw.pool.give(segment.into_frame())?;
                }
            }
            raw.refill()?;
        }
        self.conserved(raw)?;
        Ok(packets)
    }

    /// Sends packets from one socket to another, a window at a time; each arrives once, in order, as it
    /// was sent, and both ports have counted it.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    #[track_caller]
    pub fn cross(
        &self,
        (from, sender): (Side, &mut FluxRaw),
        receiver: &mut FluxRaw,
        packets: &[Vec<u8>],
    ) -> Outcome {
        let before = self.both(from)?;
        for (at, window) in packets.chunks(WINDOW).enumerate() {
            self.send(sender, window)?;
            let received = self.receive(receiver, window.len())?;
            let wrong = received.iter().zip(window).position(|(received, sent)| received != sent);
            if let Some(wrong) = wrong {
                let (number, found, sent) = (at * WINDOW + wrong, &received[wrong], &window[wrong]);
                let first = found.iter().zip(sent).position(|(found, sent)| found != sent);
                return Err(Stop::failed(format!(
                    "packet {number} not as it was sent: {} bytes instead of {}, first different at {first:?}:\n \
                     {:02x?}…\n {:02x?}…",
                    found.len(),
                    sent.len(),
                    &sent[..sent.len().min(32)],
                    &found[..found.len().min(32)],
                )));
            }
        }
        self.counted(from, before, packets.len() as u64)
    }

    /// Packets that were dropped before they came to `receiver`: by its socket, or by the driver where that
    /// receives straight into frames.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    pub fn dropped(&self, side: Side, receiver: &FluxRaw) -> Outcome<u64> {
        if receiver.granted().zero_copy {
            return Ok(self.port(side).counts()?.rx_dropped);
        }
        Ok(receiver.statistics()?.rx_dropped)
    }

    /// What the sending and the receiving port have counted.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    pub fn both(&self, from: Side) -> Outcome<(Counts, Counts)> {
        Ok((self.port(from).counts()?, self.port(from.other()).counts()?))
    }

    /// Both ports count `packets` more than before, and no more.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    #[track_caller]
    pub fn counted(&self, from: Side, before: (Counts, Counts), packets: u64) -> Outcome {
        let counted = || {
            let now = self.both(from)?;
            let sent = now.0.tx_packets - before.0.tx_packets;
            let sent = if self.fixture().counts_what_is_sent() { sent } else { packets };
            Ok((sent, now.1.rx_packets - before.1.rx_packets))
        };
        let _said_below = self.until("counted by both ports", || {
            counted().map(|(sent, received)| sent >= packets && received >= packets)
        });
        let counted = counted()?;
        if counted != (packets, packets) {
            return Err(Stop::failed(format!("{packets} sent, counted out and in: {counted:?}")));
        }
        Ok(())
    }

    /// Conservation, while a socket is open: no frame is missing, none is retired, and what the kernel
    /// has of each kind, out less what its rings hold, is not below 0.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    #[track_caller]
    pub fn conserved(&self, raw: &FluxRaw) -> Outcome {
        if raw.rx.rejected() + raw.completion.rejected() > self.forgiven() {
            return Err(Stop::failed("addresses that cannot be true came out of a ring"));
        }
        let mut missing = self.missing(raw);
        // While packets come, a frame is in two rings for a moment: the kernel shows the packet before it frees
        // the slot of the frame (`xsk_flush`, net/xdp/xsk.c). And rings and census are not looked at in one moment:
        // a frame that was in a ring may be in no list while a packet is copied into it. What is wrong stays so.
        for _ in 0..LOOKS {
            if missing.is_none() {
                return Ok(());
            }
            self.fixture().settle(PAUSE);
            missing = self.missing(raw);
        }
        match missing {
            None => Ok(()),
            Some(missing) => Err(Stop::failed(missing)),
        }
    }

    /// What is missing, or there twice, as far as it can be seen now.
    fn missing(&self, raw: &FluxRaw) -> Option<String> {
        // The ring that frames come out of is looked at first: one that is on its way meanwhile is then
        // in neither, rather than in both.
        let rx = [raw.rx.occupancy(), raw.fill.occupancy()];
        let tx = [raw.completion.occupancy(), raw.tx.occupancy()];
        let (census, frames) = (raw.census(), raw.granted().frames);
        let holds = census.total() == frames
            && census.retired == 0
            && u64::from(census.rx) + self.forgiven() >= u64::from(rx.iter().sum::<u32>())
            && census.tx >= tx.iter().sum::<u32>()
            && census.user as usize >= raw.pool.len();
        (!holds).then(|| {
            format!(
                "CONSERVATION, {frames} frames: {census}; {} in the pool, rx and fill ring {rx:?}, \
                 completion and tx ring {tx:?}",
                raw.pool.len()
            )
        })
    }
}
