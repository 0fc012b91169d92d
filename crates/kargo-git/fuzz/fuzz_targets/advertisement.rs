#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kargo_git::fuzzing::advertisement(bytes));
