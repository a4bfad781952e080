//! 0 done, 1 failed, 2 wrong usage; 3 is in `privilege`.

use crate::tool::{Tool, fluxcap};

/// Code and a part of what is said, for the words of a command line.
fn ends(words: &str, code: i32, says: &str) {
    let ended = Tool::run(&mut fluxcap(words));
    assert_eq!(ended.code(), Some(code), "{words}: {}", ended.stderr);
    assert!(ended.stderr.contains(says), "{words}: {}", ended.stderr);
    assert_eq!(ended.stdout, [""; 0], "{words}: stdout is data");
}

#[test]
fn wrong_usage_is_2() {
    ends("", 2, "Usage: fluxcap");
    ends("travel", 2, "travel");
    ends("bench --scenario travel", 2, "rxdrop, txonly, l2fwd, ping-pong");
    ends("bench --batch 257", 2, "1..=256");
    ends("bench --seconds 0", 2, "seconds 0");
    ends("bench --interface lo", 2, "scenario ping-pong: it needs both ends");
    ends("bench --contestant peer", 2, "NAME=COMMAND");
    ends("bench --contestant raw=true", 2, "a name of its own");
    ends("bench --cpus 5000", 2, "processor 5000: this process may use");
    ends("demo --speed 88", 2, "--speed");
    ends("demo --in-flight 257", 2, "1..=256");
    ends("demo --packet-size 10", 2, "60..=1514");
    ends("demo --seconds -1", 2, "-1");
    ends("rxdrop", 2, "--interface <IF>");
    ends("rxdrop -i lo --batch 0", 2, "1..=4096");
    ends("rxdrop -i lo --wait long", 2, "spin, poll, busy");
    ends("rxdrop -i lo --defer-irqs", 2, "nobody would poll: say `--wait busy`, too");
    ends("bench --wait spin,poll --defer-irqs", 2, "nobody would poll");
    ends("rxdrop -i lo --wait busy --defer-irqs=2", 2, "polls and microseconds, as 2,200");
    ends("rxdrop -i lo --wait busy --defer-irqs=0,200", 2, "hard IRQs to defer 0: 1 up to");
    ends("txonly -i lo --wait busy --defer-irqs=2,2000000", 2, "1 ns up to 1 s will do");
    ends("rxdrop -i lo --frame-size 3000", 2, "frames have 2048 or 4096 bytes");
    ends("dump", 2, "--interface <IF>");
    ends("dump -i lo --count 0", 2, "--count <N>");
    ends("dump -i lo --snaplen 0", 2, "--snaplen <BYTES>");
    ends("l2fwd -i in/valid", 2, "in/valid");
    ends("txonly -i lo --packet-size 10", 2, "packet size 10: from 60 bytes");
    ends("txonly -i lo --packet-size 2049", 2, "2048 of a frame");
    ends("txonly -i lo --destination 02:00:00", 2, "02:00:00:00:00:01");
}

#[test]
fn what_the_machine_has_not_is_1() {
    ends("bench --scenario rxdrop -i nosuch0", 1, "nosuch0");
    for tool in ["dump", "rxdrop", "txonly", "l2fwd"] {
        ends(&format!("{tool} -i nosuch0"), 1, "no interface nosuch0");
        ends(&format!("{tool} -i lo --queue 9"), 1, "queue 9 of lo: it has 1");
    }
}
