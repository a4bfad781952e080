//! IRQs deferred for NAPI instances and for interfaces, and put back: on veth, whose instances have ids though no
//! socket is told which.
//!
//! Without root each test says that it was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.
#![cfg(all(target_os = "linux", not(loom)))]

use std::fs;
use std::io::ErrorKind;

use fluxcapacitor_core::sys::netdev::{
    Deferral, DeferralScope, Interface, NapiSettings, napi_instances,
};
use fluxcapacitor_core::{Error, Result};
use fluxcapacitor_testbed::{End, NetNs, VethPair, permitted};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

const NONE: NapiSettings = NapiSettings { hard_irqs: 0, timeout_ns: 0 };
const OURS: NapiSettings = NapiSettings { hard_irqs: 2, timeout_ns: 200_000 };
const THEIRS: NapiSettings = NapiSettings { hard_irqs: 7, timeout_ns: 5_000_000_000 };

/// A pair in one namespace, whose first end has a NAPI instance for each of its queues.
struct Wire(VethPair);

impl Wire {
    fn new(queues: u32) -> Option<Self> {
        permitted().then(|| {
            let namespace = NetNs::new().unwrap();
            let pair = VethPair::create(&namespace, &namespace, queues).unwrap();
            pair.a().set_gro(true).unwrap();
            Self(pair)
        })
    }

    fn end(&self) -> &End {
        self.0.a()
    }

    fn namespace(&self) -> &NetNs {
        self.end().namespace()
    }

    /// Does something where `/sys` shows the wire.
    fn within<T: Send>(&self, work: impl FnOnce(&Interface) -> T + Send) -> T {
        let look = || work(&Interface::by_name(self.end().name()).unwrap());
        self.namespace().run_with_sysfs(look).unwrap()
    }

    fn ids(&self) -> Vec<u32> {
        let instances = self.within(|interface| napi_instances(interface.index).unwrap());
        instances.iter().map(|instance| instance.id).collect()
    }

    /// What each instance has now.
    fn of_instances(&self) -> Vec<NapiSettings> {
        let instances = self.within(|interface| napi_instances(interface.index).unwrap());
        instances.iter().map(|instance| instance.settings.expect("Linux 6.13")).collect()
    }

    /// What sysfs says of the interface.
    fn of_interface(&self) -> NapiSettings {
        self.within(|interface| {
            let read = |name| fs::read_to_string(path(interface, name)).unwrap();
            NapiSettings {
                hard_irqs: read("napi_defer_hard_irqs").trim().parse().unwrap(),
                timeout_ns: read("gro_flush_timeout").trim().parse().unwrap(),
            }
        })
    }

    /// As an administrator does it.
    fn set_by_hand(&self, settings: NapiSettings) {
        self.within(|interface| {
            let write = |name, value: u64| {
                fs::write(path(interface, name), value.to_string()).unwrap();
            };
            write("napi_defer_hard_irqs", settings.hard_irqs.into());
            write("gro_flush_timeout", settings.timeout_ns);
        });
    }

    fn defer(&self, way: Way, wanted: NapiSettings) -> Result<Deferral> {
        self.defer_for(way, 0, wanted)
    }

    fn defer_for(&self, way: Way, queue: u32, wanted: NapiSettings) -> Result<Deferral> {
        let id = self.ids()[queue as usize];
        self.within(|interface| match way {
            Way::Napi => Deferral::new(interface, queue, id, wanted),
            Way::Interface => Deferral::of_interface(interface, wanted),
        })
    }

    fn now(&self, way: Way) -> NapiSettings {
        match way {
            Way::Napi => self.of_instances()[0],
            Way::Interface => self.of_interface(),
        }
    }
}

fn path(interface: &Interface, name: &str) -> String {
    format!("/sys/class/net/{}/{name}", interface.name)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Napi,
    Interface,
}

const WAYS: [Way; 2] = [Way::Napi, Way::Interface];

#[test]
fn one_instance_is_set_and_put_back() {
    let Some(wire) = Wire::new(2) else { return };
    let ids = wire.ids();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let guard = wire.defer_for(Way::Napi, 1, OURS).unwrap();
    assert_eq!(guard.scope(), DeferralScope::Napi { id: ids[1] });
    assert!(!guard.was_found());
    assert_eq!(wire.of_instances(), [NONE, OURS]);
    assert_eq!(wire.of_interface(), NONE);
    drop(guard);
    assert_eq!(wire.of_instances(), [NONE, NONE]);
}

#[test]
fn an_interface_is_set_with_all_its_instances_and_put_back() {
    let Some(wire) = Wire::new(2) else { return };
    let guard = wire.defer(Way::Interface, OURS).unwrap();
    assert_eq!((guard.scope(), guard.was_found()), (DeferralScope::Interface, false));
    assert_eq!((wire.of_interface(), wire.of_instances()), (OURS, vec![OURS, OURS]));
    drop(guard);
    assert_eq!((wire.of_interface(), wire.of_instances()), (NONE, vec![NONE, NONE]));
}

/// The undo after SIGKILL.
#[test]
fn what_is_written_to_sysfs_holds_for_instances_that_were_set_by_themselves() {
    let Some(wire) = Wire::new(2) else { return };
    std::mem::forget(wire.defer(Way::Napi, OURS).unwrap());
    assert_eq!((wire.of_interface(), wire.of_instances()), (NONE, vec![OURS, NONE]));
    wire.set_by_hand(NONE);
    assert_eq!(wire.of_instances(), [NONE, NONE]);
}

#[test]
fn what_was_there_comes_back() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        wire.set_by_hand(THEIRS);
        let guard = wire.defer(way, OURS).unwrap();
        assert_eq!(wire.now(way), OURS, "{way:?}");
        drop(guard);
        assert_eq!(wire.now(way), THEIRS, "{way:?}");
    }
}

#[test]
fn what_is_as_wanted_is_somebody_elses() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        wire.set_by_hand(OURS);
        let guard = wire.defer(way, OURS).unwrap();
        assert!(guard.was_found(), "{way:?}");
        drop(guard);
        assert_eq!(wire.now(way), OURS, "{way:?}");
    }
}

#[test]
fn what_somebody_else_sets_meanwhile_stays() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        let guard = wire.defer(way, OURS).unwrap();
        wire.set_by_hand(THEIRS);
        drop(guard);
        assert_eq!(wire.now(way), THEIRS, "{way:?}");
        // One of the two is enough.
        let half = NapiSettings { timeout_ns: 1, ..OURS };
        let guard = wire.defer(way, OURS).unwrap();
        wire.set_by_hand(half);
        drop(guard);
        assert_eq!(wire.now(way), half, "{way:?}");
    }
}

#[test]
fn the_last_of_those_that_share_puts_back() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        wire.set_by_hand(THEIRS);
        let first = wire.defer(way, OURS).unwrap();
        let second = wire.defer(way, OURS).unwrap();
        assert!(!second.was_found(), "{way:?}: it is our own");
        drop(first);
        assert_eq!(wire.now(way), OURS, "{way:?}");
        let third = wire.defer(way, OURS).unwrap();
        drop(second);
        assert_eq!(wire.now(way), OURS, "{way:?}");
        drop(third);
        assert_eq!(wire.now(way), THEIRS, "{way:?}");
    }
}

#[test]
fn queues_with_instances_of_their_own_do_not_share() {
    let Some(wire) = Wire::new(2) else { return };
    let first = wire.defer_for(Way::Napi, 0, OURS).unwrap();
    let second = wire.defer_for(Way::Napi, 1, THEIRS).unwrap();
    assert_eq!(wire.of_instances(), [OURS, THEIRS]);
    drop(first);
    assert_eq!(wire.of_instances(), [NONE, THEIRS]);
    drop(second);
    assert_eq!(wire.of_instances(), [NONE, NONE]);
}

#[test]
fn who_shares_wants_the_same() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        let guard = wire.defer(way, OURS).unwrap();
        let refused = wire.defer(way, THEIRS).unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{way:?}: {refused}");
        assert!(refused.to_string().contains("has 2 and 200000 ns"), "{way:?}: {refused}");
        assert_eq!(wire.now(way), OURS, "{way:?}");
        drop(guard);
        assert_eq!(wire.now(way), NONE, "{way:?}");
    }
}

#[test]
fn who_comes_after_somebody_elses_change_sets_it_again() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        let first = wire.defer(way, OURS).unwrap();
        wire.set_by_hand(THEIRS);
        let second = wire.defer(way, OURS).unwrap();
        assert_eq!(wire.now(way), OURS, "{way:?}");
        drop((first, second));
        assert_eq!(wire.now(way), THEIRS, "{way:?}");
    }
}

#[test]
fn an_unwinding_thread_puts_back_from_any_namespace() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        let guard = wire.defer(way, OURS).unwrap();
        let elsewhere = std::thread::spawn(move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new("in the middle"));
        });
        assert!(elsewhere.join().is_err());
        assert_eq!(wire.now(way), NONE, "{way:?}");
    }
}

#[test]
fn an_interface_that_is_gone_takes_its_settings_along() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        let guard = wire.defer(way, OURS).unwrap();
        let id = wire.ids()[0];
        let (interface, namespace) = wire.within(|interface| (interface.clone(), NetNs::current()));
        wire.0.delete().unwrap();
        drop(guard);
        let again = || match way {
            Way::Napi => Deferral::new(&interface, 0, id, OURS),
            Way::Interface => Deferral::of_interface(&interface, OURS),
        };
        let refused = namespace.unwrap().run_with_sysfs(again).unwrap().unwrap_err();
        assert!(
            matches!(&refused, Error::Sys { source, .. } if source.kind() == ErrorKind::NotFound)
        );
    }
}

#[test]
fn what_is_not_permitted_is_refused_and_what_is_there_needs_no_permission() {
    for way in WAYS {
        let Some(wire) = Wire::new(1) else { return };
        let id = wire.ids()[0];
        // On a thread that ends then: capabilities are each thread's own.
        let defer_without = || {
            wire.within(|interface| {
                let less = CapabilitySet::NET_ADMIN | CapabilitySet::SYS_ADMIN;
                let mut sets = capabilities(None).unwrap();
                sets.effective.remove(less);
                set_capabilities(None, sets).unwrap();
                match way {
                    Way::Napi => Deferral::new(interface, 0, id, OURS),
                    Way::Interface => Deferral::of_interface(interface, OURS),
                }
            })
        };
        let refused = defer_without().unwrap_err();
        assert!(
            matches!(&refused, Error::Sys { source, .. } if source.raw_os_error() == Some(libc::EPERM)),
            "{way:?}: {refused}"
        );
        assert_eq!(wire.now(way), NONE, "{way:?}");
        let guard = wire.defer(way, OURS).unwrap();
        assert!(!guard.was_found(), "{way:?}: what was refused is held");
        drop(guard);
        assert_eq!(wire.now(way), NONE, "{way:?}");

        wire.set_by_hand(OURS);
        assert!(defer_without().unwrap().was_found(), "{way:?}");
    }
}

/// Two interfaces of one name and one index, in two namespaces.
#[test]
fn an_interface_of_the_same_name_elsewhere_is_left_alone() {
    let (Some(here), Some(there)) = (Wire::new(1), Wire::new(1)) else { return };
    let ours = here.within(Interface::clone);
    let (name, peer) = (here.end().name(), here.0.b().name());
    there.0.delete().unwrap();
    let elsewhere = NetNs::new().unwrap();
    let twin = VethPair::builder(&elsewhere, &elsewhere).names(name, peer).build().unwrap();
    assert_eq!((twin.a().name(), twin.a().index()), (&*ours.name, ours.index), "not twins");

    let refused = elsewhere.run_with_sysfs(|| Deferral::of_interface(&ours, OURS)).unwrap();
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("another network namespace"), "{refused}");
    let look = || fs::read_to_string(path(&ours, "napi_defer_hard_irqs")).unwrap();
    assert_eq!(elsewhere.run_with_sysfs(look).unwrap().trim(), "0");
    assert_eq!(here.of_interface(), NONE);
}
