// SPDX-License-Identifier: BSD-2-Clause
//! Which macroblock rows of an H.264 picture were decoded (pure).
//!
//! libavcodec reports concealment only with the frames that it outputs, and of a stream whose pictures come at once it
//! does not output those that lie before an earlier one in display order. It does announce each finished row of
//! macroblocks as a band of the frame (`draw_horiz_band`), and rows that were lost are never announced.

use std::collections::VecDeque;

/// Pictures remembered.
const MAX_PICTURES: usize = 64;

/// A finished band, as `AVCodecContext::draw_horiz_band` announces it: rows of the frame, also for fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    /// `pts` of the frame.
    pub packet: i64,
    /// 1: top field, 2: bottom field, 3: frame.
    pub structure: i32,
    pub y: i32,
    pub height: i32,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    packet: i64,
    structure: i32,
    bands: u32,
    /// Height of the first band at the top: the deblocking filter holds back the end of a row until the next one is done.
    first: i32,
}

/// The bands seen so far, by picture.
#[derive(Debug, Default)]
pub(super) struct Bands(VecDeque<Seen>);

impl Bands {
    /// A band is done.
    pub(super) fn add(&mut self, band: Band) {
        let first = if band.y == 0 { band.height } else { 0 };
        let known = self
            .0
            .iter_mut()
            .rev()
            .find(|seen| seen.packet == band.packet && seen.structure == band.structure);
        if let Some(seen) = known {
            seen.bands = seen.bands.saturating_add(1);
            if seen.first == 0 {
                seen.first = first;
            }
            return;
        }
        if self.0.len() >= MAX_PICTURES {
            self.0.pop_front();
        }
        self.0.push_back(Seen {
            packet: band.packet,
            structure: band.structure,
            bands: 1,
            first,
        });
    }

    /// Takes out how many rows of macroblocks (pairs of them in MBAFF frames), `row` frame rows high, were finished.
    pub(super) fn take(&mut self, packet: i64, structure: i32, row: i32) -> u32 {
        let index = self
            .0
            .iter()
            .position(|seen| seen.packet == packet && seen.structure == structure);
        let Some(seen) = index.and_then(|index| self.0.remove(index)) else {
            return 0;
        };
        // The first row has a band of its own only if it is not deblocked; otherwise its lines come with the second.
        if seen.first == row {
            seen.bands
        } else {
            seen.bands.saturating_add(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libavcodec's h264_slice.c announces for a row of macroblocks.
    fn announce(bands: &mut Bands, row: i32, at: i32, height: i32, deblock: bool) {
        let (mut top, mut size) = (at * row, row);
        let border = row / 16 * 20;
        if deblock {
            if top + size >= height {
                size += border;
            }
            top -= border;
        }
        if top >= height || top + size < 0 {
            return;
        }
        size = size.min(height - top);
        if top < 0 {
            size += top;
            top = 0;
        }
        bands.add(Band {
            packet: 5,
            structure: 3,
            y: top,
            height: size,
        });
    }

    fn finished(row: i32, rows: i32, lost: &[i32], deblock: impl Fn(i32) -> bool) -> u32 {
        let mut bands = Bands::default();
        for at in (0..rows).filter(|at| !lost.contains(at)) {
            announce(&mut bands, row, at, row * rows, deblock(at));
        }
        bands.take(5, 3, row)
    }

    #[test]
    fn rows_are_counted_with_and_without_deblocking() {
        for row in [16, 32] {
            for rows in [1, 2, 3, 9] {
                let expected = rows as u32;
                assert_eq!(finished(row, rows, &[], |_| true), expected);
                assert_eq!(finished(row, rows, &[], |_| false), expected);
                assert_eq!(finished(row, rows, &[], |at| at % 2 == 0), expected);
                assert_eq!(finished(row, rows, &[], |at| at % 2 == 1), expected);
            }
        }
    }

    #[test]
    fn lost_rows_are_missing() {
        for deblock in [false, true] {
            assert_eq!(finished(16, 9, &[8], |_| deblock), 8);
            assert_eq!(finished(16, 9, &[3, 4, 5], |_| deblock), 6);
            assert_eq!(finished(16, 9, &[2, 3, 4, 5, 6, 7, 8], |_| deblock), 2);
        }
        assert_eq!(Bands::default().take(1, 3, 16), 0);
    }
}
