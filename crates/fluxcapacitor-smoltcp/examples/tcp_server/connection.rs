//! A connection to a client, and what it is told.

use std::collections::VecDeque;

use smoltcp::socket::tcp::{Socket, State};

const PAGE: &[u8] =
    b"<!doctype html><title>smoltcp</title><h1>Served by smoltcp over AF_XDP</h1>\n";

/// Longest request without its body, in bytes.
const REQUEST_MAX: usize = 16 << 10;

/// Five million bytes.
fn large() -> Vec<u8> {
    (0..5_000_000_u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

/// A request as far as it has come, and an answer as far as it has not left.
#[derive(Default)]
pub struct Connection {
    request: Vec<u8>,
    answer: VecDeque<u8>,
    /// Whether the connection ends with this answer.
    is_last: bool,
}

impl Connection {
    /// Receives and sends what can be; listens again when the connection is over.
    pub fn serve(&mut self, socket: &mut Socket<'_>, port: u16) {
        if !socket.is_open() {
            *self = Self::default();
            let _port_is_not_0 = socket.listen(port);
        }
        if self.answer.is_empty() {
            let _closed = socket.recv(|bytes| (bytes.len(), self.request.extend_from_slice(bytes)));
            match self.request.windows(4).position(|end| end == b"\r\n\r\n") {
                _ if self.is_last => socket.close(),
                Some(end) => self.answer(end + 4),
                None if self.request.len() > REQUEST_MAX => socket.abort(),
                None if socket.state() == State::CloseWait => socket.close(),
                None => {}
            }
        }
        let sent = socket.send_slice(self.answer.as_slices().0);
        self.answer.drain(..sent.unwrap_or(0));
    }

    /// Answers the request that ends there.
    fn answer(&mut self, end: usize) {
        let request: Vec<u8> = self.request.drain(..end).collect();
        let request = String::from_utf8_lossy(&request);
        let line = request.lines().next().unwrap_or_default();
        let (status, body) = match line.split(' ').collect::<Vec<_>>()[..] {
            ["GET", "/", _] => ("200 OK", PAGE.to_vec()),
            ["GET", "/large", _] => ("200 OK", large()),
            ["GET", ..] => ("404 Not Found", b"There are / and /large.\n".to_vec()),
            _ => ("405 Method Not Allowed", b"There is GET.\n".to_vec()),
        };
        println!("{line:?}: {status}");
        // What comes after another method may be its body.
        self.is_last = request.to_ascii_lowercase().contains("\r\nconnection: close")
            || !request.starts_with("GET ");
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        self.answer = head.into_bytes().into_iter().chain(body).collect();
    }
}
