//! What the demo says at its end.

use serde_json::Value;

use crate::tool::Ended;

/// It has passed, on this backend, and its numbers say so too; how many packets it sent.
#[track_caller]
pub fn passed(ended: &Ended, backend: &str) -> u64 {
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let (lines, last) = ended.json();
    assert!(lines.iter().all(|line| line["final"] == false), "{lines:#?}");
    assert!(lines.iter().chain([&last]).all(|line| line["backend"] == backend), "{ended:#?}");
    assert_eq!((&last["final"], &last["passed"]), (&true.into(), &true.into()), "{last:#}");
    assert_eq!(last["interfaces_agree"], true, "{last:#}");
    for none in ["lost", "damaged", "out_of_order", "leaked"] {
        assert_eq!(last[none], 0, "{none}: {last:#}");
    }
    let sent = last["sent"].as_u64().unwrap();
    assert_eq!(last["returned"], sent, "{last:#}");
    assert_eq!(last["interfaces"], Value::from([sent; 4]), "{last:#}");
    sent
}
