#![no_main]

use kargo_webhook::{Provider, payload};

libfuzzer_sys::fuzz_target!(|body: &[u8]| drop(payload::repositories(Provider::Bitbucket, body)));
