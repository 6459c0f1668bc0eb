// SPDX-License-Identifier: BSD-2-Clause
//! Many contexts on many threads at once.

use super::client::{Client, call, coded};
use crate::backend::test_double::When;
use va_sys::*;

#[test]
fn sixteen_threads_decode_for_themselves() {
    let client = Client::new(When::Kicked);
    std::thread::scope(|scope| {
        for thread in 0..16u8 {
            let client = &client;
            scope.spawn(move || {
                for round in 0..8u8 {
                    let context = client.decoder();
                    let mut surfaces = client.surfaces(64, 64, 3);
                    for picture in 0..12u8 {
                        let target = surfaces[usize::from(picture % 3)];
                        let value = thread ^ round.wrapping_mul(16) ^ picture;
                        let reference = surfaces[usize::from((picture + 2) % 3)];
                        let references = if picture == 0 {
                            vec![]
                        } else {
                            vec![reference]
                        };
                        let data = coded(value, [b'.', b'.'], &references);
                        assert_eq!(client.decode(context, target, &data), VA_STATUS_SUCCESS);
                        if picture % 2 == 0 {
                            assert_eq!(client.luma(target), value);
                        }
                    }
                    let context_first = round % 2 == 0;
                    if context_first {
                        assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
                    }
                    assert_eq!(
                        call!(client, vaDestroySurfaces, surfaces.as_mut_ptr(), 3),
                        VA_STATUS_SUCCESS
                    );
                    if !context_first {
                        assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
                    }
                }
            });
        }
    });
}

#[test]
fn one_surface_may_be_asked_for_from_everywhere() {
    let client = Client::new(When::Kicked);
    let (context, surface) = (client.decoder(), client.surfaces(64, 64, 1)[0]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(client.sync(surface), VA_STATUS_SUCCESS);
                    client.status(surface);
                }
            });
        }
        for value in 0..100 {
            let mark = if value % 2 == 0 { b'h' } else { b'.' };
            assert_eq!(
                client.decode(context, surface, &[value, b'.', mark]),
                VA_STATUS_SUCCESS
            );
        }
    });
    assert_eq!(client.luma(surface), 99);
}
