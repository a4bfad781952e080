//! Reads the captures beside the tests.

use std::fs;
use std::path::Path;

/// One packet of a capture.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "not every test reads every field")]
pub struct Packet {
    /// The file's name, without its extension.
    pub capture: String,
    pub bytes: Vec<u8>,
}

/// All packets of all captures, by name and order.
pub fn all() -> Vec<Packet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pcap"));
    files.sort();
    assert!(files.len() > 8, "captures are missing");
    files.iter().flat_map(|file| read(file)).collect()
}

/// The classic format, little-endian, microseconds, Ethernet.
fn read(file: &Path) -> Vec<Packet> {
    let bytes = fs::read(file).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(20)), (0xa1b2_c3d4, 1), "{file:?}");
    let capture = file.file_stem().unwrap().to_string_lossy().into_owned();
    let mut packets = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let len = word(at + 8) as usize;
        packets.push(Packet {
            capture: capture.clone(),
            bytes: bytes[at + 16..at + 16 + len].to_vec(),
        });
        at += 16 + len;
    }
    packets
}
