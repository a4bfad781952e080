//! Where packets go that are shown.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use fluxcapacitor::proto::Summary;
use fluxcapacitor::tap::Snapshot;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, PcapError, TsResolution};
use serde::Serialize;

use crate::cli::DumpOptions;
use crate::report::Output;

/// Standard output or a file, with a buffer. Clones write to the same one: a `PcapWriter` cannot flush its own.
#[derive(Clone)]
struct Writer(Rc<RefCell<BufWriter<Box<dyn Write>>>>);

/// Where packets go.
pub struct Sink {
    kind: Kind,
    writer: Writer,
    /// For errors.
    name: String,
}

enum Kind {
    Lines { output: Output, is_simulated: bool },
    Capture(PcapWriter<Writer>),
}

/// One line of JSON. The names are stable.
#[derive(Debug, Serialize)]
struct Line<'s> {
    /// Since 1970.
    time_ns: u64,
    interface: &'s str,
    queue: u32,
    /// Bytes of the packet.
    len: usize,
    /// Bytes of it that were looked at.
    captured_len: usize,
    /// As in the table.
    summary: String,
    /// Only there if it is so.
    #[serde(rename = "simulated", skip_serializing_if = "std::ops::Not::not")]
    is_simulated: bool,
}

impl Sink {
    /// What the options ask for: lines on standard output, or a capture file.
    pub fn open(options: &DumpOptions) -> anyhow::Result<Self> {
        let path = options.write.as_deref();
        let file = path.filter(|path| *path != Path::new("-"));
        let name =
            file.map_or_else(|| "standard output".to_owned(), |file| file.display().to_string());
        let out: Box<dyn Write> = match file {
            Some(file) => Box::new(File::create(file).with_context(|| format!("creating {name}"))?),
            None => Box::new(io::stdout()),
        };
        let writer = Writer(Rc::new(RefCell::new(BufWriter::new(out))));
        let kind = match path {
            Some(_) => {
                Kind::Capture(capture(writer.clone()).with_context(|| format!("writing {name}"))?)
            }
            None => {
                let (output, is_simulated) = (options.output, options.port.simulator.is_some());
                Kind::Lines { output, is_simulated }
            }
        };
        let mut sink = Self { kind, writer, name };
        // A file that holds nothing yet is one already.
        sink.flush()?;
        Ok(sink)
    }

    /// Shows a packet; it may be seen after the next [`Sink::flush`] only.
    pub fn put(&mut self, packet: &Snapshot<'_>) -> anyhow::Result<()> {
        let put = match &mut self.kind {
            Kind::Lines { output: Output::Table, .. } => table_line(&mut self.writer, packet),
            Kind::Lines { output: Output::Json, is_simulated } => {
                json_line(&mut self.writer, packet, *is_simulated)
            }
            Kind::Capture(capture) => {
                // The kernel counts bytes in u32.
                let len = packet.len() as u32;
                let packet = PcapPacket::new(since_1970(packet), len, packet.data());
                capture.write_packet(&packet).map(drop).map_err(io_error)
            }
        };
        put.with_context(|| self.writing())
    }

    /// Makes what was shown visible.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.writer.flush().with_context(|| self.writing())
    }

    fn writing(&self) -> String {
        format!("writing {}", self.name)
    }
}

/// As tcpdump has it.
fn table_line(writer: &mut Writer, packet: &Snapshot<'_>) -> io::Result<()> {
    let (data, len) = (packet.data(), packet.len());
    write!(writer, "{} {}", clock(since_1970(packet)), Summary::of(data))?;
    if data.len() < len {
        // Or its lengths would seem to be wrong.
        write!(writer, " (first {} of {len} bytes)", data.len())?;
    }
    writeln!(writer)
}

fn json_line(writer: &mut Writer, packet: &Snapshot<'_>, is_simulated: bool) -> io::Result<()> {
    let line = Line {
        time_ns: u64::try_from(since_1970(packet).as_nanos()).unwrap_or(u64::MAX),
        interface: packet.interface(),
        queue: packet.queue(),
        len: packet.len(),
        captured_len: packet.data().len(),
        summary: Summary::of(packet.data()).to_string(),
        is_simulated,
    };
    serde_json::to_writer(&mut *writer, &line)?;
    writeln!(writer)
}

/// A capture of Ethernet. Its header names the longest packet, not the snaplen: readers refuse a packet that
/// is longer than that, though they have less of it.
fn capture(writer: Writer) -> io::Result<PcapWriter<Writer>> {
    let header = PcapHeader {
        datalink: DataLink::ETHERNET,
        ts_resolution: TsResolution::NanoSecond,
        ..PcapHeader::default()
    };
    PcapWriter::with_header(writer, header).map_err(io_error)
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(source) => source,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

/// When it was received; a clock that is set before 1970 is not worth an error.
fn since_1970(packet: &Snapshot<'_>) -> Duration {
    packet.time().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The time of day.
fn clock(since_1970: Duration) -> String {
    let (seconds, micros) = (since_1970.as_secs(), since_1970.subsec_micros());
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{micros:06}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_utc() {
        assert_eq!(clock(Duration::ZERO), "00:00:00.000000");
        // date -u -d @1445470140.000088 +%T
        assert_eq!(clock(Duration::new(1_445_470_140, 88_999)), "23:29:00.000088");
    }
}
