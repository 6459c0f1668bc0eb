// SPDX-License-Identifier: BSD-2-Clause
//! Mutations that keep a call sequence a call sequence: random bytes would break its framing long before they reach a decoder.

use crate::op::{self, Code, Op};

/// A small, fast, repeatable source of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 {
            0
        } else {
            (self.number() % n as u64) as usize
        }
    }
}

/// Changes bytes: flips, interesting values, a copied stretch, a cut end.
pub fn bytes(data: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(data.len());
        let value = random.number() as u8;
        let Some(byte) = data.get_mut(at) else {
            data.push(value);
            continue;
        };
        match random.below(6) {
            0 | 1 => *byte ^= 1 << (value & 7),
            2 => *byte = [0, 1, 0x7f, 0x80, 0xff][usize::from(value) % 5],
            3 => *byte = value,
            4 => {
                let from = random.below(data.len());
                let n = random.below((data.len() - at.max(from)).min(16));
                data.copy_within(from..from + n, at);
            }
            _ if value < 32 => data.truncate(at),
            _ => *byte = byte.wrapping_add(1),
        }
    }
}

/// Changes one thing of a sequence: an argument, a buffer's content, the order; `with` is used for contents.
pub fn sequence(
    data: &[u8],
    random: &mut Random,
    with: &mut dyn FnMut(&mut Vec<u8>, &mut Random),
) -> Vec<u8> {
    let mut ops = op::decode(data);
    let at = random.below(ops.len());
    match random.below(10) {
        _ if ops.is_empty() => ops.push(any(random)),
        0 => {
            ops.remove(at);
        }
        1 => ops.insert(at, any(random)),
        2 => {
            let copy = ops[at].clone();
            ops.insert(random.below(ops.len()), copy);
        }
        3 => {
            let other = random.below(ops.len());
            ops.swap(at, other);
        }
        4 => ops[at].args[random.below(6)] = argument(random),
        5 => ops[at].nulls = 1 << random.below(8),
        _ => {
            let with_buffers: Vec<usize> = (0..ops.len())
                .filter(|&i| !ops[i].buffers.is_empty())
                .collect();
            match with_buffers.get(random.below(with_buffers.len())) {
                Some(&i) => buffers(&mut ops[i], random, with),
                None => ops[at].args[random.below(6)] = argument(random),
            }
        }
    }
    op::encode(&ops)
}

fn buffers(op: &mut Op, random: &mut Random, with: &mut dyn FnMut(&mut Vec<u8>, &mut Random)) {
    let at = random.below(op.buffers.len());
    match random.below(12) {
        0 => {
            op.buffers.remove(at);
        }
        1 => {
            let copy = op.buffers[at].clone();
            op.buffers.push(copy);
        }
        2 => {
            let other = random.below(op.buffers.len());
            op.buffers.swap(at, other);
        }
        3 => op.buffers[at].elements = random.number() as u8,
        4 => op.buffers[at].kind = random.below(16) as u8,
        _ => with(&mut op.buffers[at].data, random),
    }
}

fn any(random: &mut Random) -> Op {
    let mut op = Op::new(Code::ALL[random.below(Code::ALL.len())], &[]);
    op.args.iter_mut().for_each(|arg| *arg = argument(random));
    if random.below(8) == 0 {
        op.nulls = random.number() as u8;
    }
    op
}

/// Mostly a place in a table or a small number, now and then anything.
fn argument(random: &mut Random) -> u16 {
    match random.below(8) {
        0 => random.number() as u16,
        1 => 0xff00 + random.below(8) as u16,
        2 => random.below(512) as u16,
        _ => random.below(8) as u16,
    }
}
