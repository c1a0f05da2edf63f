//! The files of the disk cache: any bytes as an object's description, as a record of the index and as a whole index. The
//! values of a store that machines share.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    privet_cache::check_files(data);
    privet_cache::shared::check(data);
});
