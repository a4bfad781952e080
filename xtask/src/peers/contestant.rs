//! Who is measured, and by which command.

use std::{env, iter};

use super::Programs;

/// A row of the table.
#[derive(Debug)]
pub struct Contestant {
    pub name: &'static str,
    /// A mode of this library, which `fluxcap bench` runs by itself.
    pub mode: Option<&'static str>,
    /// The command of any other; {scenario} and the like stand for what it is to do.
    pub words: Vec<String>,
    /// The command whose steps are counted.
    counted: Vec<String>,
    /// Whether it waits in poll(2).
    pub polls: bool,
    /// Whether it sends without having received.
    pub sends: bool,
}

/// The case that is counted.
const ONE_RUN: &str = "--wait spin --batch 64 --packet-size 64 --rounds 1 --seconds 100";

const ARGUMENTS: &str =
    "{scenario} --interface {interface} --wait {wait} --batch {batch} --packet-size {packet_size}";

impl Contestant {
    /// All of them; xdpsock if XDPSOCK names it.
    pub fn all(programs: &Programs) -> Vec<Self> {
        let mode = |name| {
            // Where nothing else is sent to, one run that does not end while it is looked at.
            let words = format!(
                "bench --interface {{interface}} --scenario {{scenario}} --mode {name} {ONE_RUN}"
            );
            let counted = iter::once(programs.fluxcap.display().to_string());
            let counted = counted.chain(words.split(' ').map(str::to_owned)).collect();
            let sends = name != "engine";
            Self { name, mode: Some(name), words: Vec::new(), counted, polls: true, sends }
        };
        let other = |name: &'static str, polls| {
            let mut words = vec![programs.peers.join(name).display().to_string()];
            words.extend(ARGUMENTS.split(' ').map(str::to_owned));
            if name == "testpmd" {
                words.extend(["--cpu".to_owned(), "{cpu}".to_owned()]);
            }
            Self { name, mode: None, counted: words.clone(), words, polls, sends: true }
        };
        let mut all = vec![
            mode("raw"),
            mode("engine"),
            mode("owned"),
            other("xsk-rs", true),
            other("xdp", true),
            other("xdpilone", true),
            // Its driver has no call to wait in.
            other("testpmd", false),
        ];
        if env::var_os("XDPSOCK").is_some() {
            // Waiting, it does not end while no packet comes.
            all.push(other("xdpsock", false));
        }
        all
    }

    /// The command whose steps are counted in this scenario, if it does that.
    pub fn counted(&self, scenario: &str) -> Option<Vec<String>> {
        let fill = |word: &String| {
            word.replace("{scenario}", scenario)
                .replace("{wait}", "spin")
                .replace("{batch}", "64")
                .replace("{packet_size}", "64")
        };
        let does = scenario != "txonly" || self.sends;
        does.then(|| self.counted.iter().map(fill).collect())
    }
}
