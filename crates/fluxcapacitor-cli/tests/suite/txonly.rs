//! `fluxcap txonly`.

use fluxcapacitor_testbed::Counters;
use serde_json::Value;

use crate::tool::PATIENCE;
use crate::wire::wire;

/// The stable names of a line, sorted.
const KEYS: [&str; 7] =
    ["elapsed_s", "final", "kicks", "rx_bytes", "rx_packets", "tx_bytes", "tx_packets"];

fn keys(line: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn counts_what_the_interface_counts() {
    for (seconds, size, options) in [
        (1.2, 60, ""),
        (0.3, 1514, "--wait poll --batch 1"),
        (0.3, 100, "--wait busy --batch 4096"),
    ] {
        let Some(wire) = wire() else { return };
        let words = format!("txonly --seconds {seconds} -p {size} --output json {options}");
        let ended = wire.run(&words);
        // The wire drops what the other end has no room for, and says so.
        let Counters { tx_packets, tx_dropped, .. } = wire.end().counters().unwrap();
        let counted = tx_packets + tx_dropped;

        assert_eq!(ended.code(), Some(0), "{words}: {}", ended.stderr);
        let (lines, last) = ended.json();
        assert!(lines.len() >= seconds as usize, "one a second: {words}: {lines:#?}");
        assert!(lines.iter().chain([&last]).all(|line| keys(line) == KEYS), "{lines:#?} {last:#}");
        assert!(lines.iter().all(|line| line["final"] == false), "{words}: {lines:#?}");
        assert_eq!(last["final"], true, "{words}: {last:#}");
        let sent = last["tx_packets"].as_u64().unwrap();
        assert!(sent > 100 && sent == counted, "{words}: counted {counted}: {last:#}");
        assert_eq!(last["tx_bytes"], sent * size, "{words}: {last:#}");
        assert_eq!((&last["rx_packets"], &last["rx_bytes"]), (&0.into(), &0.into()));
        assert!(last["kicks"].as_u64().unwrap() > 0, "{words}: {last:#}");
        let elapsed = last["elapsed_s"].as_f64().unwrap();
        assert!((seconds..seconds + 20.0).contains(&elapsed), "{words}: {last:#}");
    }
}

#[test]
fn large_batches_do_not_keep_it_from_the_clock() {
    let Some(wire) = wire() else { return };
    let ended = wire.run("txonly --seconds 0.05 --batch 4096 -p 1514 --output json");
    let (_, last) = ended.json();
    // 256 turns of 2048 packets each, all that fit the ring, would be 20 times this.
    assert!(last["tx_packets"].as_u64().unwrap() < 200_000, "{last:#}");
}

#[test]
fn the_packet_is_as_it_was_asked_for() {
    let Some(wire) = wire() else { return };
    let ended = wire.run("txonly --seconds 0.05 -p 333 --destination 02:00:00:00:88:b1");
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let mut buffer = [0; 2048];
    let len = wire.peer().recv(&mut buffer, PATIENCE).unwrap().expect("a packet");
    assert_eq!(len, 333);
    assert_eq!(buffer[..6], [2, 0, 0, 0, 0x88, 0xb1]);
    // IPv4, UDP to the discard port.
    assert_eq!((&buffer[12..14], buffer[14], buffer[23]), (&[8, 0][..], 0x45, 17));
    assert_eq!(buffer[36..38], [0, 9]);
}
