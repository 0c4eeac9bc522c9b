//! See [`tests::fuzz::control_frame`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::fuzz::control_frame(bytes));
