//! See [`tests::fuzz::rule_data`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::fuzz::rule_data(bytes));
