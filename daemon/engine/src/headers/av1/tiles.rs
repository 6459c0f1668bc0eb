// SPDX-License-Identifier: BSD-2-Clause
//! `tile_info()` (section 5.9.15) and the tile group (section 5.11.1).

use super::HeaderError;
use super::check::{Layout, ensure};
use v4l2_common::av1::tile_log2;
use v4l2_common::bits::BitWriter;
use v4l2_common::uapi::av1::*;

/// `TileSizeBytes`: constant, enough for any tile.
const TILE_SIZE_BYTES: usize = 4;

/// Writes `tile_info()` from counts (uniform spacing) or sizes in superblocks; `mi_*_starts` follow from them.
pub(super) fn tile_info(
    w: &mut BitWriter,
    info: &v4l2_av1_tile_info,
    layout: &Layout<'_>,
) -> Result<(), HeaderError> {
    let limits = &layout.limits;
    let (cols, rows) = (u32::from(info.tile_cols), u32::from(info.tile_rows));
    let uniform = info.flags & V4L2_AV1_TILE_INFO_FLAG_UNIFORM_TILE_SPACING != 0;
    w.bit(uniform);
    let (cols_log2, rows_log2);
    if uniform {
        let impossible = |what: &str| {
            HeaderError::Invalid(format!(
                "no uniform spacing has {cols} x {rows} tiles in {} x {} superblocks ({what})",
                limits.sb_cols, limits.sb_rows
            ))
        };
        cols_log2 = limits
            .uniform_cols(cols)
            .ok_or_else(|| impossible("columns"))?
            .0;
        increments(
            w,
            limits.min_log2_tile_cols,
            cols_log2,
            limits.max_log2_tile_cols,
        );
        rows_log2 = limits
            .uniform_rows(cols_log2, rows)
            .ok_or_else(|| impossible("rows"))?
            .0;
        increments(
            w,
            limits.min_log2_tile_rows(cols_log2),
            rows_log2,
            limits.max_log2_tile_rows,
        );
    } else {
        let widths = info.width_in_sbs_minus_1.iter().take(cols as usize);
        let widest = sizes(
            w,
            widths,
            limits.sb_cols,
            limits.max_tile_width_sb,
            "columns",
        )?;
        cols_log2 = tile_log2(1, cols);
        let heights = info.height_in_sbs_minus_1.iter().take(rows as usize);
        sizes(
            w,
            heights,
            limits.sb_rows,
            limits.max_tile_height_sb(widest),
            "rows",
        )?;
        rows_log2 = tile_log2(1, rows);
    }
    if cols_log2 > 0 || rows_log2 > 0 {
        let id = u32::from(info.context_update_tile_id);
        ensure(id < cols * rows, || {
            format!("context_update_tile_id {id} of {} tiles", cols * rows)
        })?;
        w.bits(id, cols_log2 + rows_log2);
        w.bits(TILE_SIZE_BYTES as u32 - 1, 2);
    }
    Ok(())
}

fn increments(w: &mut BitWriter, from: u32, to: u32, max: u32) {
    for log2 in from..max {
        w.bit(log2 < to);
        if log2 >= to {
            break;
        }
    }
}

/// Explicit tile sizes along one side, which must add up to it; returns the largest.
fn sizes<'a>(
    w: &mut BitWriter,
    minus_1: impl Iterator<Item = &'a u32>,
    superblocks: u32,
    max_size: u32,
    what: &str,
) -> Result<u32, HeaderError> {
    let mut left = superblocks;
    let mut largest = 0;
    let mut count = 0;
    for &size_minus_1 in minus_1 {
        let max = left.min(max_size);
        ensure(size_minus_1 < max, || {
            format!("tile {what}: {size_minus_1} + 1 superblocks, at most {max} are allowed")
        })?;
        w.ns(size_minus_1, max);
        largest = largest.max(size_minus_1 + 1);
        left -= size_minus_1 + 1;
        count += 1;
    }
    ensure(left == 0, || {
        format!("{count} tile {what} leave {left} of {superblocks} superblocks")
    })?;
    Ok(largest)
}

/// Bytes of the tile group.
pub(super) fn group_size(layout: &Layout<'_>) -> usize {
    let tiles: usize = layout.tiles.iter().map(|&(start, end)| end - start).sum();
    match layout.tiles.len() {
        0 | 1 => tiles,
        n => 1 + tiles + (n - 1) * TILE_SIZE_BYTES,
    }
}

/// One tile group with all tiles.
pub(super) fn write_group(layout: &Layout<'_>, bitstream: &[u8], out: &mut Vec<u8>) {
    if layout.tiles.len() > 1 {
        out.push(0); // tile_start_and_end_present_flag, byte_alignment()
    }
    for (i, &(start, end)) in layout.tiles.iter().enumerate() {
        if i + 1 < layout.tiles.len() {
            let minus_1 = u32::try_from(end - start - 1).unwrap_or(u32::MAX);
            out.extend_from_slice(&minus_1.to_le_bytes());
        }
        out.extend_from_slice(bitstream.get(start..end).unwrap_or_default());
    }
}
