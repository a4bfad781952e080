//! Each option can be given by an environment variable.

use crate::tool::{Tool, fluxcap};
use crate::wire::turn;

#[test]
fn each_variable_is_read() {
    for (words, variables) in [
        (
            "bench",
            "SCENARIO MODE WAIT DEFER_IRQS BATCH PACKET_SIZE SECONDS ROUNDS QUEUE CPUS OUTPUT",
        ),
        ("demo", "SECONDS IN_FLIGHT PACKET_SIZE BACKEND OUTPUT"),
        ("dump -i lo", "SIMULATOR QUEUE SECONDS COUNT SNAPLEN FRAME_SIZE ZERO_COPY ATTACH OUTPUT"),
        (
            "rxdrop -i lo",
            "SIMULATOR QUEUE SECONDS BATCH FRAME_SIZE WAIT DEFER_IRQS ZERO_COPY ATTACH OUTPUT",
        ),
        (
            "l2fwd -i lo",
            "SIMULATOR QUEUE SECONDS BATCH FRAME_SIZE WAIT DEFER_IRQS ZERO_COPY ATTACH OUTPUT",
        ),
        ("txonly -i lo", "SIMULATOR QUEUE WAIT DEFER_IRQS PACKET_SIZE DESTINATION"),
    ] {
        for variable in variables.split_whitespace() {
            let ended = Tool::run(fluxcap(words).env(format!("FLUXCAP_{variable}"), "wrong"));
            assert_eq!(ended.code(), Some(2), "{words}, {variable}: {}", ended.stderr);
            let option = format!("--{}", variable.to_lowercase().replace('_', "-"));
            assert!(ended.stderr.contains("'wrong'"), "{words}, {variable}: {}", ended.stderr);
            assert!(ended.stderr.contains(&option), "{words}, {variable}: {}", ended.stderr);
        }
    }
    let ended = Tool::run(fluxcap("rxdrop").env("FLUXCAP_INTERFACE", "nosuch0"));
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("no interface nosuch0"), "{}", ended.stderr);
}

#[test]
fn the_command_line_comes_before_the_environment() {
    let Some(_turn) = turn() else { return };
    let demo = |words| {
        let mut command = fluxcap(words);
        command.env("FLUXCAP_OUTPUT", "json").env("FLUXCAP_SECONDS", "0.1");
        let ended = Tool::run(&mut command);
        assert_eq!(ended.code(), Some(0), "{words}: {}", ended.stderr);
        ended
    };
    let (_, last) = demo("demo").json();
    assert_eq!(last["passed"], true);
    assert!(last["elapsed_s"].as_f64().unwrap() < 4.0, "not the default of 5 seconds: {last:#}");
    assert!(
        demo("demo --output table").stdout[0].starts_with("running on this machine's kernel: ")
    );
}
