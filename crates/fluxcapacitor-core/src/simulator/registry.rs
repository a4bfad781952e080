//! Every simulated socket of this process, world by world.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::shared::Shared;
use crate::error::{Error, Result};

/// The worlds of this process, and in them all simulated sockets.
///
/// A world is here for as long as somebody holds it, one of its NICs or one of its sockets.
pub static SOCKETS: Registry =
    Registry(Mutex::new(Entries { worlds: BTreeMap::new(), next_id: 0 }));

/// What [`SOCKETS`] is.
#[derive(Debug)]
pub struct Registry(Mutex<Entries>);

#[derive(Debug)]
struct Entries {
    worlds: BTreeMap<String, Weak<Shared>>,
    next_id: u64,
}

impl Registry {
    /// Names of the worlds that there are.
    pub fn worlds(&self) -> Vec<String> {
        self.entries().worlds.keys().cloned().collect()
    }

    /// How many sockets are open in the world of this name.
    pub fn sockets(&self, world: &str) -> usize {
        self.find(world).map_or(0, |shared| shared.lock().sockets.len())
    }

    /// Whether there is no world, and so no socket either.
    pub fn is_empty(&self) -> bool {
        self.entries().worlds.is_empty()
    }

    /// Enters a world whose name is a number.
    pub(super) fn enter(&self, make: impl FnOnce(String, u64) -> Shared) -> Arc<Shared> {
        let mut entries = self.entries();
        while entries.worlds.contains_key(&entries.next_id.to_string()) {
            entries.next_id += 1;
        }
        let name = entries.next_id.to_string();
        entries.add(name, make)
    }

    /// Enters a world of this name.
    pub(super) fn enter_as(
        &self,
        name: &str,
        make: impl FnOnce(String, u64) -> Shared,
    ) -> Result<Arc<Shared>> {
        let mut entries = self.entries();
        if name.is_empty() || name.contains('/') {
            return Err(Error::invalid(
                "name of a world",
                format!("{name:?}"),
                "it has no slash and is not empty",
            ));
        }
        if entries.worlds.contains_key(name) {
            return Err(Error::invalid("name of a world", name, "there is one of this name"));
        }
        Ok(entries.add(name.to_owned(), make))
    }

    /// Strikes a world that nobody holds any more.
    pub(super) fn leave(&self, name: &str) {
        self.entries().worlds.remove(name);
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Shared>> {
        self.entries().worlds.get(name).and_then(Weak::upgrade)
    }

    /// A panic while it was locked leaves nothing half done.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn add(&mut self, name: String, make: impl FnOnce(String, u64) -> Shared) -> Arc<Shared> {
        let shared = Arc::new(make(name.clone(), self.next_id));
        self.next_id += 1;
        self.worlds.insert(name, Arc::downgrade(&shared));
        shared
    }
}
