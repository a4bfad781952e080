//! What a driver tells about itself, by the ethtool ioctl.
//!
//! Structures and commands are those of `include/uapi/linux/ethtool.h`.
//!
//! # Safety
//!
//! `[ethtool-struct]`: the ioctl gets a pointer to a structure of plain bytes
//! and integers whose command fixes its size, and the kernel writes at most
//! that size. [`Command`] pairs the two and is implemented here only.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Opcode, Updater, ioctl};

/// `SIOCETHTOOL` (`include/uapi/linux/sockios.h`).
const SIOCETHTOOL: Opcode = 0x8946;
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GCHANNELS: u32 = 0x3c;

/// How many queues an interface uses, and could use.
///
/// A combined channel has one receive and one transmit queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[doc(alias = "ethtool_channels")]
pub struct Channels {
    /// Channels that only receive.
    pub rx: u32,
    /// Channels that only send.
    pub tx: u32,
    /// Channels that do both.
    pub combined: u32,
    /// Channels that carry no packets, such as for link events.
    pub other: u32,
    /// Most receive-only channels.
    pub rx_max: u32,
    /// Most send-only channels.
    pub tx_max: u32,
    /// Most combined channels.
    pub combined_max: u32,
    /// Most other channels.
    pub other_max: u32,
}

impl Channels {
    /// The larger of the receive and transmit queues in use.
    #[must_use]
    pub fn queue_count(&self) -> u32 {
        self.rx.max(self.tx).saturating_add(self.combined)
    }
}

/// `struct ethtool_drvinfo`.
#[repr(C)]
#[derive(Debug)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware_version: [u8; 32],
    bus_info: [u8; 32],
    rom_version: [u8; 32],
    reserved: [u8; 12],
    counts: [u32; 5],
}

const _: () = assert!(size_of::<DriverInfo>() == 196);

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Debug)]
struct ChannelInfo {
    command: u32,
    rx_max: u32,
    tx_max: u32,
    other_max: u32,
    combined_max: u32,
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

const _: () = assert!(size_of::<ChannelInfo>() == 36);

/// A structure that an ethtool command reads and writes.
///
/// # Safety
///
/// The first field is the command, and `query` sets it to one for which the
/// kernel expects exactly this structure; any bytes are a valid value of it.
unsafe trait Command {
    /// The structure to ask with.
    fn query() -> Self;
}

// SAFETY: [ethtool-struct] ETHTOOL_GDRVINFO takes an ethtool_drvinfo, which
// this is, field by field; it holds only bytes and integers.
unsafe impl Command for DriverInfo {
    fn query() -> Self {
        Self {
            command: ETHTOOL_GDRVINFO,
            driver: [0; 32],
            version: [0; 32],
            firmware_version: [0; 32],
            bus_info: [0; 32],
            rom_version: [0; 32],
            reserved: [0; 12],
            counts: [0; 5],
        }
    }
}

// SAFETY: [ethtool-struct] ETHTOOL_GCHANNELS takes an ethtool_channels, which
// this is, field by field; it holds only integers.
unsafe impl Command for ChannelInfo {
    fn query() -> Self {
        Self {
            command: ETHTOOL_GCHANNELS,
            rx_max: 0,
            tx_max: 0,
            other_max: 0,
            combined_max: 0,
            rx: 0,
            tx: 0,
            other: 0,
            combined: 0,
        }
    }
}

/// The name of an interface's driver; `None` if it has none.
pub(super) fn driver(socket: impl AsFd, interface: &str) -> io::Result<Option<String>> {
    let Some(info) = ask::<DriverInfo>(socket, interface)? else {
        return Ok(None);
    };
    let name = info.driver.split(|byte| *byte == 0).next();
    let name = String::from_utf8_lossy(name.unwrap_or_default());
    Ok((!name.is_empty()).then(|| name.into_owned()))
}

/// An interface's channels; `None` if its driver does not tell.
pub(super) fn channels(socket: impl AsFd, interface: &str) -> io::Result<Option<Channels>> {
    let info = ask::<ChannelInfo>(socket, interface)?;
    Ok(info.map(|info| Channels {
        rx: info.rx,
        tx: info.tx,
        combined: info.combined,
        other: info.other,
        rx_max: info.rx_max,
        tx_max: info.tx_max,
        combined_max: info.combined_max,
        other_max: info.other_max,
    }))
}

/// Runs one ethtool command; `None` if the driver does not have it.
fn ask<C: Command>(socket: impl AsFd, interface: &str) -> io::Result<Option<C>> {
    let mut query = C::query();
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: (&raw mut query).cast() },
    };
    // The name keeps a NUL behind it: callers checked its length.
    let last = libc::IFNAMSIZ - 1;
    for (to, from) in request.ifr_name[..last].iter_mut().zip(interface.bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    // SAFETY: SIOCETHTOOL is an opcode, and takes an ifreq.
    let command = unsafe { Updater::<SIOCETHTOOL, libc::ifreq>::new(&mut request) };
    // SAFETY: the kernel reads and writes the ifreq behind `command`, and the
    // structure at its `ifru_data`, which is `query`: alive, not borrowed
    // otherwise, and of the command's size by [ethtool-struct].
    match unsafe { ioctl(socket, command) } {
        Ok(()) => Ok(Some(query)),
        Err(rustix::io::Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combined_channels_count_once() {
        let channels = Channels { rx: 1, tx: 2, combined: 4, other: 1, ..Channels::default() };
        assert_eq!(channels.queue_count(), 6);
    }
}
