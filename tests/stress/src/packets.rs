// SPDX-License-Identifier: BSD-2-Clause
//! Coded streams as packets (access units, frames or superframes, temporal units): read from IVF and Annex B files,
//! written as IVF, which FFmpeg reads for all three codecs without a parser changing the packets.

use anyhow::{Context, Result, ensure};
use std::{fs, path::Path};
use v4l2_common::{bits::BitReader, picture::Codec};

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Coded bytes.
    pub data: Vec<u8>,
    /// Decoding can start here.
    pub key: bool,
}

/// A stream.
#[derive(Clone, Debug)]
pub struct Packets {
    /// Coded format.
    pub codec: Codec,
    /// Width and height as the container states them, or 0.
    pub size: (u16, u16),
    /// In decoding order.
    pub packets: Vec<Packet>,
}

impl Packets {
    /// Reads an IVF or Annex B file.
    ///
    /// # Errors
    /// The file is neither, or is cut off.
    pub fn read(path: &Path) -> Result<Self> {
        let data = fs::read(path).with_context(|| path.display().to_string())?;
        let read = if data.starts_with(b"DKIF") {
            ivf(&data)
        } else {
            annex_b(&data)
        };
        read.with_context(|| path.display().to_string())
    }

    /// Writes an IVF file; time stamps are packet numbers.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, path: &Path) -> Result<()> {
        let fourcc = match self.codec {
            Codec::H264 => b"H264",
            Codec::Vp9 => b"VP90",
            Codec::Av1 => b"AV01",
        };
        let mut out = b"DKIF\0\0\x20\0".to_vec();
        out.extend(fourcc);
        out.extend(self.size.0.to_le_bytes());
        out.extend(self.size.1.to_le_bytes());
        for word in [25u32, 1, self.packets.len() as u32, 0] {
            out.extend(word.to_le_bytes());
        }
        for (number, packet) in self.packets.iter().enumerate() {
            out.extend((packet.data.len() as u32).to_le_bytes());
            out.extend((number as u64).to_le_bytes());
            out.extend(&packet.data);
        }
        fs::write(path, out).with_context(|| path.display().to_string())
    }

    /// Numbers of the packets at which decoding can start.
    pub fn keys(&self) -> Vec<usize> {
        (0..self.packets.len())
            .filter(|&i| self.packets[i].key)
            .collect()
    }
}

fn ivf(data: &[u8]) -> Result<Packets> {
    let header = data.get(..32).context("IVF header")?;
    let codec = match &header[8..12] {
        b"H264" => Codec::H264,
        b"VP90" => Codec::Vp9,
        b"AV01" => Codec::Av1,
        other => anyhow::bail!("IVF with {}", String::from_utf8_lossy(other)),
    };
    let size = (
        u16::from_le_bytes([header[12], header[13]]),
        u16::from_le_bytes([header[14], header[15]]),
    );
    let mut packets = Vec::new();
    let mut rest = &data[32..];
    while let Some((header, body)) = rest.split_first_chunk::<12>() {
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let (packet, after) = body
            .split_at_checked(length)
            .context("IVF frame is cut off")?;
        let key = match codec {
            Codec::H264 => nal_units(packet).any(|(_, kind)| kind == 5),
            Codec::Vp9 => vp9_key(packet),
            Codec::Av1 => av1_key(packet),
        };
        packets.push(Packet {
            data: packet.to_vec(),
            key,
        });
        rest = after;
    }
    Ok(Packets {
        codec,
        size,
        packets,
    })
}

/// VP9 specification 6.2: a key frame that is not a frame shown again.
fn vp9_key(packet: &[u8]) -> bool {
    let mut r = BitReader::new(packet);
    let mut read = || -> Option<bool> {
        r.bits(2).ok()?;
        let profile = u32::from(r.bit().ok()?) | u32::from(r.bit().ok()?) << 1;
        if profile == 3 {
            r.bit().ok()?;
        }
        let show_existing = r.bit().ok()?;
        Some(!show_existing && !r.bit().ok()?)
    };
    read().unwrap_or(false)
}

/// Encoders write a sequence header OBU (AV1 specification 5.3) in front of each key frame, and nowhere else.
fn av1_key(packet: &[u8]) -> bool {
    let mut rest = packet;
    while let Some((&header, after)) = rest.split_first() {
        if header >> 3 & 15 == 1 {
            return true;
        }
        rest = &after[usize::from(header >> 2 & 1).min(after.len())..];
        let mut length = 0usize;
        for shift in (0..56).step_by(7) {
            let Some((&byte, after)) = rest.split_first() else {
                return false;
            };
            length |= usize::from(byte & 0x7f) << shift;
            rest = after;
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest = rest.get(length..).unwrap_or(&[]);
    }
    false
}

/// Positions of the NAL units' start codes and their `nal_unit_type`.
pub fn nal_units(data: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    data.windows(4)
        .enumerate()
        .filter(|(_, w)| w[..3] == [0, 0, 1])
        .map(|(at, w)| (at, w[3] & 31))
}

fn annex_b(data: &[u8]) -> Result<Packets> {
    let mut starts = Vec::new();
    let (mut picture_seen, mut pending) = (true, None);
    for (at, kind) in nal_units(data) {
        // A zero byte in front of the start code belongs to this NAL unit (H.264 annex B).
        let at = if at > 0 && data[at - 1] == 0 {
            at - 1
        } else {
            at
        };
        match kind {
            6..=9 => {
                pending = pending.or(Some(at));
            }
            1 | 5 => {
                let first_mb_is_0 = data[at..]
                    .iter()
                    .skip_while(|byte| **byte == 0)
                    .nth(2)
                    .is_some_and(|byte| byte & 0x80 != 0);
                if first_mb_is_0 && (picture_seen || pending.is_some()) {
                    starts.push(pending.unwrap_or(at));
                }
                picture_seen = true;
                pending = None;
            }
            _ => {}
        }
    }
    ensure!(!starts.is_empty(), "no access units");
    starts[0] = 0;
    starts.push(data.len());
    let packets = starts.windows(2).map(|w| data[w[0]..w[1]].to_vec());
    let packets = packets
        .map(|data| {
            let key = nal_units(&data).any(|(_, kind)| kind == 5);
            Packet { data, key }
        })
        .collect();
    Ok(Packets {
        codec: Codec::H264,
        size: (0, 0),
        packets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_units_begin_at_parameter_sets_and_first_macroblocks() {
        let nal = |kind: u8, first: u8| vec![0, 0, 0, 1, 0x60 | kind, first, 9];
        let units = [
            nal(7, 1),
            nal(8, 1),
            nal(5, 0x80),
            nal(5, 0x40),
            nal(1, 0x80),
            nal(6, 1),
            nal(1, 0xff),
        ];
        let stream = annex_b(&units.concat()).unwrap();
        let lengths: Vec<_> = stream
            .packets
            .iter()
            .map(|p| (p.data.len() / 7, p.key))
            .collect();
        assert_eq!(lengths, [(4, true), (1, false), (2, false)]);
    }

    #[test]
    fn ivf_reads_back() {
        let packet = |first: u8| Packet {
            data: vec![first, 1, 2],
            key: first == 0x82,
        };
        let stream = Packets {
            codec: Codec::Vp9,
            size: (64, 48),
            packets: vec![packet(0x82), packet(0x86), packet(0x88)],
        };
        let path = std::env::temp_dir().join(format!("daedalus-ivf-{}", std::process::id()));
        stream.write(&path).unwrap();
        let read = Packets::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(
            (read.codec, read.size, read.packets),
            (stream.codec, stream.size, stream.packets)
        );
    }
}
