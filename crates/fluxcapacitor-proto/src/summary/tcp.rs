//! Lines of TCP segments.

use core::fmt;

use crate::tcp::{Tcp, TcpFlags, TcpOption};

pub(super) fn write(f: &mut fmt::Formatter<'_>, tcp: &Tcp<&[u8]>) -> fmt::Result {
    let flags = tcp.flags();
    let len = tcp.payload().len();
    write!(f, "Flags [{flags}]")?;
    let takes = flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    if len > 0 {
        let next = tcp.sequence().wrapping_add(len as u32);
        write!(f, ", seq {}:{next}", tcp.sequence())?;
    } else if takes {
        write!(f, ", seq {}", tcp.sequence())?;
    }
    if flags.contains(TcpFlags::ACK) {
        write!(f, ", ack {}", tcp.acknowledgment())?;
    }
    write!(f, ", win {}", tcp.window())?;
    if flags.contains(TcpFlags::URG) {
        write!(f, ", urg {}", tcp.urgent_pointer())?;
    }
    if !tcp.option_bytes().is_empty() {
        f.write_str(", options [")?;
        let mut options = tcp.options();
        let mut separator = "";
        for option in options.by_ref() {
            f.write_str(separator)?;
            separator = ",";
            match option {
                Ok(option) => write_option(f, option)?,
                Err(_) => f.write_str("bad opt")?,
            }
        }
        if options.is_at_end_of_list() {
            write!(f, "{separator}eol")?;
        }
        f.write_str("]")?;
    }
    write!(f, ", length {len}")
}

fn write_option(f: &mut fmt::Formatter<'_>, option: TcpOption<'_>) -> fmt::Result {
    match option {
        TcpOption::NoOperation => f.write_str("nop"),
        TcpOption::MaxSegmentSize(size) => write!(f, "mss {size}"),
        TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
        TcpOption::SackPermitted => f.write_str("sackOK"),
        TcpOption::Sack(blocks) => {
            write!(f, "sack {} ", blocks.count())?;
            for (from, to) in blocks {
                write!(f, "{{{from}:{to}}}")?;
            }
            Ok(())
        }
        TcpOption::Timestamps { value, echo } => write!(f, "TS val {value} ecr {echo}"),
        TcpOption::Other { kind, data } => {
            write!(f, "unknown-{kind}")?;
            for (index, byte) in data.iter().enumerate() {
                write!(f, "{}{byte:02x}", if index == 0 { " 0x" } else { "" })?;
            }
            Ok(())
        }
    }
}
