//! Capture files: packets out of one into a simulated NIC, and from a NIC into one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use fluxcapacitor_core::{Error, Result};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::{DataLink, TsResolution};

use super::control::{Captured, Nic};

/// Lets the packets of a capture file arrive at a NIC, each as long after now as it was captured after
/// the first; says how many.
///
/// # Errors
/// [`Error::Sys`] if the file cannot be read, is no capture of Ethernet in the classic format, or ends
/// in the middle of a packet; nothing arrives then.
pub fn play(nic: &Nic, path: impl AsRef<Path>) -> Result<u64> {
    let path = path.as_ref();
    let packets = read(path).map_err(|source| failed("reading a capture", path, &source))?;
    let first = packets.first().map_or(Duration::ZERO, |(at, _)| *at);
    for (at, bytes) in &packets {
        nic.inject_after(at.saturating_sub(first), bytes);
    }
    Ok(packets.len() as u64)
}

fn read(path: &Path) -> io::Result<Vec<(Duration, Vec<u8>)>> {
    let mut reader = PcapReader::new(File::open(path)?).map_err(io_error)?;
    if reader.header().datalink != DataLink::ETHERNET {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not of Ethernet"));
    }
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.map_err(io_error)?;
        packets.push((packet.timestamp, packet.data.into_owned()));
    }
    Ok(packets)
}

/// Writes every packet that goes by a NIC, in either direction, into a capture file.
///
/// Times are those of the NIC's world, from its beginning on. Packets are kept in memory until
/// [`Tap::save`], or the drop of this, writes them.
#[derive(Debug)]
#[must_use = "it listens until it is dropped"]
pub struct Tap {
    path: PathBuf,
    captured: Receiver<Captured>,
    is_saved: bool,
}

impl Tap {
    /// Listens to `nic` from here on; takes the place of an earlier tap.
    pub fn new(nic: &Nic, path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), captured: nic.tap(), is_saved: false }
    }

    /// Stops listening and writes the file; says how many packets there were.
    ///
    /// # Errors
    /// [`Error::Sys`] if the file cannot be written.
    pub fn save(mut self) -> Result<u64> {
        self.is_saved = true;
        self.write().map_err(|source| failed("writing a capture", &self.path, &source))
    }

    fn write(&self) -> io::Result<u64> {
        let header = PcapHeader {
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            ..PcapHeader::default()
        };
        let file = io::BufWriter::new(File::create(&self.path)?);
        let mut writer = PcapWriter::with_header(file, header).map_err(io_error)?;
        let mut count = 0;
        for Captured { at, bytes, .. } in self.captured.try_iter() {
            // As long as a packet can be: 64 KiB.
            let len = bytes.len() as u32;
            writer.write_packet(&PcapPacket::new(at, len, &bytes)).map_err(io_error)?;
            count += 1;
        }
        io::Write::flush(&mut writer.into_writer())?;
        Ok(count)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if !self.is_saved {
            // Nobody is left to tell.
            let _unwritten = self.write();
        }
    }
}

/// With the name of the file.
fn failed(call: &'static str, path: &Path, source: &io::Error) -> Error {
    Error::sys(call, io::Error::new(source.kind(), format!("{}: {source}", path.display())))
}

fn io_error(error: pcap_file::PcapError) -> io::Error {
    match error {
        pcap_file::PcapError::IoError(source) => source,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}
