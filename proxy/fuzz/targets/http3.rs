#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxy::fuzzing::http3(input));
