// SPDX-License-Identifier: BSD-2-Clause
//! `global_motion_params()` (section 5.9.24): coded against the parameters of the primary reference.

use super::HeaderError;
use super::check::ensure;
use v4l2_common::av1::IDENTITY_MOTION;
use v4l2_common::bits::BitWriter;
use v4l2_common::uapi::av1::*;

const WARPEDMODEL_PREC_BITS: u32 = 16;
const GM_ABS_ALPHA_BITS: u32 = 12;
const GM_ALPHA_PREC_BITS: u32 = 15;
const GM_ABS_TRANS_ONLY_BITS: u32 = 9;
const GM_TRANS_ONLY_PREC_BITS: u32 = 3;
const GM_ABS_TRANS_BITS: u32 = 12;
const GM_TRANS_PREC_BITS: u32 = 6;

/// Writes the parameters of an inter frame and returns `gm_params` as a decoder will save them.
pub(super) fn global_motion(
    w: &mut BitWriter,
    motion: &v4l2_av1_global_motion,
    previous: &[[i32; 6]; 8],
    high_precision: bool,
) -> Result<[[i32; 6]; 8], HeaderError> {
    let mut saved = [IDENTITY_MOTION; 8];
    let references = motion
        .r#type
        .iter()
        .zip(&motion.params)
        .zip(previous)
        .zip(&mut saved)
        .skip(1);
    for (((&kind, params), previous), saved) in references {
        w.bit(kind != V4L2_AV1_WARP_MODEL_IDENTITY);
        if kind == V4L2_AV1_WARP_MODEL_IDENTITY {
            continue;
        }
        w.bit(kind == V4L2_AV1_WARP_MODEL_ROTZOOM);
        if kind != V4L2_AV1_WARP_MODEL_ROTZOOM {
            w.bit(kind == V4L2_AV1_WARP_MODEL_TRANSLATION);
        }
        let coded: &[usize] = match kind {
            V4L2_AV1_WARP_MODEL_TRANSLATION => &[0, 1],
            V4L2_AV1_WARP_MODEL_ROTZOOM => &[2, 3, 0, 1],
            _ => &[2, 3, 4, 5, 0, 1],
        };
        for &i in coded {
            param(w, kind, i, params[i], previous[i], high_precision)?;
            saved[i] = params[i];
        }
        if kind == V4L2_AV1_WARP_MODEL_ROTZOOM {
            saved[4] = -saved[3];
            saved[5] = saved[2];
        }
    }
    Ok(saved)
}

/// `read_global_param()`, backwards.
fn param(
    w: &mut BitWriter,
    kind: u32,
    index: usize,
    value: i32,
    previous: i32,
    high_precision: bool,
) -> Result<(), HeaderError> {
    let coarse = u32::from(!high_precision);
    let (abs_bits, prec_bits) = match (index < 2, kind) {
        (false, _) => (GM_ABS_ALPHA_BITS, GM_ALPHA_PREC_BITS),
        (true, V4L2_AV1_WARP_MODEL_TRANSLATION) => (
            GM_ABS_TRANS_ONLY_BITS - coarse,
            GM_TRANS_ONLY_PREC_BITS - coarse,
        ),
        (true, _) => (GM_ABS_TRANS_BITS, GM_TRANS_PREC_BITS),
    };
    let shift = WARPEDMODEL_PREC_BITS - prec_bits;
    let diagonal = index % 3 == 2;
    let (round, sub) = if diagonal {
        (1 << WARPEDMODEL_PREC_BITS, 1 << prec_bits)
    } else {
        (0, 0)
    };
    let limit = 1i64 << abs_bits;
    let distance = i64::from(value) - round;
    let coded = distance >> shift;
    ensure(
        coded << shift == distance && (-limit..=limit).contains(&coded),
        || {
            format!(
                "global motion parameter {index} of a type {kind} model is {value}, which has no code"
            )
        },
    )?;
    let reference = ((i64::from(previous) >> shift) - sub).clamp(-limit, limit);
    signed_subexp_with_ref(w, -limit, limit + 1, reference, coded);
    Ok(())
}

/// `decode_signed_subexp_with_ref()` (section 5.9.26), backwards; `low <= value < high`, likewise `reference`.
fn signed_subexp_with_ref(w: &mut BitWriter, low: i64, high: i64, reference: i64, value: i64) {
    let (n, r, v) = (high - low, reference - low, value - low);
    let code = if r << 1 <= n {
        recenter(r, v)
    } else {
        recenter(n - 1 - r, n - 1 - v)
    };
    subexp(w, n as u32, code as u32);
}

/// `inverse_recenter()` (section 5.9.29), backwards.
fn recenter(r: i64, v: i64) -> i64 {
    if v > 2 * r {
        v
    } else if v >= r {
        (v - r) << 1
    } else {
        ((r - v) << 1) - 1
    }
}

/// `decode_subexp()` (section 5.9.28), backwards; `value < symbols`.
fn subexp(w: &mut BitWriter, symbols: u32, value: u32) {
    let mut i = 0;
    let mut mk = 0;
    loop {
        let bits = if i > 0 { 3 + i - 1 } else { 3 };
        let a = 1 << bits;
        if symbols <= mk + 3 * a {
            w.ns(value - mk, symbols - mk);
            return;
        }
        let more = value >= mk + a;
        w.bit(more);
        if !more {
            w.bits(value - mk, bits);
            return;
        }
        i += 1;
        mk += a;
    }
}

/// `decode_signed_subexp_with_ref()` as the standard has it, for the tests.
#[cfg(test)]
pub(super) fn read_back(
    r: &mut v4l2_common::bits::BitReader<'_>,
    low: i64,
    high: i64,
    reference: i64,
) -> i64 {
    fn inverse_recenter(r: i64, v: i64) -> i64 {
        match v {
            v if v > 2 * r => v,
            v if v & 1 == 1 => r - ((v + 1) >> 1),
            v => r + (v >> 1),
        }
    }
    let n = high - low;
    let (mut i, mut mk) = (0u32, 0i64);
    let v = loop {
        let bits = if i > 0 { 3 + i - 1 } else { 3 };
        let a = 1i64 << bits;
        if n <= mk + 3 * a {
            break i64::from(r.ns((n - mk) as u32).unwrap()) + mk;
        }
        if !r.bit().unwrap() {
            break i64::from(r.bits(bits).unwrap()) + mk;
        }
        i += 1;
        mk += a;
    };
    let r = reference - low;
    let x = if r << 1 <= n {
        inverse_recenter(r, v)
    } else {
        n - 1 - inverse_recenter(n - 1 - r, v)
    };
    x + low
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l2_common::bits::BitReader;

    #[test]
    fn every_value_reads_back_from_any_reference() {
        for limit in [256i64, 512, 4096] {
            for reference in [-limit, -limit + 1, -77, -1, 0, 1, 100, limit - 1, limit] {
                let mut w = BitWriter::new();
                for value in -limit..=limit {
                    signed_subexp_with_ref(&mut w, -limit, limit + 1, reference, value);
                }
                let data = w.finish();
                let mut r = BitReader::new(&data);
                for value in -limit..=limit {
                    assert_eq!(
                        read_back(&mut r, -limit, limit + 1, reference),
                        value,
                        "{limit} {reference}"
                    );
                }
            }
        }
    }

    #[test]
    fn parameters_without_a_code_are_refused() {
        let mut motion = v4l2_av1_global_motion::default();
        motion.r#type[3] = V4L2_AV1_WARP_MODEL_ROTZOOM;
        motion.params[3] = [0, 0, (1 << 16) + 2, -4, 4, (1 << 16) + 2];
        let write =
            |motion: &_| global_motion(&mut BitWriter::new(), motion, &[IDENTITY_MOTION; 8], true);
        let saved = write(&motion).unwrap();
        assert_eq!(saved[3], motion.params[3]);
        assert_eq!(saved[1], IDENTITY_MOTION);
        motion.params[3][2] += 1;
        assert!(write(&motion).is_err(), "finer than the code's precision");
        motion.params[3][2] = i32::MAX;
        assert!(write(&motion).is_err(), "out of range");
    }
}
