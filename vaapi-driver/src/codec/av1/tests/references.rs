// SPDX-License-Identifier: BSD-2-Clause
//! Random reference structures, checked with a decoder that knows nothing but the controls.

use super::*;
use v4l2_common::uapi::av1::*;

/// xorshift64*
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Stored {
    timestamp: u64,
    surface: VASurfaceID,
    order_hint: u8,
    key: bool,
}

/// A decoder: eight slots of timestamps. Panics where a picture's references are not those that the client meant.
#[derive(Default)]
struct Model {
    slots: [u64; 8],
    /// Timestamps of the seven references of each picture, as the client means them.
    meant: HashMap<u64, Option<[u64; 7]>>,
    shown: HashMap<u64, usize>,
    decodes: usize,
}

impl Model {
    fn decode(&mut self, submission: &Submission) {
        let (timestamp, frame) = (submission.picture.timestamp, &controls(submission).frame);
        self.decodes += 1;
        if submission.output {
            *self.shown.entry(timestamp).or_default() += 1;
        } else {
            assert_ne!(frame.refresh_frame_flags, 0, "decoded again for nothing");
        }
        if let Some(meant) = self.meant[&timestamp] {
            let found = frame.ref_frame_idx.map(|i| self.slots[i as usize]);
            assert_eq!(found, meant, "references of {timestamp}");
            let named = frame
                .ref_frame_idx
                .map(|i| frame.reference_frame_ts[i as usize]);
            assert_eq!(named, meant);
        }
        if frame.frame_type == V4L2_AV1_INTRA_ONLY_FRAME {
            assert_ne!(frame.refresh_frame_flags, 0xff);
        }
        for i in 0..8 {
            if frame.refresh_frame_flags >> i & 1 == 1 {
                self.slots[i] = timestamp;
            }
        }
    }
}

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
struct Habits {
    /// Names no reference at key frames.
    blank_key_maps: bool,
    /// Of 4 shown pictures, so many are waited for at once.
    waits: u64,
    /// Of 10 pictures, so many are stored.
    stores: u64,
    /// Whether pictures replace several slots or all of them, and key frames are shown again.
    resets: bool,
}

/// Plays `pictures` pictures; returns the model.
fn play(seed: u64, habits: Habits, pictures: u64) -> Model {
    let mut random = Random(seed * 2 + 1);
    let mut translator = Av1Translator::new();
    let mut model = Model::default();
    let mut table = Table::default();
    let mut slots: [Option<Stored>; 8] = [None; 8];
    for n in 0..pictures {
        let timestamp = (n + 1) * 1000;
        let surface = (1..40)
            .find(|&id| slots.iter().flatten().all(|stored| stored.surface != id))
            .unwrap();
        let full = slots.iter().all(Option::is_some);
        let kind = match random.below(40) {
            _ if n == 0 || !full => V4L2_AV1_KEY_FRAME,
            _ if !habits.resets => V4L2_AV1_INTER_FRAME,
            0 => V4L2_AV1_KEY_FRAME,
            1 => V4L2_AV1_INTRA_ONLY_FRAME,
            2 => V4L2_AV1_SWITCH_FRAME,
            _ => V4L2_AV1_INTER_FRAME,
        };
        let shown = n == 0 || !full || random.below(3) > 0;
        let refresh = match kind {
            V4L2_AV1_KEY_FRAME if shown => 0xff,
            V4L2_AV1_SWITCH_FRAME => 0xff,
            _ if random.below(10) >= habits.stores => 0,
            _ if habits.resets && random.below(4) == 0 => (random.below(255)) as u8,
            _ => 1 << random.below(8),
        };
        let mut params = key_frame();
        params.current_frame = surface;
        params.order_hint = (n % 128) as u8;
        with_picture(&mut params, |bits| {
            bits.set_frame_type(kind);
            bits.set_show_frame(shown.into());
            bits.set_showable_frame(1);
        });
        if !(kind == V4L2_AV1_KEY_FRAME && habits.blank_key_maps) {
            params.ref_frame_map =
                slots.map(|stored| stored.map_or(VA_INVALID_SURFACE, |s| s.surface));
        }
        params.ref_frame_idx = std::array::from_fn(|_| random.below(8) as u8);
        let inter = matches!(kind, V4L2_AV1_INTER_FRAME | V4L2_AV1_SWITCH_FRAME);
        let meant = inter.then(|| {
            params
                .ref_frame_idx
                .map(|i| slots[usize::from(i)].unwrap().timestamp)
        });
        model.meant.insert(timestamp, meant);

        let translation = translate(
            &mut translator,
            &table,
            &picture(&params),
            surface,
            timestamp,
        )
        .unwrap();
        translation
            .submissions
            .iter()
            .for_each(|submission| model.decode(submission));
        if inter {
            // A held picture's controls are not out yet; those that are name the hints of what the client means.
            let own = translation
                .submissions
                .iter()
                .find(|s| s.picture.timestamp == timestamp);
            if let Some(own) = own {
                let hints = params
                    .ref_frame_idx
                    .map(|i| u32::from(slots[usize::from(i)].unwrap().order_hint));
                assert_eq!(controls(own).frame.order_hints[1..], hints);
            }
        }
        table.0.insert(surface, timestamp);
        if shown && random.below(4) < habits.waits {
            while let Some(submission) = translator.release() {
                model.decode(&submission);
            }
            assert_eq!(
                model.shown.get(&timestamp),
                Some(&1),
                "waited for and not submitted"
            );
        }
        for (i, slot) in slots.iter_mut().enumerate() {
            if refresh >> i & 1 == 1 {
                let key = kind == V4L2_AV1_KEY_FRAME;
                *slot = Some(Stored {
                    timestamp,
                    surface,
                    order_hint: params.order_hint,
                    key,
                });
            }
        }
        // show_existing_frame of a key frame: the driver hears nothing of it.
        if habits.resets && random.below(15) == 0 {
            if let Some(key) = slots.iter().flatten().find(|stored| stored.key).copied() {
                slots = [Some(key); 8];
            }
        }
    }
    while let Some(submission) = translator.release() {
        model.decode(&submission);
    }
    assert_eq!(
        model.shown.len() as u64,
        pictures,
        "each picture is put out"
    );
    assert!(model.shown.values().all(|&times| times == 1), "once");
    model
}

#[test]
fn every_picture_finds_its_references() {
    let mut again = 0;
    for seed in 0..60 {
        for (blank_key_maps, resets) in [(false, false), (false, true), (true, true)] {
            for waits in [0, 2, 4] {
                for stores in [2, 9] {
                    let habits = Habits {
                        blank_key_maps,
                        waits,
                        stores,
                        resets,
                    };
                    again += play(seed, habits, 200).decodes - 200;
                }
            }
        }
    }
    assert!(again > 0, "no picture was held and waited for");
}

#[test]
fn nothing_is_decoded_twice_unless_somebody_waits() {
    for seed in 0..20 {
        let mut habits = Habits {
            blank_key_maps: false,
            waits: 0,
            stores: 9,
            resets: false,
        };
        assert_eq!(play(seed, habits, 300).decodes, 300);
        habits.resets = true;
        assert_eq!(play(seed, habits, 300).decodes, 300);
    }
}

/// A key frame and an inter frame that names `map`.
fn inter_after_key(map: [VASurfaceID; 8], table: &Table) -> Result<Translation, CodecError> {
    let mut translator = Av1Translator::new();
    translate(
        &mut translator,
        &Table::default(),
        &picture(&key_frame()),
        1,
        1000,
    )
    .unwrap();
    let mut params = key_frame();
    params.current_frame = 2;
    params.ref_frame_map = map;
    with_picture(&mut params, |bits| {
        bits.set_frame_type(V4L2_AV1_INTER_FRAME)
    });
    translate(&mut translator, table, &picture(&params), 2, 2000)
}

#[test]
fn a_surface_never_decoded_is_a_missing_reference() {
    let mut map = [1; 8];
    map[0] = 30;
    let translation = inter_after_key(map, &Table([(1, 1000)].into())).unwrap();
    let frame = &controls(&translation.submissions[0]).frame;
    assert_eq!(frame.reference_frame_ts[frame.ref_frame_idx[0] as usize], 0);
    // `key_frame()` has all indices 0; the map's other surfaces are live.
    assert!(frame.reference_frame_ts.contains(&1000));

    let stranger = Table([(1, 1000), (30, 77_000)].into());
    let translation = inter_after_key(map, &stranger).unwrap();
    let frame = &controls(&translation.submissions[0]).frame;
    assert_eq!(
        frame.reference_frame_ts[frame.ref_frame_idx[0] as usize], 0,
        "decoded before this translator's time"
    );
}

#[test]
fn a_refused_picture_changes_nothing() {
    let mut translator = Av1Translator::new();
    let table = Table([(1, 1000)].into());
    translate(&mut translator, &table, &picture(&key_frame()), 1, 1000).unwrap();
    let mut params = key_frame();
    params.current_frame = 2;
    params.ref_frame_map = [1; 8];
    with_picture(&mut params, |bits| {
        bits.set_frame_type(V4L2_AV1_INTER_FRAME)
    });
    params.ref_frame_idx[6] = 8;
    assert!(matches!(
        translate(&mut translator, &table, &picture(&params), 2, 2000),
        Err(CodecError::Invalid(_))
    ));
    params.ref_frame_idx[6] = 0;
    let translation = translate(&mut translator, &table, &picture(&params), 2, 3000).unwrap();
    let frame = &controls(&translation.submissions[0]).frame;
    assert_eq!(
        frame
            .ref_frame_idx
            .map(|i| frame.reference_frame_ts[i as usize]),
        [1000; 7]
    );
}

#[test]
fn skip_mode_follows_from_the_hints() {
    let mut translator = Av1Translator::new();
    translate(
        &mut translator,
        &Table::default(),
        &picture(&key_frame()),
        1,
        1000,
    )
    .unwrap();
    let mut params = key_frame();
    params.current_frame = 2;
    params.order_hint = 8;
    params.ref_frame_map = [1; 8];
    with_picture(&mut params, |bits| {
        bits.set_frame_type(V4L2_AV1_INTER_FRAME)
    });
    params.mode_control_fields.value = 2 << 7 | 1 << 9;
    let table = Table([(1, 1000)].into());
    let translation = translate(&mut translator, &table, &picture(&params), 2, 2000).unwrap();
    let frame = &controls(&translation.submissions[0]).frame;
    assert_eq!(
        frame.flags & V4L2_AV1_FRAME_FLAG_SKIP_MODE_ALLOWED,
        0,
        "one hint only"
    );

    params.current_frame = 3;
    params.order_hint = 4;
    params.ref_frame_map = [1, 1, 1, 2, 1, 1, 1, 1];
    params.ref_frame_idx = [0, 0, 0, 0, 3, 3, 3];
    let table = Table([(1, 1000), (2, 2000)].into());
    let translation = translate(&mut translator, &table, &picture(&params), 3, 3000).unwrap();
    let frame = &controls(&translation.submissions[0]).frame;
    assert_ne!(frame.flags & V4L2_AV1_FRAME_FLAG_SKIP_MODE_ALLOWED, 0);
    assert_eq!(frame.skip_mode_frame, [1, 5]);
    assert_eq!(frame.order_hints, [0, 0, 0, 0, 0, 8, 8, 8]);
}
