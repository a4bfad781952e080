//! Families of generic netlink, found by name as `nlctrl.yaml` says.
//!
//! That of interfaces, `netdev`, is described in
//! `Documentation/netlink/specs/netdev.yaml` and exists since Linux 6.3.

use std::io;

use super::super::netlink::{Request, Socket};

/// Length of `struct genlmsghdr`: command, version, two bytes reserved.
pub(super) const HEADER_LEN: usize = 4;

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// The version of the controller, and of the netdev family.
const VERSION: u8 = 1;

/// A family, by the message type that the kernel has given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family(u16);

impl Family {
    /// Asks the controller for it; `None` if there is none of this name.
    pub(super) fn find(socket: &mut Socket, name: &str) -> io::Result<Option<Self>> {
        let name = [name.as_bytes(), b"\0"].concat();
        let mut request = Self(GENL_ID_CTRL)
            .request(CTRL_CMD_GETFAMILY, 0)
            .attribute(CTRL_ATTR_FAMILY_NAME, &name)?;
        let mut id = None;
        let found = socket.exchange(&mut request, |message| {
            let mut attributes = message.attributes(HEADER_LEN);
            id = attributes
                .find(|attribute| attribute.kind == CTRL_ATTR_FAMILY_ID)
                .and_then(|attribute| attribute.as_u16());
            Ok(())
        });
        match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(|()| id.map(Self)),
        }
    }

    /// Starts a request for one of its commands.
    pub(super) fn request(self, command: u8, flags: u16) -> Request {
        Request::new(self.0, flags, &[command, VERSION, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_is_not_there_is_none() {
        let mut socket = Socket::generic().unwrap();
        assert_eq!(Family::find(&mut socket, "no-such-family").unwrap(), None);
        let control = Family::find(&mut socket, "nlctrl").unwrap();
        assert_eq!(control, Some(Family(GENL_ID_CTRL)));
    }
}
