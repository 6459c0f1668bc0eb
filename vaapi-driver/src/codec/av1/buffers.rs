// SPDX-License-Identifier: BSD-2-Clause
//! Finds parameters and tiles in what the client rendered.

use crate::codec::{CodecError, RenderedBuffer};
use v4l2_common::uapi::av1::*;
use va_sys::{
    VADecPictureParameterBufferAV1, VAPictureParameterBufferType, VASliceDataBufferType,
    VASliceParameterBufferAV1, VASliceParameterBufferType, read_element,
};

/// The picture parameters (the last ones, if a client sends several).
pub(super) fn picture_params(
    buffers: &[RenderedBuffer],
) -> Result<VADecPictureParameterBufferAV1, CodecError> {
    let buffer = buffers
        .iter()
        .rev()
        .find(|buffer| buffer.kind == VAPictureParameterBufferType);
    buffer
        .and_then(|buffer| read_element(&buffer.data, buffer.element_size, 0))
        .ok_or(CodecError::MissingBuffer("VADecPictureParameterBufferAV1"))
}

/// The tiles' bytes one behind the other, and their entries, in tile order.
///
/// Clients differ in what a data buffer holds (a tile group's payload, an OBU's payload, a whole temporal unit), in the
/// number of tiles per parameter buffer, and in which of the two comes first. Each tile's offset counts from the start of the data
/// buffer that it belongs to: the next one behind its parameters or, where the data came first, the last one before.
pub(super) fn tiles(
    buffers: &[RenderedBuffer],
    params: &VADecPictureParameterBufferAV1,
) -> Result<(Vec<u8>, Vec<v4l2_ctrl_av1_tile_group_entry>), CodecError> {
    let (cols, rows) = (u32::from(params.tile_cols), u32::from(params.tile_rows));
    if !(1..=V4L2_AV1_MAX_TILE_COLS as u32).contains(&cols)
        || !(1..=V4L2_AV1_MAX_TILE_ROWS as u32).contains(&rows)
    {
        return Err(CodecError::Invalid(format!(
            "{cols} tile columns, {rows} tile rows"
        )));
    }
    let mut tiles = collect(buffers, (cols * rows) as usize)?;
    tiles.sort_by_key(|(tile, _)| (tile.tile_row, tile.tile_column));
    let mut entries = Vec::with_capacity(tiles.len());
    let mut expected = (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col)));
    for (tile, _) in &tiles {
        let (row, col) = (u32::from(tile.tile_row), u32::from(tile.tile_column));
        if expected.next() != Some((row, col)) {
            return Err(CodecError::Invalid(format!(
                "tile ({row}, {col}) is out of place among {rows} x {cols}"
            )));
        }
    }
    if let Some((row, col)) = expected.next() {
        return Err(CodecError::Invalid(format!(
            "tile ({row}, {col}) of {rows} x {cols} is missing"
        )));
    }

    let available: usize = buffers
        .iter()
        .filter(|b| b.kind == VASliceDataBufferType)
        .map(|b| b.data.len())
        .sum();
    let mut bitstream = Vec::with_capacity(
        tiles
            .iter()
            .map(|(_, data)| data.len())
            .sum::<usize>()
            .min(available),
    );
    for (tile, data) in tiles {
        let offset = u32::try_from(bitstream.len());
        let size = u32::try_from(data.len());
        let (Ok(tile_offset), Ok(tile_size)) = (offset, size) else {
            return Err(CodecError::Invalid("more than 4 GiB of tiles".into()));
        };
        // Tiles never share bytes; without this, a small buffer could be multiplied by the number of tiles.
        if bitstream.len().saturating_add(data.len()) > available {
            return Err(CodecError::Invalid(format!(
                "tiles of more than the {available} bytes rendered"
            )));
        }
        bitstream.extend_from_slice(data);
        entries.push(v4l2_ctrl_av1_tile_group_entry {
            tile_offset,
            tile_size,
            tile_row: tile.tile_row.into(),
            tile_col: tile.tile_column.into(),
        });
    }
    Ok((bitstream, entries))
}

/// At most `limit` tiles, each with its bytes.
#[allow(non_upper_case_globals)] // libva's names
fn collect(
    buffers: &[RenderedBuffer],
    limit: usize,
) -> Result<Vec<(VASliceParameterBufferAV1, &[u8])>, CodecError> {
    let mut tiles = Vec::new();
    let mut waiting: Vec<VASliceParameterBufferAV1> = Vec::new();
    // A data buffer that came before its parameters.
    let mut open: Option<&[u8]> = None;
    for buffer in buffers {
        match buffer.kind {
            VASliceParameterBufferType => {
                for index in 0..buffer.elements {
                    let tile: VASliceParameterBufferAV1 =
                        read_element(&buffer.data, buffer.element_size, index)
                            .ok_or(CodecError::MissingBuffer("VASliceParameterBufferAV1"))?;
                    if tiles.len() + waiting.len() >= limit {
                        return Err(CodecError::Invalid(format!(
                            "parameters of more than {limit} tiles"
                        )));
                    }
                    match open {
                        Some(data) => tiles.push((tile, slice(&tile, data)?)),
                        None => waiting.push(tile),
                    }
                }
            }
            VASliceDataBufferType if waiting.is_empty() => open = Some(&buffer.data),
            VASliceDataBufferType => {
                open = None;
                for tile in waiting.drain(..) {
                    tiles.push((tile, slice(&tile, &buffer.data)?));
                }
            }
            _ => {}
        }
    }
    if !waiting.is_empty() || tiles.is_empty() {
        return Err(CodecError::MissingBuffer("VASliceDataBufferType"));
    }
    Ok(tiles)
}

fn slice<'a>(tile: &VASliceParameterBufferAV1, data: &'a [u8]) -> Result<&'a [u8], CodecError> {
    let (start, size) = (
        tile.slice_data_offset as usize,
        tile.slice_data_size as usize,
    );
    start
        .checked_add(size)
        .filter(|_| size > 0)
        .and_then(|end| data.get(start..end))
        .ok_or_else(|| {
            CodecError::Invalid(format!(
                "tile ({}, {}): {size} bytes at {start} of {}",
                tile.tile_row,
                tile.tile_column,
                data.len()
            ))
        })
}
