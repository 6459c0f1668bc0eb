// SPDX-License-Identifier: BSD-2-Clause
//! Client-visible object IDs: one table per kind, generation-tagged so that a stale ID misses.

use crate::error::{Error, Result};
use crate::lock::{read, write};
use std::collections::VecDeque;
use std::sync::{Arc, RwLock};

const INDEX_BITS: u32 = 18;
const GENERATION_BITS: u32 = 10;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;
/// A freed slot is not used again before this many others are free, so that generations wrap late.
const MIN_FREE: usize = 256;

/// What an ID names. The values are the IDs' top bits: never zero (0 is no ID), never all ones (`VA_INVALID_ID`), and the
/// sign bit stays clear for clients that keep IDs in an `int`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `VAConfigID`
    Config = 1,
    /// `VAContextID`
    Context = 2,
    /// `VASurfaceID`
    Surface = 3,
    /// `VABufferID`
    Buffer = 4,
    /// `VAImageID`
    Image = 5,
}

struct Slot<T> {
    generation: u32,
    value: Option<Arc<T>>,
}

struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: VecDeque<u32>,
}

/// Objects of one kind. Lookups hand out an `Arc`: an object that another thread destroys meanwhile stays whole.
pub struct Table<T> {
    kind: Kind,
    slots: RwLock<Slots<T>>,
}

impl<T> Table<T> {
    /// An empty table.
    pub fn new(kind: Kind) -> Self {
        let slots = Slots {
            slots: Vec::new(),
            free: VecDeque::new(),
        };
        Self {
            kind,
            slots: RwLock::new(slots),
        }
    }

    /// Adds an object, returns its ID: not 0, not `VA_INVALID_ID`.
    ///
    /// # Errors
    /// [`Error::TooManyObjects`] at 262,144 live objects.
    pub fn insert(&self, value: Arc<T>) -> Result<u32> {
        let mut table = write(&self.slots);
        let reuse = table.free.len() >= MIN_FREE || table.slots.len() > INDEX_MASK as usize;
        let index = if reuse { table.free.pop_front() } else { None };
        let (index, generation) = match index {
            Some(index) => {
                let slot = table
                    .slots
                    .get_mut(index as usize)
                    .ok_or(Error::TooManyObjects)?;
                slot.value = Some(value);
                (index, slot.generation)
            }
            None => {
                let index = u32::try_from(table.slots.len()).map_err(|_| Error::TooManyObjects)?;
                if index > INDEX_MASK {
                    return Err(Error::TooManyObjects);
                }
                table.slots.push(Slot {
                    generation: 0,
                    value: Some(value),
                });
                (index, 0)
            }
        };
        Ok(((self.kind as u32) << (INDEX_BITS + GENERATION_BITS))
            | (generation << INDEX_BITS)
            | index)
    }

    /// The object, if `id` is live.
    pub fn get(&self, id: u32) -> Option<Arc<T>> {
        let (index, generation) = self.split(id)?;
        let table = read(&self.slots);
        let slot = table.slots.get(index as usize)?;
        if slot.generation == generation {
            slot.value.clone()
        } else {
            None
        }
    }

    /// Ends the ID's life and hands out the object.
    pub fn remove(&self, id: u32) -> Option<Arc<T>> {
        let (index, generation) = self.split(id)?;
        let mut table = write(&self.slots);
        let slot = table.slots.get_mut(index as usize)?;
        if slot.generation != generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = (generation + 1) & GENERATION_MASK;
        table.free.push_back(index);
        Some(value)
    }

    /// Ends the life of every ID.
    pub fn drain(&self) -> Vec<Arc<T>> {
        let mut table = write(&self.slots);
        let Slots { slots, free } = &mut *table;
        let mut values = Vec::new();
        for (index, slot) in (0u32..).zip(slots.iter_mut()) {
            if let Some(value) = slot.value.take() {
                slot.generation = (slot.generation + 1) & GENERATION_MASK;
                free.push_back(index);
                values.push(value);
            }
        }
        values
    }

    fn split(&self, id: u32) -> Option<(u32, u32)> {
        if id >> (INDEX_BITS + GENERATION_BITS) != self.kind as u32 {
            return None;
        }
        Some((id & INDEX_MASK, (id >> INDEX_BITS) & GENERATION_MASK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_misses() {
        let table = Table::new(Kind::Buffer);
        let mut seen = std::collections::HashSet::new();
        for value in 0..20_000u32 {
            let id = table.insert(Arc::new(value)).unwrap();
            assert!(id != 0 && id != u32::MAX && id >> 31 == 0);
            assert!(
                seen.insert(id),
                "id {id:#x} came back after {value} objects"
            );
            assert_eq!(table.get(id).as_deref(), Some(&value));
            assert_eq!(table.remove(id).as_deref(), Some(&value));
            assert!(table.get(id).is_none());
            assert!(table.remove(id).is_none());
        }
    }

    #[test]
    fn an_id_of_another_kind_misses() {
        let surfaces = Table::new(Kind::Surface);
        let images = Table::new(Kind::Image);
        let id = surfaces.insert(Arc::new(1)).unwrap();
        images.insert(Arc::new(2)).unwrap();
        assert!(images.get(id).is_none());
        assert!(images.get(0).is_none());
        assert!(images.get(u32::MAX).is_none());
        assert!(surfaces.get(id).is_some());
    }

    #[test]
    fn the_table_ends_without_panic() {
        let table = Table::new(Kind::Config);
        let value = Arc::new(());
        for _ in 0..=INDEX_MASK {
            table.insert(value.clone()).unwrap();
        }
        assert_eq!(table.insert(value.clone()), Err(Error::TooManyObjects));
        let live = table.drain();
        assert_eq!(live.len(), INDEX_MASK as usize + 1);
        assert!(table.insert(value).is_ok());
    }
}
