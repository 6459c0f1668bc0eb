// SPDX-License-Identifier: BSD-2-Clause
//! A picture record: its head, then chunks, each a tag, a length and that many bytes.
//!
//! Tags are control identifiers; two more stand for the bitstream and for the byte range with which each H.264 slice
//! begins. Controls are packed as runs: how many zero bytes (`u16`), how many bytes follow (`u16`), those bytes.

use super::invalid;
use crate::picture::*;
use crate::uapi::{av1::*, h264::*, vp9::*};
use std::io;
use zerocopy::{
    FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

const TAG_BITSTREAM: u32 = 0;
const TAG_SLICE: u32 = 1;

const MAX_SLICES: usize = 65_536;
const MAX_TILES: usize = V4L2_AV1_MAX_TILE_COLS * V4L2_AV1_MAX_TILE_ROWS;

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
struct Head {
    timestamp: U64,
    codec: U32,
    output: U32,
}

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
struct ChunkHeader {
    tag: U32,
    length: U32,
}

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
struct SliceRange {
    offset: U32,
    size: U32,
}

/// The bytes of a picture record.
pub(super) fn encode(picture: &Picture, output: bool) -> io::Result<Vec<u8>> {
    let refuse = |message: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    let codec = match picture.codec() {
        Codec::H264 => 1,
        Codec::Vp9 => 2,
        Codec::Av1 => 3,
    };
    let head = Head {
        timestamp: picture.timestamp.into(),
        codec: codec.into(),
        output: u32::from(output).into(),
    };
    let mut out = head.as_bytes().to_vec();
    match &picture.controls {
        Controls::H264(c) => {
            if c.slices.len() > MAX_SLICES {
                return refuse("more than 65536 slices");
            }
            control(&mut out, V4L2_CID_STATELESS_H264_SPS, &c.sps)?;
            control(&mut out, V4L2_CID_STATELESS_H264_PPS, &c.pps)?;
            if let Some(matrix) = &c.scaling_matrix {
                control(&mut out, V4L2_CID_STATELESS_H264_SCALING_MATRIX, matrix)?;
            }
            control(
                &mut out,
                V4L2_CID_STATELESS_H264_DECODE_PARAMS,
                &c.decode_params,
            )?;
            for slice in &c.slices {
                let range = SliceRange {
                    offset: slice.offset.into(),
                    size: slice.size.into(),
                };
                chunk(&mut out, TAG_SLICE, range.as_bytes())?;
                control(
                    &mut out,
                    V4L2_CID_STATELESS_H264_SLICE_PARAMS,
                    &slice.params,
                )?;
                if let Some(weights) = &slice.pred_weights {
                    control(&mut out, V4L2_CID_STATELESS_H264_PRED_WEIGHTS, &**weights)?;
                }
            }
        }
        Controls::Vp9(c) => {
            control(&mut out, V4L2_CID_STATELESS_VP9_FRAME, &c.frame)?;
            if let Some(header) = &c.compressed_hdr {
                control(&mut out, V4L2_CID_STATELESS_VP9_COMPRESSED_HDR, &**header)?;
            }
        }
        Controls::Av1(c) => {
            if c.tile_group_entries.len() > MAX_TILES {
                return refuse("more than 4096 tiles");
            }
            control(&mut out, V4L2_CID_STATELESS_AV1_SEQUENCE, &c.sequence)?;
            control(&mut out, V4L2_CID_STATELESS_AV1_FRAME, &c.frame)?;
            control(
                &mut out,
                V4L2_CID_STATELESS_AV1_TILE_GROUP_ENTRY,
                c.tile_group_entries.as_slice(),
            )?;
            if let Some(grain) = &c.film_grain {
                control(&mut out, V4L2_CID_STATELESS_AV1_FILM_GRAIN, &**grain)?;
            }
        }
    }
    chunk(&mut out, TAG_BITSTREAM, &picture.bitstream)?;
    Ok(out)
}

fn chunk(out: &mut Vec<u8>, tag: u32, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "chunk above 4 GiB"))?;
    out.extend_from_slice(
        ChunkHeader {
            tag: tag.into(),
            length: length.into(),
        }
        .as_bytes(),
    );
    out.extend_from_slice(bytes);
    Ok(())
}

fn control<T: IntoBytes + Immutable + ?Sized>(
    out: &mut Vec<u8>,
    tag: u32,
    value: &T,
) -> io::Result<()> {
    chunk(out, tag, &pack(value.as_bytes()))
}

/// Packs runs of zero bytes; see the module's text.
fn pack(bytes: &[u8]) -> Vec<u8> {
    const MOST: usize = u16::MAX as usize;
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let zeros = rest
            .iter()
            .take(MOST)
            .take_while(|&&byte| byte == 0)
            .count();
        let (_, behind) = rest.split_at(zeros);
        // A run of up to four zeros costs no more inside the literal bytes.
        let literal = behind
            .windows(5)
            .position(|window| window == [0; 5])
            .unwrap_or(behind.len())
            .min(MOST);
        let (literals, behind) = behind.split_at(literal);
        for count in [zeros, literal] {
            out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
        }
        out.extend_from_slice(literals);
        rest = behind;
    }
    out
}

/// The inverse of [`pack`], into exactly `out.len()` bytes.
fn unpack(mut packed: &[u8], out: &mut [u8]) -> io::Result<()> {
    let mut at = 0usize;
    while let Some((counts, rest)) = packed.split_first_chunk::<4>() {
        let [a, b, c, d] = *counts;
        let start = at + usize::from(u16::from_le_bytes([a, b]));
        let literal = usize::from(u16::from_le_bytes([c, d]));
        at = start + literal;
        let (literals, rest) = rest
            .split_at_checked(literal)
            .ok_or_else(|| invalid("packed control ends early"))?;
        let target = out
            .get_mut(start..at)
            .ok_or_else(|| invalid("packed control is too long"))?;
        target.copy_from_slice(literals);
        packed = rest;
    }
    if !packed.is_empty() || at > out.len() {
        return Err(invalid("packed control's length"));
    }
    Ok(())
}

fn unpacked<T: FromBytes + IntoBytes>(packed: &[u8]) -> io::Result<T> {
    let mut value = T::new_zeroed();
    unpack(packed, value.as_mut_bytes())?;
    Ok(value)
}

/// As [`unpacked`], on the heap.
fn boxed<T: FromBytes + IntoBytes>(packed: &[u8]) -> io::Result<Box<T>> {
    let mut value = Box::new(T::new_zeroed());
    unpack(packed, value.as_mut_bytes())?;
    Ok(value)
}

/// Bytes that `packed` unpacks to.
fn unpacked_length(packed: &[u8]) -> usize {
    let mut total = 0usize;
    let mut rest = packed;
    while let Some(([a, b, c, d], behind)) = rest.split_first_chunk::<4>() {
        let literal = usize::from(u16::from_le_bytes([*c, *d]));
        total += usize::from(u16::from_le_bytes([*a, *b])) + literal;
        rest = behind.get(literal..).unwrap_or_default();
    }
    total
}

/// Reads a picture record.
pub(super) fn decode(data: &[u8]) -> io::Result<(Picture, bool)> {
    let (head, mut rest) =
        Head::read_from_prefix(data).map_err(|_| invalid("picture record's length"))?;
    let output = match head.output.get() {
        0 => false,
        1 => true,
        value => return Err(invalid(format!("output flag {value}"))),
    };
    let mut controls = match head.codec.get() {
        1 => Controls::H264(Box::default()),
        2 => Controls::Vp9(Box::default()),
        3 => Controls::Av1(Box::default()),
        codec => return Err(invalid(format!("codec {codec}"))),
    };
    let mut bitstream = None;
    while !rest.is_empty() {
        let (header, behind) =
            ChunkHeader::read_from_prefix(rest).map_err(|_| invalid("chunk header"))?;
        let (bytes, behind) = behind
            .split_at_checked(header.length.get() as usize)
            .ok_or_else(|| invalid(format!("chunk of {} bytes", header.length)))?;
        rest = behind;
        match (&mut controls, header.tag.get()) {
            (_, TAG_BITSTREAM) => bitstream = Some(bytes.to_vec()),
            (Controls::H264(controls), tag) => h264(controls, tag, bytes)?,
            (Controls::Vp9(controls), tag) => vp9(controls, tag, bytes)?,
            (Controls::Av1(controls), tag) => av1(controls, tag, bytes)?,
        }
    }
    let bitstream = bitstream.ok_or_else(|| invalid("picture without bitstream"))?;
    Ok((
        Picture {
            controls,
            bitstream,
            timestamp: head.timestamp.get(),
        },
        output,
    ))
}

fn unknown(tag: u32) -> io::Result<()> {
    Err(invalid(format!("chunk tag {tag:#x}")))
}

fn h264(controls: &mut H264Controls, tag: u32, bytes: &[u8]) -> io::Result<()> {
    match (tag, controls.slices.last_mut()) {
        (V4L2_CID_STATELESS_H264_SPS, _) => controls.sps = unpacked(bytes)?,
        (V4L2_CID_STATELESS_H264_PPS, _) => controls.pps = unpacked(bytes)?,
        (V4L2_CID_STATELESS_H264_SCALING_MATRIX, _) => {
            controls.scaling_matrix = Some(unpacked(bytes)?)
        }
        (V4L2_CID_STATELESS_H264_DECODE_PARAMS, _) => controls.decode_params = unpacked(bytes)?,
        (TAG_SLICE, _) => {
            if controls.slices.len() >= MAX_SLICES {
                return Err(invalid("more than 65536 slices"));
            }
            let range = SliceRange::read_from_bytes(bytes).map_err(|_| invalid("slice range"))?;
            let (offset, size) = (range.offset.get(), range.size.get());
            controls.slices.push(H264Slice {
                offset,
                size,
                ..Default::default()
            });
        }
        (V4L2_CID_STATELESS_H264_SLICE_PARAMS, Some(slice)) => slice.params = unpacked(bytes)?,
        (V4L2_CID_STATELESS_H264_PRED_WEIGHTS, Some(slice)) => {
            slice.pred_weights = Some(boxed(bytes)?)
        }
        _ => return unknown(tag),
    }
    Ok(())
}

fn vp9(controls: &mut Vp9Controls, tag: u32, bytes: &[u8]) -> io::Result<()> {
    match tag {
        V4L2_CID_STATELESS_VP9_FRAME => controls.frame = unpacked(bytes)?,
        V4L2_CID_STATELESS_VP9_COMPRESSED_HDR => controls.compressed_hdr = Some(boxed(bytes)?),
        _ => return unknown(tag),
    }
    Ok(())
}

fn av1(controls: &mut Av1Controls, tag: u32, bytes: &[u8]) -> io::Result<()> {
    match tag {
        V4L2_CID_STATELESS_AV1_SEQUENCE => controls.sequence = unpacked(bytes)?,
        V4L2_CID_STATELESS_AV1_FRAME => controls.frame = unpacked(bytes)?,
        V4L2_CID_STATELESS_AV1_TILE_GROUP_ENTRY => {
            let size = size_of::<v4l2_ctrl_av1_tile_group_entry>();
            let length = unpacked_length(bytes);
            if length % size != 0 || length / size > MAX_TILES {
                return Err(invalid(format!("tile group entries of {length} bytes")));
            }
            controls.tile_group_entries =
                vec![v4l2_ctrl_av1_tile_group_entry::new_zeroed(); length / size];
            unpack(
                bytes,
                controls.tile_group_entries.as_mut_slice().as_mut_bytes(),
            )?;
        }
        V4L2_CID_STATELESS_AV1_FILM_GRAIN => controls.film_grain = Some(boxed(bytes)?),
        _ => return unknown(tag),
    }
    Ok(())
}
