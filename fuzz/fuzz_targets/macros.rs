// SPDX-License-Identifier: BSD-2-Clause
//! What all targets share: the entry of the same name, and for call sequences a mutator that keeps their framing.

#[allow(unused_macros)]
macro_rules! bytes {
    ($entry:path) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $entry(data));
    };
}

#[allow(unused_macros)]
macro_rules! calls {
    ($entry:path) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $entry(data));
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            let mut random = calls::mutate::Random::new(u64::from(seed));
            if random.below(16) == 0 {
                return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
            }
            let mut with = |content: &mut Vec<u8>, _: &mut calls::mutate::Random| {
                let length = content.len();
                content.resize(length + 64, 0);
                let room = content.len();
                let length = libfuzzer_sys::fuzzer_mutate(content, length, room);
                content.truncate(length);
            };
            let mutated = calls::mutate::sequence(&data[..size], &mut random, &mut with);
            let length = mutated.len().min(max_size);
            data[..length].copy_from_slice(&mutated[..length]);
            length
        });
    };
}
