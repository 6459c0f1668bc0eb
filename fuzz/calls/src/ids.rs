// SPDX-License-Identifier: BSD-2-Clause
//! The objects of one sequence, by kind, in the order of their creation; destroyed ones stay, as stale IDs.

/// The objects of one kind.
#[derive(Debug, Default)]
pub struct Ids {
    all: Vec<(u32, bool)>,
}

impl Ids {
    /// A new object.
    pub fn add(&mut self, id: u32) {
        self.all
            .iter_mut()
            .filter(|(other, _)| *other == id)
            .for_each(|(_, live)| {
                assert!(!*live, "one ID for two live objects: {id:#x}");
            });
        self.all.push((id, true));
    }

    /// The place of an object that somebody else made. It counts as live: nobody tells of its end.
    pub fn adopt(&mut self, id: u32) -> u16 {
        let known = self.all.iter().position(|(other, _)| *other == id);
        let place = known.unwrap_or_else(|| {
            self.all.push((id, true));
            self.all.len() - 1
        });
        self.all[place].1 = true;
        // Places are kept short; a long-lived client forgets its oldest surfaces.
        if self.all.len() > 4096 {
            self.all.drain(..2048);
            return self.adopt(id);
        }
        place as u16
    }

    /// The ID that an argument means: an object (live or stale) by place, or a value that no object has.
    pub fn pick(&self, arg: u16) -> u32 {
        match arg {
            0xff00 => 0,
            0xff01 => u32::MAX,
            0xff02.. => u32::from(arg).wrapping_mul(0x9e37_79b9),
            _ if self.all.is_empty() => u32::from(arg),
            _ => self.all[usize::from(arg) % self.all.len()].0,
        }
    }

    /// `n` IDs from `first` on.
    pub fn several(&self, first: u16, n: u16) -> Vec<u32> {
        (0..n).map(|i| self.pick(first.wrapping_add(i))).collect()
    }

    /// Whether the object exists and was not destroyed.
    pub fn live(&self, id: u32) -> bool {
        self.all.iter().any(|&(other, live)| other == id && live)
    }

    /// The object was destroyed.
    pub fn remove(&mut self, id: u32) {
        self.all
            .iter_mut()
            .filter(|(other, _)| *other == id)
            .for_each(|(_, live)| *live = false);
    }

    /// Live objects.
    pub fn count(&self) -> usize {
        self.all.iter().filter(|(_, live)| *live).count()
    }
}
