//! Packets on their way out.

use std::mem;
use std::time::Duration;

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::{Error, FluxTx, Packet, Result};

/// After how many packets there is a flush, whatever the stack has in mind.
const BURST: usize = 64;

/// The packet that is to be written next, and those that were written and have not left yet.
#[derive(Debug)]
pub(crate) struct Outgoing {
    tx: FluxTx,
    /// The frame for the next packet.
    spare: Option<Packet>,
    /// How many slots of the tx ring are known to be free.
    room: usize,
    /// How many packets wait for a flush.
    unflushed: usize,
    /// Whether the stack has sent since it was last asked.
    is_sending: bool,
    /// Longest packet, with its Ethernet header.
    len_max: usize,
    too_long: u64,
    /// What went wrong where smoltcp's trait has no error for it.
    failed: Option<Error>,
}

impl Outgoing {
    pub(crate) const fn new(tx: FluxTx, len_max: usize) -> Self {
        let (spare, failed) = (None, None);
        Self { tx, spare, room: 0, unflushed: 0, is_sending: false, len_max, too_long: 0, failed }
    }

    pub(crate) fn into_tx(self) -> FluxTx {
        self.tx
    }

    pub(crate) const fn too_long(&self) -> u64 {
        self.too_long
    }

    pub(crate) const fn len_max(&self) -> usize {
        self.len_max
    }

    /// Whether the stack has sent since this was last asked.
    #[inline]
    pub(crate) const fn take_sending(&mut self) -> bool {
        mem::replace(&mut self.is_sending, false)
    }

    #[inline]
    pub(crate) const fn is_sending(&self) -> bool {
        self.is_sending
    }

    /// Keeps an error for the next flush.
    #[cold]
    pub(crate) fn fail(&mut self, error: Error) {
        self.failed = Some(error);
    }

    /// As [`Outgoing::prepare`], for those who cannot be told of an error: it is kept, and there is no room any more.
    #[inline]
    pub(crate) fn is_ready(&mut self) -> bool {
        self.failed.is_none()
            && self.prepare().unwrap_or_else(|error| {
                self.fail(error);
                false
            })
    }

    /// Whether there is a frame and a slot for a packet; flushes for it if need be.
    pub(crate) fn prepare(&mut self) -> Result<bool> {
        if self.find()? {
            return Ok(true);
        }
        self.flush()?;
        self.find()
    }

    #[inline]
    fn find(&mut self) -> Result<bool> {
        if self.room == 0 {
            self.room = self.tx.room()?;
        }
        if self.spare.is_none() && self.room > 0 {
            self.spare = self.tx.allocate();
        }
        Ok(self.spare.is_some() && self.room > 0)
    }

    /// Has a packet of `len` bytes written, and puts it into the ring.
    #[inline]
    pub(crate) fn send<R>(&mut self, len: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        let packet = self.spare.take_if(|packet| len <= self.len_max && packet.resize(len).is_ok());
        let Some(mut packet) = packet else { return self.refuse(len, write) };
        let written = write(packet.data_mut());
        self.push(packet);
        written
    }

    #[inline]
    fn push(&mut self, packet: Packet) {
        self.is_sending = true;
        if self.tx.send(packet).is_err() {
            // There was a slot for it: the ring has stopped (or the packet has no bytes). It will say so.
            self.room = 0;
            return;
        }
        self.room = self.room.saturating_sub(1);
        self.unflushed += 1;
        if self.unflushed >= BURST
            && let Err(error) = self.flush()
        {
            self.fail(error);
        }
    }

    /// The stack has to write, for what that returns; where to is all the same.
    #[cold]
    fn refuse<R>(&mut self, len: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        self.too_long += 1;
        write(&mut vec![0; len])
    }

    /// Has the kernel send, and takes completions; tells what went wrong before.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)?;
        self.unflushed = 0;
        self.tx.flush()
    }

    /// Flushes if there is what for, and the stack has done with sending.
    #[inline]
    pub(crate) fn flush_when_idle(&mut self) {
        if !self.take_sending()
            && self.unflushed > 0
            && let Err(error) = self.flush()
        {
            self.fail(error);
        }
    }

    /// Whether the kernel has taken all packets out of the ring.
    pub(crate) fn is_drained(&mut self) -> Result<bool> {
        Ok(self.tx.room()? == self.tx.granted().rings.tx as usize)
    }

    /// Sleeps until there is room in the tx ring.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<Waited> {
        self.tx.device().wait(Interest::Tx, timeout)
    }
}
