//! What is said by `tracing`: that a queue was opened, with what it was not granted, and that it was closed.
#![cfg(all(feature = "tracing", feature = "simulator"))]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use fluxcapacitor::simulator::control::{NicConfig, World};
use fluxcapacitor::{FluxBuilder, system};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the level and the text of each event.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(Level, String)>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("fluxcapacitor")
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn opening_and_closing_are_told_and_nothing_in_between() {
    let heard = Heard::default();
    tracing::subscriber::with_default(heard.clone(), || {
        let world = World::new(1);
        let nic = world.nic(NicConfig::new("eth0")).unwrap();
        let (rx, mut tx) = system::split(FluxBuilder::new(nic.name()).build_raw().unwrap());
        for number in 0..100 {
            let mut packet = tx.allocate().unwrap();
            packet.write(&[number; 60]).unwrap();
            tx.send(packet).unwrap();
            tx.flush().unwrap();
        }
        drop(rx);
        assert!(
            !heard.0.lock().unwrap().iter().any(|(_, text)| text == "closed"),
            "one half lives"
        );
        drop(tx);
    });
    let heard = heard.0.lock().unwrap();
    let [(opened, granted), (warned, copied), (closed, text)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!([opened, warned, closed], [&Level::INFO, &Level::WARN, &Level::INFO]);
    assert!(granted.starts_with("opened: sim:") && copied.starts_with("copied: "), "{heard:?}");
    assert_eq!(text, "closed");
}
