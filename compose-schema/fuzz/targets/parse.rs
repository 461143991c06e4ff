#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| compose_schema::fuzzing::parse(input));
