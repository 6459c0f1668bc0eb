// SPDX-License-Identifier: BSD-2-Clause
//! Where the tiles lie.

use crate::codec::CodecError;
use v4l2_common::av1::{TileLimits, mode_info_units};
use v4l2_common::uapi::av1::*;
use va_sys::VADecPictureParameterBufferAV1 as Params;

/// Tile geometry (section 5.9.15). Clients leave out sizes that follow from the rest: all of them with uniform spacing,
/// else those of the last column and row.
pub(super) fn tile_info(
    params: &Params,
    width: u32,
    height: u32,
) -> Result<v4l2_av1_tile_info, CodecError> {
    let limits = TileLimits::new(
        width,
        height,
        params.seq_bits().use_128x128_superblock() != 0,
    );
    let (cols, rows) = (u32::from(params.tile_cols), u32::from(params.tile_rows));
    let uniform = params.pic_bits().uniform_tile_spacing_flag() != 0;
    let Ok(context_update_tile_id) = u8::try_from(params.context_update_tile_id) else {
        // The control has 8 bits for it.
        return Err(CodecError::Unsupported(format!(
            "context_update_tile_id {}",
            params.context_update_tile_id
        )));
    };
    let mut info = v4l2_av1_tile_info {
        flags: if uniform {
            V4L2_AV1_TILE_INFO_FLAG_UNIFORM_TILE_SPACING
        } else {
            0
        },
        context_update_tile_id,
        tile_cols: params.tile_cols,
        tile_rows: params.tile_rows,
        tile_size_bytes: 4,
        ..Default::default()
    };
    let impossible = || {
        CodecError::Invalid(format!(
            "{cols} x {rows} tiles in {} x {} superblocks (uniform: {uniform})",
            limits.sb_cols, limits.sb_rows
        ))
    };
    let (col_size, row_size) = if uniform {
        let (log2, col_size) = limits.uniform_cols(cols).ok_or_else(impossible)?;
        (
            Some(col_size),
            Some(limits.uniform_rows(log2, rows).ok_or_else(impossible)?.1),
        )
    } else {
        (None, None)
    };
    let shift = limits.sb_shift;
    side(
        &mut info.mi_col_starts,
        &mut info.width_in_sbs_minus_1,
        (cols, limits.sb_cols, col_size),
        &params.width_in_sbs_minus_1,
        (shift, mode_info_units(width)),
    )
    .ok_or_else(impossible)?;
    side(
        &mut info.mi_row_starts,
        &mut info.height_in_sbs_minus_1,
        (rows, limits.sb_rows, row_size),
        &params.height_in_sbs_minus_1,
        (shift, mode_info_units(height)),
    )
    .ok_or_else(impossible)?;
    Ok(info)
}

/// Starts and sizes of `tiles` tiles along a side of `superblocks`, each of `size` or as given; the last takes the rest.
fn side(
    starts: &mut [u32; 65],
    sizes_minus_1: &mut [u32; 64],
    (tiles, superblocks, size): (u32, u32, Option<u32>),
    given_minus_1: &[u16; 63],
    (shift, units): (u32, u32),
) -> Option<()> {
    let mut start = 0;
    for i in 0..tiles as usize {
        let left = superblocks.checked_sub(start).filter(|&left| left > 0)?;
        let size = match size {
            _ if i + 1 == tiles as usize => left,
            Some(size) => size,
            None => u32::from(*given_minus_1.get(i)?) + 1,
        };
        *starts.get_mut(i)? = start << shift;
        *sizes_minus_1.get_mut(i)? = size.checked_sub(1)?;
        start = start.checked_add(size)?;
    }
    *starts.get_mut(tiles as usize)? = units;
    (start == superblocks).then_some(())
}
