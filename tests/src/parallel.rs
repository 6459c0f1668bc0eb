// SPDX-License-Identifier: BSD-2-Clause
//! A few jobs at a time.

use anyhow::{Result, anyhow};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// Applies `work` to all `items` on `jobs` threads; the results come in the order in which they were ready.
///
/// # Errors
/// `work` panicked.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    if let Ok(mut results) = results.lock() {
                        results.push(result);
                    }
                }
            });
        }
    });
    let results = results
        .into_inner()
        .map_err(|_| anyhow!("a worker panicked"))?;
    anyhow::ensure!(
        results.len() == items.len(),
        "{} of {} were done",
        results.len(),
        items.len()
    );
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_done_once() {
        let mut squares = map(&[1, 2, 3, 4, 5], 3, |n| n * n).unwrap();
        squares.sort_unstable();
        assert_eq!(squares, [1, 4, 9, 16, 25]);
    }
}
