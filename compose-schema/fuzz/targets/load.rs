#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

// In memory, as every input writes two files.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/stack-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder in memory");
    folder
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| compose_schema::fuzzing::load_project(input, &FOLDER));
