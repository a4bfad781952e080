//! How each case is to end on each backend: `expected.toml`, and the differences from it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::backend::Backend;
use crate::verdict::{Reason, Verdict};

/// What a table says besides: the first kernel that has what the case needs, and, by backend, the first that does
/// not stop for good in it.
const SINCE: &str = "since";
const BREAKS_BEFORE: &str = "breaks-before";

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

/// A kernel's version, as far as features go by it: 6.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kernel(u32, u32);

impl Kernel {
    /// That of the system that this runs on, if it has one.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?)
    }

    /// The version of these two numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self(major, minor)
    }

    /// Reads what `uname -r` says, or the beginning of it.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

/// How each case is to end. Nothing in it is a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    verdicts: BTreeMap<Key, Verdict>,
    /// The first kernels that have what cases need.
    since: BTreeMap<String, Kernel>,
    /// The first kernels that do not stop for good in a run, nor say that something is wrong with them.
    breaks_before: BTreeMap<Key, Kernel>,
    /// The first that has what every case needs that busy polls.
    busy_since: Option<Kernel>,
}

impl Expected {
    /// Reads a list: a table for each case, with one line for each backend, and those with busy polling under
    /// `busy`. `since` says which kernel is the first that a case runs on; in `busy` before all tables, which is the
    /// first for those that busy poll. `breaks-before` says of a backend which kernel is the first that gets through.
    ///
    /// # Errors
    /// Says which line is wrong: it is no TOML, has a backend or a reason that there is not, or a verdict
    /// other than `pass` and `not-run: reason`, where what goes by the kernel is no reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cases: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let busy_since = subtable(&mut cases, "busy")?.get(SINCE).map(parse_kernel).transpose()?;
        let mut expected = Self { busy_since, ..Self::default() };
        for (case, lines) in cases {
            let Value::Table(mut lines) = lines else { return Err(format!("{case} is no table")) };
            let busy = subtable(&mut lines, "busy").map_err(|why| format!("{case}.{why}"))?;
            if let Some(since) = lines.remove(SINCE) {
                let since = parse_kernel(&since).map_err(|why| format!("{case}: {why}"))?;
                expected.since.insert(case.clone(), since);
            }
            for (busy, mut lines) in [(false, lines), (true, busy)] {
                let key = |backend: &str| {
                    Ok::<_, String>(Key { case: case.clone(), backend: backend.parse()?, busy })
                };
                for (backend, kernel) in subtable(&mut lines, BREAKS_BEFORE)? {
                    let kernel = parse_kernel(&kernel).map_err(|why| format!("{case}: {why}"))?;
                    expected.breaks_before.insert(key(&backend)?, kernel);
                }
                for (backend, verdict) in lines {
                    let at = |why: String| format!("{case}, {backend}: {why}");
                    let verdict = verdict.as_str().ok_or_else(|| at("no string".to_owned()))?;
                    let verdict = parse_verdict(verdict).map_err(at)?;
                    expected.verdicts.insert(key(&backend)?, verdict);
                }
            }
        }
        Ok(expected)
    }

    /// What is wrong with `found` on a kernel; `None` if it is what was expected.
    ///
    /// Before the kernel that `since` names, a case may also say that the kernel is too old, and on no other: one with
    /// patches of its own may have what it takes all the same.
    #[must_use]
    pub fn difference(&self, key: &Key, found: &Verdict, kernel: Option<Kernel>) -> Option<String> {
        let expected = match (self.verdicts.get(key), found) {
            (_, Verdict::Fail(why)) => return Some(why.clone()),
            (None, found) => return Some(format!("expected.toml does not say; found {found}")),
            (Some(expected), _) => expected,
        };
        let too_old = *found == Verdict::NotRun(Reason::OldKernel);
        if expected == found || too_old && self.is_old_for(key, kernel) {
            return None;
        }
        Some(format!("expected {expected}, found {found}"))
    }

    /// Whether a kernel stops for good in a run, which is left out then.
    #[must_use]
    pub fn breaks(&self, key: &Key, kernel: Option<Kernel>) -> bool {
        let first = self.breaks_before.get(key);
        first.is_some_and(|first| kernel.is_some_and(|kernel| kernel < *first))
    }

    /// Whether a kernel is older than what the case needs.
    fn is_old_for(&self, key: &Key, kernel: Option<Kernel>) -> bool {
        let busy_since = if key.busy { self.busy_since } else { None };
        let since = self.since.get(&key.case).copied().max(busy_since);
        key.backend.is_kernel() && kernel.is_some_and(|kernel| Some(kernel) < since)
    }

    /// What is expected of cases that there are not: of none that `exists` knows.
    pub fn strangers(&self, exists: impl Fn(&Key) -> bool) -> impl Iterator<Item = &Key> {
        self.verdicts.keys().chain(self.breaks_before.keys()).filter(move |key| !exists(key))
    }
}

/// Takes a table out of another one; an empty one if there is none.
fn subtable(table: &mut Table, name: &str) -> Result<Table, String> {
    match table.remove(name) {
        None => Ok(Table::new()),
        Some(Value::Table(found)) => Ok(found),
        Some(_) => Err(format!("{name} is no table")),
    }
}

fn parse_kernel(value: &Value) -> Result<Kernel, String> {
    let kernel = value.as_str().and_then(Kernel::parse);
    kernel.ok_or_else(|| format!("{value:?} is no kernel's version, as \"6.12\" is"))
}

fn parse_verdict(text: &str) -> Result<Verdict, String> {
    match text.split_once(": ") {
        None if text == "pass" => Ok(Verdict::Pass),
        Some(("not-run", reason)) => match reason.parse()? {
            Reason::OldKernel => Err(format!("say `{SINCE}` which kernel it runs")),
            Reason::KernelBreaks => Err(format!("say which kernel it `{BREAKS_BEFORE}`")),
            reason => Ok(Verdict::NotRun(reason)),
        },
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
            assert_eq!(list.difference(&key(backend, busy), &found, None), None);
        }
    }

    #[test]
    fn everything_else_is_one() {
        let list = Expected::parse(LIST).unwrap();
        let difference = |backend, busy, found| list.difference(&key(backend, busy), &found, None);
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
    fn a_kernel_is_too_old_for_a_case_before_the_one_that_is_named_alone() {
        let list = Expected::parse(
            r#"
            busy.since = "5.11"
            [ONE]
            since = "6.6"
            simulator = "pass"
            veth-native = "pass"
            busy.veth-native = "pass"
            [TWO]
            veth-native = "pass"
            busy.veth-native = "pass"
        "#,
        )
        .unwrap();
        let old = Verdict::NotRun(Reason::OldKernel);
        let may = |case: &str, backend, busy, release: &str, found: &Verdict| {
            let key = Key { case: case.to_owned(), backend, busy };
            list.difference(&key, found, Kernel::parse(release)).is_none()
        };
        let veth = Backend::VethNative;
        assert!(may("ONE", veth, false, "6.1.0-50-cloud-amd64", &old));
        assert!(may("ONE", veth, false, "6.1.0-50-cloud-amd64", &Verdict::Pass), "patched");
        assert!(!may("ONE", veth, false, "6.6.0", &old), "this one has it");
        assert!(!may("ONE", veth, false, "6.12.117+deb13-amd64", &old), "numbers, not letters");
        assert!(!may("ONE", veth, false, "6.1.0", &Reason::Driver.into()), "another reason");
        assert!(!may("ONE", Backend::Simulator, false, "6.1.0", &old), "it is no kernel");
        assert!(may("ONE", veth, true, "6.1.0", &old) && !may("ONE", veth, true, "6.6.1", &old));
        assert!(may("TWO", veth, true, "5.10.0", &old) && !may("TWO", veth, true, "5.11.0", &old));
        assert!(!may("TWO", veth, false, "5.10.0", &old), "it needs nothing new");
        assert!(!may("ONE", veth, false, "unknown", &old));
    }

    #[test]
    fn a_kernel_breaks_before_the_one_that_is_named_and_on_that_backend_alone() {
        let text = "[ONE]\nbreaks-before.qemu-virtio = \"6.18\"\nqemu-virtio = \"pass\"";
        let list = Expected::parse(text).unwrap();
        let breaks = |backend, release| list.breaks(&key(backend, false), Kernel::parse(release));
        assert!(breaks(Backend::QemuVirtio, "6.17.13+deb13-cloud-amd64"));
        assert!(!breaks(Backend::QemuVirtio, "6.18.15"));
        assert!(!breaks(Backend::QemuIgb, "6.17.13"));
        assert!(!breaks(Backend::QemuVirtio, "unknown"));
        assert!(!list.breaks(&key(Backend::QemuVirtio, true), Kernel::parse("6.17")), "apart");
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
            ("[ONE]\nveth-native = \"not-run: old-kernel\"", "since"),
            ("[ONE]\nsince = \"recently\"", "recently"),
            ("busy.since = 6", "6"),
            ("[ONE]\nveth-native = \"not-run: kernel-breaks\"", "breaks-before"),
            ("[ONE]\nbreaks-before.moon = \"6.18\"", "moon"),
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
