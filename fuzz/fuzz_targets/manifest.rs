#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| quintlock::fuzzing::run("manifest", bytes));
