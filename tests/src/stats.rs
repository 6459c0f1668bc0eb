// SPDX-License-Identifier: BSD-2-Clause
//! The driver's own counts: with `DAEDALUS_STATS=path` it appends one line of `name=value` words per context.

use std::{fmt, fs, path::Path};

/// Sums over all contexts of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Pictures accepted by `vaEndPicture`.
    pub submitted: u64,
    /// Submitted pictures that decoded without an error.
    pub decoded: u64,
    /// Submitted pictures that were concealed or lost.
    pub bad: u64,
    /// Pictures that `vaEndPicture` refused.
    pub refused: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            submitted,
            decoded,
            bad,
            refused,
        } = self;
        write!(
            f,
            "driver: {submitted} submitted, {decoded} decoded, {bad} damaged or failed, {refused} refused"
        )
    }
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
            let count = value.parse().unwrap_or(0);
            match name {
                "submitted" => sum.submitted += count,
                "completed" => sum.decoded += count,
                "failed" => sum.bad += count,
                "refused" => sum.refused += count,
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
        if self.bad + self.refused > 0 || self.decoded != self.submitted {
            return Err(self.to_string());
        }
        if self.decoded + repeats < frames {
            return Err(format!(
                "{frames} frames shown, {repeats} of them repeated ({self})"
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
        let text = "pid=1 profile=H264High backend=embedded-engine submitted=10 completed=10 failed=0 damaged=0 refused=0\n\
            pid=1 profile=H264High backend=embedded-engine submitted=3 completed=1 failed=2 damaged=1 refused=1\n";
        let stats = Stats::parse(text);
        assert_eq!(
            stats,
            Stats {
                submitted: 13,
                decoded: 11,
                bad: 2,
                refused: 1
            }
        );
        assert!(stats.account_for(11, 0).is_err());
        let good = Stats {
            submitted: 13,
            decoded: 13,
            bad: 0,
            refused: 0,
        };
        assert_eq!(good.account_for(13, 0), Ok(()));
        assert!(good.account_for(14, 0).is_err());
        assert_eq!(good.account_for(14, 1), Ok(()));
        assert!(Stats { refused: 1, ..good }.account_for(13, 0).is_err());
        assert!(Stats::default().account_for(0, 0).is_err());
    }
}
