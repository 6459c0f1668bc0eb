// SPDX-License-Identifier: BSD-2-Clause
//! Pictures on their way: states, errors, orders of destruction, streams that outlive contexts.

use super::client::{Client, call, coded};
use crate::backend::test_double::When;
use crate::environment::Environment;
use std::ptr::null_mut;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use va_sys::*;

#[test]
fn end_picture_does_not_wait_and_sync_does() {
    let client = Client::new(When::Told);
    let (context, surface) = (client.decoder(), client.surfaces(64, 64, 1)[0]);
    assert_eq!(client.status(surface), VASurfaceReady);
    assert_eq!(client.sync(surface), VA_STATUS_SUCCESS);
    assert_eq!(client.decode(context, surface, &[7]), VA_STATUS_SUCCESS);
    assert_eq!(client.status(surface), VASurfaceRendering);
    let start = Instant::now();
    let timeout = Duration::from_millis(60);
    let timed = call!(client, vaSyncSurface2, surface, timeout.as_nanos() as u64);
    assert_eq!(timed, VA_STATUS_ERROR_TIMEDOUT);
    assert!(start.elapsed() >= timeout);
    assert_eq!(
        call!(client, vaSyncSurface2, surface, 0),
        VA_STATUS_ERROR_TIMEDOUT
    );
    client.control.answer();
    assert_eq!(client.status(surface), VASurfaceReady);
    assert_eq!(call!(client, vaSyncSurface2, surface, 0), VA_STATUS_SUCCESS);
    assert_eq!(client.luma(surface), 7);
}

#[test]
fn polling_alone_brings_a_picture_out() {
    let client = Client::new(When::Kicked);
    let (context, surface) = (client.decoder(), client.surfaces(64, 64, 1)[0]);
    assert_eq!(client.decode(context, surface, &[7]), VA_STATUS_SUCCESS);
    let deadline = Instant::now() + Duration::from_secs(5);
    while client.status(surface) != VASurfaceReady {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn reading_pixels_waits_for_them() {
    let client = Client::new(When::Kicked);
    let (context, surfaces) = (client.decoder(), client.surfaces(64, 64, 2));
    for (value, &surface) in (1..).zip(&surfaces) {
        assert_eq!(client.decode(context, surface, &[value]), VA_STATUS_SUCCESS);
    }
    assert_eq!(client.luma(surfaces[1]), 2);
    assert_eq!(client.luma(surfaces[0]), 1);
    let mut format = VAImageFormat {
        fourcc: VA_FOURCC_NV12,
        ..Default::default()
    };
    let mut image = VAImage::default();
    assert_eq!(
        call!(client, vaCreateImage, &mut format, 64, 64, &mut image),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.decode(context, surfaces[0], &[9]), VA_STATUS_SUCCESS);
    assert_eq!(
        call!(
            client,
            vaGetImage,
            surfaces[0],
            0,
            0,
            64,
            64,
            image.image_id
        ),
        VA_STATUS_SUCCESS
    );
    // SAFETY: mapped.
    assert_eq!(unsafe { client.map(image.buf).read() }, 9);
}

fn errors(client: &Client, surface: VASurfaceID) -> Vec<VASurfaceDecodeMBErrors> {
    let mut list = null_mut();
    let error = VA_STATUS_ERROR_DECODING_ERROR as VAStatus;
    assert_eq!(
        call!(client, vaQuerySurfaceError, surface, error, &mut list),
        VA_STATUS_SUCCESS
    );
    let list = list.cast::<VASurfaceDecodeMBErrors>().cast_const();
    // SAFETY: the list ends with status -1.
    (0..)
        .map(|i| unsafe { *list.add(i) })
        .take_while(|error| error.status != -1)
        .collect()
}

#[test]
fn damage_is_shown_and_failure_is_an_error() {
    let client = Client::new(When::Kicked);
    let (context, surface) = (client.decoder(), client.surfaces(64, 32, 1)[0]);
    assert_eq!(client.decode(context, surface, b"1"), VA_STATUS_SUCCESS);
    assert_eq!(client.sync(surface), VA_STATUS_SUCCESS);
    assert!(errors(&client, surface).is_empty());

    assert_eq!(client.decode(context, surface, b"2d"), VA_STATUS_SUCCESS);
    assert_eq!(client.sync(surface), VA_STATUS_SUCCESS);
    let [error] = errors(&client, surface)[..] else {
        panic!("one error record expected")
    };
    assert_eq!(
        (error.status, error.start_mb, error.end_mb, error.num_mb),
        (1, 0, 7, 8)
    );
    assert_eq!(client.luma(surface), b'2');

    for failure in [b"3f", b"3x"] {
        assert_eq!(client.decode(context, surface, failure), VA_STATUS_SUCCESS);
        assert_eq!(client.sync(surface), VA_STATUS_ERROR_DECODING_ERROR);
        assert_eq!(errors(&client, surface).len(), 1);
        assert_eq!(client.status(surface), VASurfaceReady);
        assert_eq!(client.luma(surface), b'2');
    }
    let refused = client.decode(context, surface, b"4r");
    assert_eq!(refused, VA_STATUS_ERROR_DECODING_ERROR);
    assert_eq!(client.sync(surface), VA_STATUS_ERROR_DECODING_ERROR);
    let untranslatable = client.decode(context, surface, b"4.e");
    assert_eq!(untranslatable, VA_STATUS_ERROR_INVALID_PARAMETER);
    assert_eq!(client.sync(surface), VA_STATUS_SUCCESS);
    assert_eq!(errors(&client, surface).len(), 1);

    assert_eq!(client.decode(context, surface, b"5"), VA_STATUS_SUCCESS);
    assert_eq!(client.sync(surface), VA_STATUS_SUCCESS);
    assert!(errors(&client, surface).is_empty());
    assert_eq!(client.luma(surface), b'5');
}

#[test]
fn a_lost_picture_leaves_an_earlier_one_or_black() {
    let client = Client::new(When::Kicked);
    let (context, surfaces) = (client.decoder(), client.surfaces(64, 32, 2));
    for lost in [&b"1l"[..], b"1.e"] {
        client.decode(context, surfaces[0], lost);
        assert_eq!(client.sync(surfaces[0]), VA_STATUS_SUCCESS);
        assert_eq!(errors(&client, surfaces[0]).len(), 1);
        assert_eq!(client.luma(surfaces[0]), 16);
    }
    assert_eq!(client.decode(context, surfaces[1], b"2"), VA_STATUS_SUCCESS);
    assert_eq!(
        client.decode(context, surfaces[1], b"3l"),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.luma(surfaces[1]), b'2');
}

#[test]
fn a_panic_is_a_status_and_the_driver_lives_on() {
    let client = Client::new(When::Kicked);
    let (context, surface) = (client.decoder(), client.surfaces(64, 64, 1)[0]);
    assert_eq!(
        client.decode(context, surface, b"1.p"),
        VA_STATUS_ERROR_OPERATION_FAILED
    );
    assert_eq!(client.decode(context, surface, b"2"), VA_STATUS_SUCCESS);
    assert_eq!(client.luma(surface), b'2');
}

#[test]
fn both_fields_have_one_timestamp_and_the_worse_outcome() {
    let client = Client::new(When::Kicked);
    let (context, surfaces) = (client.decoder(), client.surfaces(64, 64, 2));
    assert_eq!(
        client.decode(context, surfaces[0], b"1d"),
        VA_STATUS_SUCCESS
    );
    assert_eq!(
        client.decode(context, surfaces[0], b"2.2"),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.sync(surfaces[0]), VA_STATUS_SUCCESS);
    assert_eq!(errors(&client, surfaces[0]).len(), 1);
    // Nothing was decoded there: a frame of its own.
    assert_eq!(
        client.decode(context, surfaces[1], b"3.2"),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.sync(surfaces[1]), VA_STATUS_SUCCESS);
    let pictures = client.control.pictures.lock().unwrap();
    let timestamps: Vec<_> = pictures.iter().map(|picture| picture.timestamp).collect();
    assert_eq!(timestamps[0], timestamps[1]);
    assert_ne!(timestamps[1], timestamps[2]);
    assert!(timestamps.iter().all(|t| *t != 0 && t % 1000 == 0));
}

#[test]
fn a_picture_held_back_comes_when_it_is_waited_for() {
    let client = Client::new(When::Kicked);
    let (context, surfaces) = (client.decoder(), client.surfaces(64, 64, 3));
    assert_eq!(
        client.decode(context, surfaces[0], b"1.h"),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.control.pictures.lock().unwrap().len(), 0);
    assert_eq!(client.sync(surfaces[0]), VA_STATUS_SUCCESS);
    assert_eq!(client.luma(surfaces[0]), b'1');
    // The next picture pushes it out, too; both in order.
    assert_eq!(
        client.decode(context, surfaces[1], b"2.h"),
        VA_STATUS_SUCCESS
    );
    let next = coded(b'3', *b"..", &[surfaces[1]]);
    assert_eq!(
        client.decode(context, surfaces[2], &next),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.sync(surfaces[2]), VA_STATUS_SUCCESS);
    assert_eq!(client.sync(surfaces[1]), VA_STATUS_SUCCESS);
    let order: Vec<_> = client
        .control
        .pictures
        .lock()
        .unwrap()
        .iter()
        .map(|p| p.bitstream[0])
        .collect();
    assert_eq!(order, b"123");
    // Nobody waits, but the context ends.
    assert_eq!(
        client.decode(context, surfaces[0], b"4.h"),
        VA_STATUS_SUCCESS
    );
    assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
    assert_eq!(client.sync(surfaces[0]), VA_STATUS_SUCCESS);
    assert_eq!(client.luma(surfaces[0]), b'4');
}

#[test]
fn film_grain_has_a_surface_of_its_own() {
    let client = Client::new(When::Kicked);
    let (context, surfaces) = (client.decoder(), client.surfaces(64, 64, 2));
    let grained = coded(1, *b".g", &[surfaces[1]]);
    assert_eq!(
        client.decode(context, surfaces[0], &grained),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.sync(surfaces[1]), VA_STATUS_SUCCESS);
    assert_eq!(
        (client.luma(surfaces[0]), client.luma(surfaces[1])),
        (1, 0x81)
    );
    let onto_itself = coded(2, *b".g", &[surfaces[0]]);
    assert_eq!(
        client.decode(context, surfaces[0], &onto_itself),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.luma(surfaces[0]), 2);
}

#[test]
fn a_new_context_goes_on_with_the_stream_of_its_references() {
    let client = Client::new(When::Kicked);
    let surfaces = client.surfaces(64, 64, 3);
    let first = client.decoder();
    assert_eq!(client.decode(first, surfaces[0], b"1"), VA_STATUS_SUCCESS);
    assert_eq!(call!(client, vaDestroyContext, first), VA_STATUS_SUCCESS);
    let second = client.decoder();
    let inter = coded(b'2', *b"..", &[surfaces[0]]);
    assert_eq!(
        client.decode(second, surfaces[1], &inter),
        VA_STATUS_SUCCESS
    );
    assert_eq!(client.control.opened.load(Ordering::SeqCst), 1);
    assert_eq!(client.luma(surfaces[1]), b'2');
    // A context without references has a stream of its own, whose surfaces are no references of the first.
    let third = client.decoder();
    assert_eq!(client.decode(third, surfaces[2], b"3"), VA_STATUS_SUCCESS);
    assert_eq!(client.control.opened.load(Ordering::SeqCst), 2);
    let foreign = coded(b'4', *b"..", &[surfaces[2]]);
    assert_ne!(
        client.decode(second, surfaces[1], &foreign),
        VA_STATUS_SUCCESS
    );
}

#[test]
fn streams_without_contexts_do_not_pile_up() {
    let client = Client::new(When::Kicked);
    let mut surfaces = client.surfaces(64, 64, 20);
    for &surface in &surfaces {
        let context = client.decoder();
        assert_eq!(client.decode(context, surface, b"1"), VA_STATUS_SUCCESS);
        assert_eq!(client.sync(surface), VA_STATUS_SUCCESS);
        assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
    }
    let alive = || {
        client.control.opened.load(Ordering::SeqCst) - client.control.closed.load(Ordering::SeqCst)
    };
    assert_eq!(client.control.opened.load(Ordering::SeqCst), 20);
    // The double's threads let go of the last picture a moment after they have answered.
    let settles = |limit: usize| {
        let deadline = Instant::now() + Duration::from_secs(3);
        while alive() > limit {
            assert!(Instant::now() < deadline, "{} sessions are open", alive());
            let context = client.decoder();
            assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
        }
    };
    settles(4);
    // When no surface remembers, none is kept.
    assert_eq!(
        call!(client, vaDestroySurfaces, surfaces.as_mut_ptr(), 20),
        VA_STATUS_SUCCESS
    );
    settles(0);
}

#[test]
fn pictures_survive_their_context_and_their_surface() {
    for when in [When::Kicked, When::Told] {
        let client = Client::new(when);
        let (context, mut surfaces) = (client.decoder(), client.surfaces(64, 64, 2));
        for &surface in &surfaces {
            assert_eq!(client.decode(context, surface, b"1"), VA_STATUS_SUCCESS);
        }
        assert_eq!(
            call!(client, vaDestroySurfaces, surfaces.as_mut_ptr(), 1),
            VA_STATUS_SUCCESS
        );
        assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
        if when == When::Told {
            assert_eq!(client.status(surfaces[1]), VASurfaceRendering);
            client.control.answer();
        }
        assert_eq!(client.sync(surfaces[1]), VA_STATUS_SUCCESS);
        assert_eq!(client.luma(surfaces[1]), b'1');
        assert_eq!(client.sync(surfaces[0]), VA_STATUS_ERROR_INVALID_SURFACE);
    }
}

#[test]
fn terminating_with_pictures_on_their_way_answers_them() {
    let client = Client::new(When::Told);
    let (context, surfaces) = (client.decoder(), client.surfaces(64, 64, 4));
    for &surface in &surfaces {
        assert_eq!(client.decode(context, surface, b"1"), VA_STATUS_SUCCESS);
    }
    let start = Instant::now();
    client.terminate();
    assert!(start.elapsed() < Duration::from_secs(8));
    assert_eq!(client.control.closed.load(Ordering::SeqCst), 1);
}

#[test]
fn calls_out_of_order_are_refused() {
    let client = Client::new(When::AtOnce);
    let (context, mut surfaces) = (client.decoder(), client.surfaces(64, 64, 2));
    let mut buffer = client.buffer(context, b"1");
    let failed = VA_STATUS_ERROR_OPERATION_FAILED;
    assert_eq!(
        call!(client, vaRenderPicture, context, &mut buffer, 1),
        failed
    );
    assert_eq!(call!(client, vaEndPicture, context), failed);
    // A picture without buffers is the translator's to refuse.
    assert_eq!(
        call!(client, vaBeginPicture, context, surfaces[0]),
        VA_STATUS_SUCCESS
    );
    assert_eq!(
        call!(client, vaEndPicture, context),
        VA_STATUS_ERROR_INVALID_BUFFER
    );
    // The second begin counts; its target may die before the end.
    assert_eq!(
        call!(client, vaBeginPicture, context, surfaces[0]),
        VA_STATUS_SUCCESS
    );
    assert_eq!(
        call!(client, vaBeginPicture, context, surfaces[1]),
        VA_STATUS_SUCCESS
    );
    assert_eq!(
        call!(client, vaDestroySurfaces, &mut surfaces[1], 1),
        VA_STATUS_SUCCESS
    );
    assert_eq!(
        call!(client, vaRenderPicture, context, &mut buffer, 1),
        VA_STATUS_SUCCESS
    );
    assert_eq!(call!(client, vaEndPicture, context), VA_STATUS_SUCCESS);
}

#[test]
fn statistics_are_appended_per_context() {
    let path = std::env::temp_dir().join(format!("daedalus-stats-{}", std::process::id()));
    let environment = Environment {
        stats: Some(path.clone()),
        ..Default::default()
    };
    let client = Client::with_environment(When::Kicked, environment);
    let surface = client.surfaces(64, 64, 1)[0];
    for pictures in [&[&b"1"[..], b"2d", b"3f"][..], &[b"1", b"2.e"]] {
        let context = client.decoder();
        for picture in pictures {
            client.decode(context, surface, picture);
        }
        assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
        client.sync(surface);
    }
    client.terminate();
    let mut lines: Vec<_> = std::fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    std::fs::remove_file(&path).unwrap();
    lines.sort();
    let start = "profile=VP9Profile0 backend=test-double";
    assert_eq!(
        lines,
        [
            format!("{start} submitted=2 completed=1 failed=1 damaged=0 refused=1"),
            format!("{start} submitted=3 completed=1 failed=2 damaged=1 refused=0"),
        ]
    );
}

#[test]
fn a_client_that_never_waits_is_held_back() {
    let client = Client::new(When::Kicked);
    let (context, surfaces) = (client.decoder(), client.surfaces(64, 64, 4));
    for picture in 0..200usize {
        let target = surfaces[picture % 4];
        assert_eq!(client.decode(context, target, b"1"), VA_STATUS_SUCCESS);
        let waiting = client.control.waiting();
        assert!(waiting <= 40, "{waiting} pictures are on their way");
    }
    assert_eq!(client.luma(surfaces[3]), b'1');
}
