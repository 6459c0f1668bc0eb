// SPDX-License-Identifier: BSD-2-Clause
//! Images: every listed format on surfaces that were never decoded to, sub-rectangles, lifetimes.

use super::client::{Client, call};
use crate::backend::test_double::When;
use va_sys::*;

fn formats(client: &Client) -> Vec<VAImageFormat> {
    let mut list = vec![VAImageFormat::default(); client.context().max_image_formats as usize];
    let mut number = 0;
    assert_eq!(
        call!(client, vaQueryImageFormats, list.as_mut_ptr(), &mut number),
        VA_STATUS_SUCCESS
    );
    list.truncate(number as usize);
    list
}

fn surface(client: &Client, fourcc: u32, width: u32, height: u32) -> VASurfaceID {
    let mut id = 0;
    let mut attribute = VASurfaceAttrib {
        type_: VASurfaceAttribPixelFormat,
        flags: VA_SURFACE_ATTRIB_SETTABLE,
        ..Default::default()
    };
    attribute.value.type_ = VAGenericValueTypeInteger;
    attribute.value.value.i = fourcc as i32;
    let format = VA_RT_FORMAT_YUV420;
    assert_eq!(
        call!(
            client,
            vaCreateSurfaces2,
            format,
            width,
            height,
            &mut id,
            1,
            &mut attribute,
            1
        ),
        VA_STATUS_SUCCESS
    );
    id
}

fn image(client: &Client, format: &mut VAImageFormat, width: u32, height: u32) -> VAImage {
    let mut image = VAImage::default();
    assert_eq!(
        call!(
            client,
            vaCreateImage,
            format,
            width as i32,
            height as i32,
            &mut image
        ),
        VA_STATUS_SUCCESS
    );
    image
}

/// The visible bytes of both planes.
fn visible(client: &Client, image: &VAImage) -> Vec<u8> {
    let base = client.map(image.buf).cast_const();
    let bytes = if image.format.fourcc == VA_FOURCC_P010 {
        2
    } else {
        1
    };
    let (width, height) = (usize::from(image.width), usize::from(image.height));
    let planes = [
        (width * bytes, height),
        (width.div_ceil(2) * 2 * bytes, height.div_ceil(2)),
    ];
    let mut all = Vec::new();
    for (plane, (columns, rows)) in planes.into_iter().enumerate() {
        for row in 0..rows {
            let offset = image.offsets[plane] as usize + row * image.pitches[plane] as usize;
            assert!(offset + columns <= image.data_size as usize);
            // SAFETY: inside the image's data, as asserted.
            all.extend(unsafe { std::slice::from_raw_parts(base.add(offset), columns) });
        }
    }
    all
}

fn paint(client: &Client, image: &VAImage, seed: usize) {
    let base = client.map(image.buf);
    for i in 0..image.data_size as usize {
        // SAFETY: inside the image's data.
        unsafe { base.add(i).write((i * 7 + seed) as u8) };
    }
    assert_eq!(call!(client, vaUnmapBuffer, image.buf), VA_STATUS_SUCCESS);
}

#[test]
fn what_is_put_can_be_got_and_derived() {
    let client = Client::new(When::AtOnce);
    for mut format in formats(&client) {
        for (width, height) in [(1, 1), (2, 3), (17, 33), (128, 128), (1920, 1080)] {
            let surface = surface(&client, format.fourcc, width, height);
            let source = image(&client, &mut format, width, height);
            paint(&client, &source, 3);
            assert_eq!(
                call!(
                    client,
                    vaPutImage,
                    surface,
                    source.image_id,
                    0,
                    0,
                    width,
                    height,
                    0,
                    0,
                    width,
                    height
                ),
                VA_STATUS_SUCCESS
            );
            let target = image(&client, &mut format, width, height);
            assert_eq!(
                call!(
                    client,
                    vaGetImage,
                    surface,
                    0,
                    0,
                    width,
                    height,
                    target.image_id
                ),
                VA_STATUS_SUCCESS
            );
            let derived = client.derive(surface);
            assert_eq!(derived.format.fourcc, format.fourcc);
            let pixels = visible(&client, &source);
            assert_eq!(pixels, visible(&client, &target));
            assert_eq!(pixels, visible(&client, &derived));
        }
    }
}

#[test]
fn sub_rectangles_land_where_they_should() {
    let client = Client::new(When::AtOnce);
    for mut format in formats(&client) {
        let surface = surface(&client, format.fourcc, 64, 48);
        let background = client.derive(surface);
        paint(&client, &background, 0);
        let source = image(&client, &mut format, 32, 32);
        paint(&client, &source, 100);
        let before = visible(&client, &background);
        assert_eq!(
            call!(
                client,
                vaPutImage,
                surface,
                source.image_id,
                4,
                2,
                20,
                10,
                30,
                20,
                20,
                10
            ),
            VA_STATUS_SUCCESS
        );
        let after = visible(&client, &background);
        let target = image(&client, &mut format, 20, 10);
        assert_eq!(
            call!(client, vaGetImage, surface, 30, 20, 20, 10, target.image_id),
            VA_STATUS_SUCCESS
        );
        let (source, target) = (visible(&client, &source), visible(&client, &target));
        let bytes = if format.fourcc == VA_FOURCC_P010 {
            2
        } else {
            1
        };
        for row in 0..10 {
            let rows = (
                &source[((2 + row) * 32 + 4) * bytes..][..20 * bytes],
                &target[row * 20 * bytes..][..20 * bytes],
            );
            assert_eq!(rows.0, rows.1);
        }
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        assert!(changed <= (20 * 10 + 20 * 5) * bytes && changed > 0);
    }
}

#[test]
fn impossible_transfers_are_refused() {
    let client = Client::new(When::AtOnce);
    let nv12 = surface(&client, VA_FOURCC_NV12, 64, 64);
    let mut list = formats(&client);
    let p010 = list
        .iter_mut()
        .find(|format| format.fourcc == VA_FOURCC_P010)
        .unwrap();
    let deep = image(&client, p010, 64, 64);
    assert_eq!(
        call!(client, vaGetImage, nv12, 0, 0, 64, 64, deep.image_id),
        VA_STATUS_ERROR_INVALID_IMAGE_FORMAT
    );
    let mut format = VAImageFormat {
        fourcc: VA_FOURCC_NV12,
        ..Default::default()
    };
    let small = image(&client, &mut format, 32, 32);
    let get = |x, y, width, height| {
        call!(
            client,
            vaGetImage,
            nv12,
            x,
            y,
            width,
            height,
            small.image_id
        )
    };
    let invalid = VA_STATUS_ERROR_INVALID_PARAMETER;
    assert_eq!(get(0, 0, 64, 64), invalid);
    assert_eq!(get(-2, 0, 2, 2), invalid);
    assert_eq!(get(62, 0, 4, 2), invalid);
    assert_eq!(get(0, 0, u32::MAX, 2), invalid);
    assert_eq!(get(32, 32, 32, 32), VA_STATUS_SUCCESS);
    let scaled = call!(
        client,
        vaPutImage,
        nv12,
        small.image_id,
        0,
        0,
        32,
        32,
        0,
        0,
        64,
        64
    );
    assert_eq!(scaled, invalid);
    format.fourcc = VA_FOURCC_BGRX;
    let mut refused = VAImage::default();
    assert_eq!(
        call!(client, vaCreateImage, &mut format, 32, 32, &mut refused),
        VA_STATUS_ERROR_INVALID_IMAGE_FORMAT
    );
}

#[test]
fn a_derived_image_outlives_its_surface() {
    let client = Client::new(When::AtOnce);
    let mut surface = surface(&client, VA_FOURCC_NV12, 64, 64);
    let image = client.derive(surface);
    let address = client.map(image.buf);
    assert_eq!(
        call!(client, vaDestroySurfaces, &mut surface, 1),
        VA_STATUS_SUCCESS
    );
    paint(&client, &image, 1);
    assert_eq!(client.map(image.buf), address);
    assert_eq!(
        call!(client, vaDestroyImage, image.image_id),
        VA_STATUS_SUCCESS
    );
    assert_eq!(
        call!(client, vaUnmapBuffer, image.buf),
        VA_STATUS_ERROR_INVALID_BUFFER
    );
    assert_eq!(
        call!(client, vaDestroyImage, image.image_id),
        VA_STATUS_ERROR_INVALID_IMAGE
    );
}

#[test]
fn a_derived_image_is_the_surface_and_stays_there() {
    let client = Client::new(When::AtOnce);
    let context = client.decoder();
    let surface = surface(&client, VA_FOURCC_NV12, 64, 64);
    let image = client.derive(surface);
    let address = client.map(image.buf);
    for value in [5, 6] {
        assert_eq!(client.decode(context, surface, &[value]), VA_STATUS_SUCCESS);
        // SAFETY: mapped.
        assert_eq!(unsafe { address.read() }, value);
        assert_eq!(client.map(client.derive(surface).buf), address);
    }
    // A client may destroy the buffer itself, and the image after it.
    assert_eq!(call!(client, vaDestroyBuffer, image.buf), VA_STATUS_SUCCESS);
    assert_eq!(
        call!(client, vaDestroyImage, image.image_id),
        VA_STATUS_SUCCESS
    );
}
