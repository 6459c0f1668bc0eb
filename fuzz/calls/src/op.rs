// SPDX-License-Identifier: BSD-2-Clause
//! A sequence of VA calls as bytes: what a recorder writes from a real client, and what a fuzzer mutates.

use crate::reader::Reader;
use va_sys::VABufferType;

/// Longest content of one buffer that is read from an input.
pub const MAX_DATA: usize = 1 << 20;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Which VA call, or which group of calls, an [`Op`] makes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// All codes; the number of one is its place.
            pub const ALL: &[Code] = &[$(Code::$name),+];
        }
    };
}

codes! {
    /// `vaBeginPicture` on context `args[0]`, surface `args[1]`, all `buffers` created and rendered, `vaEndPicture`. With
    /// bit 0 of `args[2]` each buffer is rendered by a call of its own.
    Picture,
    /// Profile number `args[0]`, entrypoint `args[1]`, RT format `args[2]` (0: no attribute).
    CreateConfig,
    /// Config `args[0]`.
    DestroyConfig,
    /// RT format number `args[0]`, width, height, number, flags of [`crate::machine`].
    CreateSurfaces,
    /// First surface, number.
    DestroySurfaces,
    /// Config, width, height, flags, first render target, number.
    CreateContext,
    /// Context.
    DestroyContext,
    /// Context; size and number from `args[1]`, `args[2]` if there is no buffer.
    CreateBuffer,
    /// Buffer, and whether by `vaMapBuffer2`; the mapped bytes are overwritten if `args[2]` is odd.
    MapBuffer,
    /// Buffer.
    UnmapBuffer,
    /// Buffer, number.
    SetNumElements,
    /// Buffer.
    DestroyBuffer,
    /// Context, surface.
    BeginPicture,
    /// Context, first buffer, number.
    RenderPicture,
    /// Context.
    EndPicture,
    /// Surface.
    SyncSurface,
    /// Surface, time-out in microseconds.
    SyncSurface2,
    /// Surface.
    QueryStatus,
    /// Surface, error status.
    QueryError,
    /// Image format number, width, height.
    CreateImage,
    /// Surface.
    DeriveImage,
    /// Image.
    DestroyImage,
    /// Surface, image, x, y, width, height.
    GetImage,
    /// Surface, image, x and y, size of source, size of destination.
    PutImage,
    /// Surface, memory type, flags.
    Export,
    /// Buffer.
    BufferInfo,
    /// Buffer, memory type.
    BufferHandle,
    /// Config.
    QuerySurfaceAttributes,
    /// Which query, profile, entrypoint.
    Query,
    /// Which of the calls that a decoder need not support, object, number.
    Other,
    /// Source and destination kind and object.
    Copy,
    /// Buffer.
    SyncBuffer,
}

/// The content of one VA buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BufferRecord {
    /// `VABufferType`; types above 255 do not exist.
    pub kind: u8,
    /// Elements.
    pub elements: u8,
    /// Bytes of all elements; a client's `size` is `data.len() / elements`.
    pub data: Vec<u8>,
}

impl BufferRecord {
    /// As given to `vaCreateBuffer`: type, size of an element, elements.
    pub fn shape(&self) -> (VABufferType, usize, usize) {
        let elements = usize::from(self.elements.max(1));
        (
            VABufferType::from(self.kind),
            self.data.len() / elements,
            elements,
        )
    }
}

/// One call, or one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// What to call.
    pub code: Code,
    /// Bit n: the n-th pointer of the call is null.
    pub nulls: u8,
    /// Objects (by place in the table of their kind) and numbers.
    pub args: [u16; 6],
    /// Contents of buffers, for [`Code::Picture`] and [`Code::CreateBuffer`].
    pub buffers: Vec<BufferRecord>,
}

impl Op {
    /// A call without null pointers and buffers.
    pub fn new(code: Code, args: &[u16]) -> Self {
        let mut all = [0; 6];
        all.iter_mut().zip(args).for_each(|(to, from)| *to = *from);
        Self {
            code,
            nulls: 0,
            args: all,
            buffers: Vec::new(),
        }
    }

    fn has_buffers(&self) -> bool {
        matches!(self.code, Code::Picture | Code::CreateBuffer)
    }
}

/// Reads a sequence; every byte string is one.
pub fn decode(data: &[u8]) -> Vec<Op> {
    let mut reader = Reader::new(data);
    let mut ops = Vec::new();
    while !reader.is_empty() {
        let code = Code::ALL[usize::from(reader.u8()) % Code::ALL.len()];
        let nulls = reader.u8();
        let mut op = Op {
            code,
            nulls,
            args: [0; 6],
            buffers: Vec::new(),
        };
        op.args.iter_mut().for_each(|arg| *arg = reader.u16());
        if op.has_buffers() {
            for _ in 0..reader.u8() {
                let (kind, elements) = (reader.u8(), reader.u8());
                let length = (reader.u32() as usize).min(MAX_DATA);
                op.buffers.push(BufferRecord {
                    kind,
                    elements,
                    data: reader.bytes(length).to_vec(),
                });
            }
        }
        ops.push(op);
    }
    ops
}

/// The reverse of [`decode`]; buffers beyond the 255th are left out.
pub fn encode(ops: &[Op]) -> Vec<u8> {
    let mut out = Vec::new();
    for op in ops {
        out.extend([op.code as u8, op.nulls]);
        op.args.iter().for_each(|arg| out.extend(arg.to_le_bytes()));
        if op.has_buffers() {
            let buffers = &op.buffers[..op.buffers.len().min(255)];
            out.push(buffers.len() as u8);
            for buffer in buffers {
                out.extend([buffer.kind, buffer.elements]);
                out.extend((buffer.data.len() as u32).to_le_bytes());
                out.extend(&buffer.data);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_reads_back() {
        let mut picture = Op::new(Code::Picture, &[1, 2, 3]);
        picture.buffers.push(BufferRecord {
            kind: 4,
            elements: 2,
            data: vec![1; 6],
        });
        let mut copy = Op::new(Code::Copy, &[9, 8, 7, 6, 5, 0xffff]);
        copy.nulls = 3;
        let ops = [picture, copy];
        assert_eq!(decode(&encode(&ops)), ops);
        assert_eq!(ops[0].buffers[0].shape(), (4, 3, 2));
    }

    #[test]
    fn any_bytes_are_a_sequence() {
        let bytes: Vec<u8> = (0..999u32).map(|i| ((i * 7919) >> 3) as u8).collect();
        let ops = decode(&bytes);
        assert!(!ops.is_empty());
        assert_eq!(decode(&encode(&ops)), ops);
    }
}
