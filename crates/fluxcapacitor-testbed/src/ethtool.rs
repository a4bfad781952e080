//! Offload features, over the kernel's ethtool netlink family.
//!
//! Constants and shapes are from `linux/ethtool_netlink.h` and `linux/genetlink.h`.

use std::io;

use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLMSG_ERROR: u16 = 2;
const NLA_F_NESTED: u16 = 1 << 15;

const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const ETHTOOL_MSG_FEATURES_SET: u8 = 12;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_WANTED: u16 = 3;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const ETHTOOL_A_HEADER_FLAGS: u16 = 3;
const ETHTOOL_FLAG_OMIT_REPLY: u32 = 2;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_BITS_BIT: u16 = 1;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BIT_VALUE: u16 = 3;

/// `struct nlmsghdr`, and behind it in every generic message `struct genlmsghdr`.
const NLMSG_HEADER: usize = 16;
const GENL_HEADER: usize = 4;

/// Turns one feature of a link in the calling thread's namespace on or off.
pub(crate) fn set_feature(index: u32, feature: &str, on: bool) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let family = ethtool_family(&socket)?;
    let request = features_request(index, feature, on);
    exchange(&socket, family, NLM_F_ACK, ETHTOOL_MSG_FEATURES_SET, &request)?;
    Ok(())
}

/// The number of the family "ethtool", which the kernel chose as it booted.
fn ethtool_family(socket: &Socket) -> io::Result<u16> {
    let name = attribute(CTRL_ATTR_FAMILY_NAME, b"ethtool\0");
    let attributes = exchange(socket, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, &name)?;
    find(&attributes, CTRL_ATTR_FAMILY_ID)
        .and_then(|value| value.try_into().ok())
        .map(u16::from_ne_bytes)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// A bit set with one bit listed: the others stay as they are.
fn features_request(index: u32, feature: &str, on: bool) -> Vec<u8> {
    let header = [
        attribute(ETHTOOL_A_HEADER_DEV_INDEX, &index.to_ne_bytes()),
        attribute(ETHTOOL_A_HEADER_FLAGS, &ETHTOOL_FLAG_OMIT_REPLY.to_ne_bytes()),
    ]
    .concat();
    let name = [feature.as_bytes(), b"\0"].concat();
    let mut bit = attribute(ETHTOOL_A_BITSET_BIT_NAME, &name);
    if on {
        bit.extend(attribute(ETHTOOL_A_BITSET_BIT_VALUE, &[]));
    }
    let bits = nested(ETHTOOL_A_BITSET_BITS_BIT, &bit);
    let wanted = nested(ETHTOOL_A_BITSET_BITS, &bits);
    [nested(ETHTOOL_A_FEATURES_HEADER, &header), nested(ETHTOOL_A_FEATURES_WANTED, &wanted)]
        .concat()
}

/// Sends one generic request and returns the attributes of its answer, none for an acknowledgement.
fn exchange(
    socket: &Socket,
    family: u16,
    flags: u16,
    command: u8,
    attributes: &[u8],
) -> io::Result<Vec<u8>> {
    let len = (NLMSG_HEADER + GENL_HEADER + attributes.len()) as u32;
    let mut message = Vec::with_capacity(len as usize);
    message.extend(len.to_ne_bytes());
    message.extend(family.to_ne_bytes());
    message.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    message.extend([0; 8]); // sequence number and port: one request is out at a time
    message.extend([command, 1, 0, 0]); // command, version, reserved
    message.extend(attributes);
    socket.send(&message, 0)?;

    let mut answer = Vec::with_capacity(16 * 1024);
    socket.recv(&mut answer, 0)?;
    let truncated = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let payload = answer.get(NLMSG_HEADER..).ok_or_else(truncated)?;
    if answer[4..6] == NLMSG_ERROR.to_ne_bytes() {
        let code = payload.first_chunk().ok_or_else(truncated)?;
        return match i32::from_ne_bytes(*code) {
            0 => Ok(Vec::new()),
            code => Err(io::Error::from_raw_os_error(-code)),
        };
    }
    let attributes = payload.get(GENL_HEADER..).ok_or_else(truncated)?;
    Ok(attributes.to_vec())
}

/// One attribute: length, kind, value, padded to four bytes.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = (4 + value.len()) as u16;
    let mut bytes = Vec::with_capacity(4 + value.len().next_multiple_of(4));
    bytes.extend(len.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
    attribute(kind | NLA_F_NESTED, value)
}

/// The value of the first attribute of this kind.
fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let [l0, l1, k0, k1, ..] = *attributes {
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = attributes.get(4..len)?;
        if u16::from_ne_bytes([k0, k1]) == wanted {
            return Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_found() {
        let attributes = [attribute(7, b"abcde"), attribute(9, b"xy")].concat();
        assert_eq!(attributes.len(), 12 + 8);
        assert_eq!(find(&attributes, 7), Some(&b"abcde"[..]));
        assert_eq!(find(&attributes, 9), Some(&b"xy"[..]));
        assert_eq!(find(&attributes, 8), None);
    }

    #[test]
    fn broken_attributes_end_the_search() {
        assert_eq!(find(&[0, 0, 0, 0, 1], 1), None);
        assert_eq!(find(&200u16.to_ne_bytes().repeat(2), 1), None);
        assert_eq!(find(&[1, 2, 3], 1), None);
    }
}
