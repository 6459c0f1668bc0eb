// SPDX-License-Identifier: BSD-2-Clause
//! The driver's own counts: with `DAEDALUS_STATS=path` it appends one line of `name=value` words per context.

use std::{fs, path::Path};

/// Sums over all contexts of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Pictures given to `vaEndPicture`.
    pub submitted: u64,
    /// Pictures that decoded without an error.
    pub completed: u64,
    /// Pictures that were refused or damaged.
    pub failed: u64,
}

impl Stats {
    /// Reads and sums a statistics file; all zero if there is none.
    pub fn read(path: &Path) -> Self {
        fs::read_to_string(path)
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut sum = Self::default();
        for word in text.split_whitespace() {
            let Some((name, value)) = word.split_once('=') else {
                continue;
            };
            let value = value.parse().unwrap_or(0);
            match name {
                "submitted" => sum.submitted += value,
                "completed" => sum.completed += value,
                "failed" => sum.failed += value,
                _ => {}
            }
        }
        sum
    }

    /// Whether all these shown frames can have come from the driver: nothing failed, nothing is missing.
    ///
    /// `repeats` is how many shown frames are repetitions of earlier ones (`show_existing_frame`).
    ///
    /// # Errors
    /// Says what is wrong with the counts.
    pub fn account_for(&self, frames: u64, repeats: u64) -> Result<(), String> {
        if self.submitted == 0 {
            return Err("the driver decoded no picture".into());
        }
        if self.failed > 0 || self.completed != self.submitted {
            return Err(format!(
                "driver: {} submitted, {} completed, {} failed",
                self.submitted, self.completed, self.failed
            ));
        }
        if self.completed + repeats < frames {
            return Err(format!(
                "{} frames shown, but the driver decoded {} pictures",
                frames, self.completed
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_summed_and_checked() {
        let text = "profile=H264High submitted=10 completed=10 failed=0\nprofile=H264High submitted=3 completed=2 failed=1\n";
        let stats = Stats::parse(text);
        assert_eq!(
            stats,
            Stats {
                submitted: 13,
                completed: 12,
                failed: 1
            }
        );
        assert!(stats.account_for(12, 0).is_err());
        let good = Stats {
            submitted: 13,
            completed: 13,
            failed: 0,
        };
        assert_eq!(good.account_for(13, 0), Ok(()));
        assert!(good.account_for(14, 0).is_err());
        assert_eq!(good.account_for(14, 1), Ok(()));
        assert!(Stats::default().account_for(0, 0).is_err());
    }
}
