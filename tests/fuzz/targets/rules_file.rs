//! See [`tests::fuzz::rules_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::fuzz::rules_file(bytes));
