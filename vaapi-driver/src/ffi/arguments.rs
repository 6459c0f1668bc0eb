// SPDX-License-Identifier: BSD-2-Clause
//! Pointers that a client passes, checked.

use crate::error::{Error, Result};

/// Where a call leaves a result.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// `pointer` is null or valid for a write of a `T` for as long as the value lives.
    pub unsafe fn new(pointer: *mut T) -> Result<Self> {
        if pointer.is_null() {
            Err(Error::InvalidParameter("result pointer is null"))
        } else {
            Ok(Self(pointer))
        }
    }

    pub fn set(self, value: T) {
        // SAFETY: not null, and valid by the promise of `new`. Nothing is dropped: results are plain C values.
        unsafe { self.0.write(value) };
    }
}

/// A client's list of `length` elements; empty ones may have a null pointer.
///
/// # Safety
/// `pointer` is null or valid for reads of `length` elements, which nobody writes while the slice lives.
pub(super) unsafe fn list<'a, T>(pointer: *const T, length: usize) -> Result<&'a [T]> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() || length > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::InvalidParameter("list is null or too long"));
    }
    // SAFETY: not null, of a possible size, and valid by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// Writes `values` to a client's array that is long enough by libva's contract (`vaMaxNum*`, or a length checked before).
///
/// # Safety
/// `pointer` is null or valid for writes of `values.len()` elements.
pub(super) unsafe fn fill<T: Copy>(pointer: *mut T, values: &[T]) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    if pointer.is_null() {
        return Err(Error::InvalidParameter("list is null"));
    }
    // SAFETY: not null, and valid by the caller's promise; a fresh Rust slice does not overlap a client's array.
    unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), pointer, values.len()) };
    Ok(())
}

/// An `int` that counts.
pub(super) fn count(value: i32) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::InvalidParameter("negative count"))
}

/// A count as C clients read it.
pub(super) fn length<T: TryFrom<usize>>(value: usize) -> Result<T> {
    T::try_from(value).map_err(|_| Error::TooMany(value))
}
