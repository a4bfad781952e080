//! The kernel's UDP sockets against the echo.

use std::net::UdpSocket;

use fluxcapacitor_testbed::{NetNs, VethPair};

use crate::support::{PATIENCE, Running, ip, numbers, turn};

#[test]
fn datagrams_of_the_kernels_sockets_come_back() {
    let Some(_turn) = turn() else { return };
    let (client, host) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    let pair = VethPair::create(&client, &host, 1).unwrap();
    pair.a().add_address(ip("10.9.0.1"), 24).unwrap();
    let options = ["--address", "10.9.0.2", "--port", "88"];
    let echo = Running::start("udp_echo", &host, &[pair.b().name()], &options);

    let open = || client.run(|| UdpSocket::bind("10.9.0.1:0").unwrap()).unwrap();
    let sockets = [open(), open()];
    for socket in &sockets {
        socket.connect("10.9.0.2:88").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let mut answer = [0; 2048];
    for number in 0..500usize {
        let socket = &sockets[number % 2];
        let sent = vec![number as u8; 1 + number * 2];
        socket.send(&sent).unwrap();
        let len = socket.recv(&mut answer).unwrap();
        assert!(answer[..len] == sent, "datagram {number}");
    }

    let said = echo.end();
    assert_eq!(numbers(&said, " datagrams echoed"), [500], "{said}");
    assert_eq!(pair.b().xdp_attached().unwrap(), None);
}
