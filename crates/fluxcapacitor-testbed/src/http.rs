//! A small web server inside a namespace.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    error::{Result, TestbedError},
    namespace::NetNs,
};

/// How long a client may take over a read or a write.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks for a client.
const ACCEPT_POLL: Duration = Duration::from_millis(2);

/// A web server inside a namespace, until it is dropped.
///
/// It answers `GET /bytes/N` with N bytes, which are those of [`HttpServer::body`], and everything else with its
/// name, which is also the second line of all its answers (`Server: name`). One request a connection.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct HttpServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Starts a server of this name, which listens when this returns.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Sys`] when the address cannot be listened on, otherwise as [`NetNs::run`].
    pub fn start(namespace: &NetNs, address: SocketAddr, name: &str) -> Result<Self> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        };
        let listening: io::Result<_> = namespace.run(listen)?;
        let (address, listener) =
            listening.map_err(|source| TestbedError::sys("bind and listen", source))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (is_over, name) = (Arc::clone(&stop), name.to_owned());
        let serve = move || {
            while !is_over.load(Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => {
                        let name = name.clone();
                        // A client that goes away in the middle is no failure of the server.
                        thread::spawn(move || answer(client, &name));
                    }
                    Err(_) => thread::sleep(ACCEPT_POLL),
                }
            }
        };
        let thread = Some(namespace.spawn("http", serve)?);
        Ok(Self { address, stop, thread })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `GET /bytes/N` is answered with: no two places of it look alike for long.
    #[must_use]
    pub fn body(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8 ^ (at / 251) as u8).collect()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn answer(client: TcpStream, name: &str) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut from = BufReader::new(&client);
    let mut request = String::new();
    from.read_line(&mut request)?;
    let mut header = String::new();
    while from.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let len = path.strip_prefix("/bytes/").and_then(|len| len.parse().ok());
    let body = len.map_or_else(|| name.as_bytes().to_vec(), HttpServer::body);
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: {name}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    (&client).write_all(head.as_bytes())?;
    (&client).write_all(&body)?;
    client.shutdown(Shutdown::Write)
}
