// SPDX-License-Identifier: BSD-2-Clause
//! Memory at a fixed address that a client may read and write at any time through its own pointer.
//!
//! No Rust reference to the contents is ever made: what the client does meanwhile can garble bytes, nothing else.
#![allow(unsafe_code)]

use crate::error::{Error, Result};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// From this size on, fewer and larger pages pay.
const HUGE_PAGE: usize = 2 << 20;

enum Owner {
    /// From the allocator.
    Heap(Layout),
    /// No memory.
    Nobody,
    /// An anonymous mapping of `len` bytes, whose pages exist from their first use on.
    Pages,
}

/// Zeroed memory that never moves.
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
    owner: Owner,
}

// SAFETY: the allocation belongs to this value alone, and is only reached through raw copies.
unsafe impl Send for Memory {}
// SAFETY: as above; concurrent copies race on bytes, as they do with the client's own accesses.
unsafe impl Sync for Memory {}

impl Memory {
    /// `len` bytes from the heap, 16-byte aligned; for parameter and data buffers.
    ///
    /// # Errors
    /// [`Error::Allocation`]
    pub fn heap(len: usize) -> Result<Self> {
        let layout = Layout::from_size_align(len.max(1), 16).map_err(|_| Error::Allocation(len))?;
        // SAFETY: the layout's size is not zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(Error::Allocation(len))?;
        Ok(Self {
            base,
            len,
            owner: Owner::Heap(layout),
        })
    }

    /// `len` bytes in pages of their own; for pixels.
    ///
    /// # Errors
    /// [`Error::Allocation`]
    pub fn pages(len: usize) -> Result<Self> {
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new anonymous mapping at an address of the kernel's choice disturbs no other memory.
        let base =
            unsafe { libc::mmap(std::ptr::null_mut(), len.max(1), protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(Error::Allocation(len));
        }
        let base = NonNull::new(base.cast::<u8>()).ok_or(Error::Allocation(len))?;
        if len >= HUGE_PAGE {
            // SAFETY: advice on the mapping just made; refusing it harms nothing.
            unsafe { libc::madvise(base.as_ptr().cast(), len, libc::MADV_HUGEPAGE) };
        }
        Ok(Self {
            base,
            len,
            owner: Owner::Pages,
        })
    }

    /// First byte; valid as long as `self` lives.
    pub fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the first `len` bytes out; fewer if there are fewer.
    pub fn to_vec(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len.min(self.len)];
        self.read(0, &mut bytes);
        bytes
    }

    /// Copies bytes from `offset` on into `target`; `false`, and nothing copied, if that is outside.
    #[must_use = "false says that nothing was copied"]
    pub fn try_read(&self, offset: usize, target: &mut [u8]) -> bool {
        if !self.holds(offset, target.len()) {
            return false;
        }
        // SAFETY: the range lies inside the allocation, the target is a distinct exclusive borrow.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.as_ptr().add(offset),
                target.as_mut_ptr(),
                target.len(),
            )
        };
        true
    }

    /// Copies `source` to `offset`; `false`, and nothing copied, if that is outside.
    #[must_use = "false says that nothing was copied"]
    pub fn try_write(&self, offset: usize, source: &[u8]) -> bool {
        if !self.holds(offset, source.len()) {
            return false;
        }
        // SAFETY: the range lies inside the allocation; a copy that tolerates overlap, as a client may pass its mapping.
        unsafe { std::ptr::copy(source.as_ptr(), self.as_ptr().add(offset), source.len()) };
        true
    }

    /// Copies `len` bytes from one memory to another, or within one; `false`, and nothing copied, if that is outside either.
    #[must_use = "false says that nothing was copied"]
    pub fn try_copy(source: &Self, from: usize, target: &Self, to: usize, len: usize) -> bool {
        if !source.holds(from, len) || !target.holds(to, len) {
            return false;
        }
        // SAFETY: both ranges lie inside their allocations; overlap is allowed.
        unsafe { std::ptr::copy(source.as_ptr().add(from), target.as_ptr().add(to), len) };
        true
    }

    fn read(&self, offset: usize, target: &mut [u8]) {
        let inside = self.try_read(offset, target);
        debug_assert!(inside);
    }

    fn holds(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }
}

impl Default for Memory {
    /// No memory, of no bytes.
    fn default() -> Self {
        Self {
            base: NonNull::dangling(),
            len: 0,
            owner: Owner::Nobody,
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        match self.owner {
            Owner::Nobody => {}
            // SAFETY: allocated with this layout, freed once.
            Owner::Heap(layout) => unsafe { dealloc(self.as_ptr(), layout) },
            // SAFETY: mapped with this size, unmapped once; a failure leaves the mapping, which harms nobody.
            Owner::Pages => unsafe {
                libc::munmap(self.as_ptr().cast(), self.len.max(1));
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_stay_inside() {
        for memory in [Memory::heap(100).unwrap(), Memory::pages(100).unwrap()] {
            assert!(memory.try_write(98, &[1, 2]));
            assert!(!memory.try_write(99, &[1, 2]));
            assert!(!memory.try_write(usize::MAX, &[1]));
            let mut last = [0; 3];
            assert!(memory.try_read(97, &mut last));
            assert_eq!(last, [0, 1, 2]);
            assert!(!memory.try_read(98, &mut last));
            assert!(Memory::try_copy(&memory, 98, &memory, 97, 2));
            assert!(!Memory::try_copy(&memory, 98, &memory, 99, 2));
            assert_eq!(memory.to_vec(1000).get(97..), Some(&[1u8, 2, 2][..]));
        }
    }
}
