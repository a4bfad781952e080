//! How each case is to end on each backend: `expected.toml`, and the differences from it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::backend::Backend;
use crate::verdict::{Reason, Verdict};

/// The committed list.
pub const COMMITTED: &str = include_str!("../expected.toml");

/// One run of one case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Name of the case.
    pub case: String,
    /// What it runs on.
    pub backend: Backend,
    /// Whether the kernel busy polls.
    pub busy: bool,
}

/// How each case is to end. Nothing in it is a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(BTreeMap<Key, Verdict>);

impl Expected {
    /// Reads a list: a table for each case, with one line for each backend, and those with busy
    /// polling under `busy`.
    ///
    /// # Errors
    /// Says which line is wrong: it is no TOML, has a backend or a reason that there is not, or a verdict
    /// other than `pass` and `not-run: reason`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let cases: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let mut expected = BTreeMap::new();
        for (case, lines) in cases {
            let Value::Table(mut lines) = lines else { return Err(format!("{case} is no table")) };
            let busy = match lines.remove("busy") {
                None => Table::new(),
                Some(Value::Table(busy)) => busy,
                Some(_) => return Err(format!("{case}.busy is no table")),
            };
            for (busy, lines) in [(false, lines), (true, busy)] {
                for (backend, verdict) in lines {
                    let at = |why: String| format!("{case}, {backend}: {why}");
                    let verdict = verdict.as_str().ok_or_else(|| at("no string".to_owned()))?;
                    let verdict = parse_verdict(verdict).map_err(at)?;
                    let key = Key { case: case.clone(), backend: backend.parse()?, busy };
                    expected.insert(key, verdict);
                }
            }
        }
        Ok(Self(expected))
    }

    /// What is wrong with `found`; `None` if it is what was expected.
    #[must_use]
    pub fn difference(&self, key: &Key, found: &Verdict) -> Option<String> {
        match (self.0.get(key), found) {
            (_, Verdict::Fail(why)) => Some(why.clone()),
            (Some(expected), found) if expected == found => None,
            (Some(expected), found) => Some(format!("expected {expected}, found {found}")),
            (None, found) => Some(format!("expected.toml does not say; found {found}")),
        }
    }

    /// What is expected of cases that there are not: of none that `exists` knows.
    pub fn strangers(&self, exists: impl Fn(&Key) -> bool) -> impl Iterator<Item = &Key> {
        self.0.keys().filter(move |key| !exists(key))
    }
}

fn parse_verdict(text: &str) -> Result<Verdict, String> {
    match text.split_once(": ") {
        None if text == "pass" => Ok(Verdict::Pass),
        Some(("not-run", reason)) => reason.parse().map(Verdict::NotRun),
        _ => Err(format!("{text:?} is neither `pass` nor `not-run: reason`")),
    }
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self::NotRun(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [ONE]
        simulator = "pass"
        veth-native = "not-run: needs-rules"
        busy.veth-native = "not-run: no-napi-id"
    "#;

    fn key(backend: Backend, busy: bool) -> Key {
        Key { case: "ONE".to_owned(), backend, busy }
    }

    #[test]
    fn what_was_expected_is_no_difference() {
        let list = Expected::parse(LIST).unwrap();
        for (backend, busy, found) in [
            (Backend::Simulator, false, Verdict::Pass),
            (Backend::VethNative, false, Verdict::NotRun(Reason::NeedsRules)),
            (Backend::VethNative, true, Verdict::NotRun(Reason::NoNapiId)),
        ] {
            assert_eq!(list.difference(&key(backend, busy), &found), None);
        }
    }

    #[test]
    fn everything_else_is_one() {
        let list = Expected::parse(LIST).unwrap();
        let difference = |backend, busy, found| list.difference(&key(backend, busy), &found);
        let fail = Verdict::Fail("it broke".to_owned());
        assert_eq!(difference(Backend::Simulator, false, fail.clone()).unwrap(), "it broke");
        assert_eq!(
            difference(Backend::VethNative, false, Verdict::Pass).unwrap(),
            "expected not-run: needs-rules, found pass",
            "what starts to pass is to be noticed"
        );
        let found = difference(Backend::Simulator, false, Reason::Driver.into()).unwrap();
        assert_eq!(found, "expected pass, found not-run: driver");
        let found = difference(Backend::VethNative, false, Reason::Driver.into()).unwrap();
        assert_eq!(found, "expected not-run: needs-rules, found not-run: driver");
        let found = difference(Backend::VethGeneric, false, Verdict::Pass).unwrap();
        assert_eq!(found, "expected.toml does not say; found pass");
        assert!(
            difference(Backend::Simulator, true, Verdict::Pass).is_some(),
            "busy polling apart"
        );
    }

    #[test]
    fn what_is_expected_of_no_case_is_found() {
        let list = Expected::parse(LIST).unwrap();
        assert_eq!(list.strangers(|_| true).count(), 0);
        let strangers: Vec<_> = list.strangers(|key| !key.busy).collect();
        assert_eq!(strangers, [&key(Backend::VethNative, true)]);
    }

    #[test]
    fn a_list_with_a_mistake_is_refused_and_the_mistake_named() {
        for (text, named) in [
            ("[ONE", "TOML"),
            ("ONE = 1", "ONE"),
            ("[ONE]\nbusy = 1", "ONE.busy"),
            ("[ONE]\nmoon = \"pass\"", "moon"),
            ("[ONE]\nsimulator = 1", "simulator"),
            ("[ONE]\nsimulator = \"fine\"", "fine"),
            ("[ONE]\nsimulator = \"FAIL\"", "FAIL"),
            ("[ONE]\nsimulator = \"not-run: laziness\"", "laziness"),
        ] {
            let error = Expected::parse(text).unwrap_err();
            assert!(error.contains(named), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_committed_list_can_be_read() {
        Expected::parse(COMMITTED).unwrap();
    }
}
