// SPDX-License-Identifier: BSD-2-Clause
// Field offsets of two repr(C) structs of rav1d 1.1.0 that its ARM assembly reads: the published crate includes this header
// but does not contain it. `.cargo/config.toml` puts this directory on the assembler's include path. The film grain offsets
// are asserted against rav1d's public type in decoder/dav1d/picture.rs; AsmRefMvsFrame is private, and only 64-bit
// assembly reads it.
#ifndef DAEDALUS_RAV1D_ASM_OFFSETS_H
#define DAEDALUS_RAV1D_ASM_OFFSETS_H

// Dav1dFilmGrainData
#define FGD_SEED 0
#define FGD_SCALING_SHIFT 88
#define FGD_AR_COEFF_LAG 92
#define FGD_AR_COEFFS_Y 96
#define FGD_AR_COEFFS_UV 120
#define FGD_AR_COEFF_SHIFT 176
#define FGD_GRAIN_SCALE_SHIFT 184
#define FGD_UV_MULT 188
#define FGD_UV_LUMA_MULT 196
#define FGD_UV_OFFSET 204
#define FGD_CLIP_TO_RESTRICTED_RANGE 216

// AsmRefMvsFrame, 64 bit
#define RMVSF_IW8 16
#define RMVSF_MFMV_REF 53
#define RMVSF_MFMV_REF2CUR 56
#define RMVSF_MFMV_REF2REF 68
#define RMVSF_N_MFMVS 152
#define RMVSF_RP_REF 168
#define RMVSF_RP_PROJ 176
#define RMVSF_RP_STRIDE 184
#define RMVSF_N_TILE_THREADS 200

#endif
