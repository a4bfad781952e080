//! XskMaps: from a slot, as a rule the queue's number, to a socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shared::Shared;
use super::state::SocketId;
use crate::error::{Error, Result};

/// All maps of a world. Shared with the runs of programs, and copied when it changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Maps(BTreeMap<u64, Vec<Option<SocketId>>>);

impl Maps {
    pub(super) fn socket(&self, map: u64, slot: u64) -> Option<SocketId> {
        *self.0.get(&map)?.get(usize::try_from(slot).ok()?)?
    }

    /// Takes a socket that closes out of every map (`xsk_delete_from_maps`).
    pub(super) fn remove_socket(&mut self, socket: SocketId) {
        for slot in self.0.values_mut().flatten() {
            if *slot == Some(socket) {
                *slot = None;
            }
        }
    }
}

/// A map from slots to the sockets of one world (`BPF_MAP_TYPE_XSKMAP`).
#[derive(Debug)]
pub struct SocketMap {
    shared: Arc<Shared>,
    number: u64,
    slots: u32,
}

impl SocketMap {
    /// A map of `slots` slots, all vacant.
    pub(super) fn new(shared: Arc<Shared>, slots: u32) -> Self {
        let mut state = shared.lock();
        let maps = &mut Arc::make_mut(&mut state.maps).0;
        let number = (0..).find(|number| !maps.contains_key(number)).unwrap_or_default();
        maps.insert(number, vec![None; slots as usize]);
        drop(state);
        Self { shared, number, slots }
    }

    /// The number by which programs name it.
    pub fn number(&self) -> i32 {
        self.number as i32
    }

    /// How many slots it has.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// Puts a socket into a slot, or takes the one that is there out of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such slot (`E2BIG`), or the socket is of another world.
    pub fn set(&self, slot: u32, socket: Option<&super::SimSocket>) -> Result<()> {
        if socket.is_some_and(|socket| !socket.is_in(&self.shared)) {
            return Err(Error::invalid("socket", "of another world", "a map is of one world"));
        }
        let mut state = self.shared.lock();
        let maps = &mut Arc::make_mut(&mut state.maps).0;
        let entry = maps.get_mut(&self.number).and_then(|map| map.get_mut(slot as usize));
        let Some(entry) = entry else {
            let why = format!("the map has {} slots, counted from 0", self.slots);
            return Err(Error::invalid("slot of an XskMap", slot, why));
        };
        *entry = socket.map(super::SimSocket::id);
        Ok(())
    }
}

impl Drop for SocketMap {
    fn drop(&mut self) {
        Arc::make_mut(&mut self.shared.lock().maps).0.remove(&self.number);
    }
}
