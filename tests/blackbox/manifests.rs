//! Small manifests for tests that care about something else than what is in them.

pub(crate) use kargo_tests::manifests::*;
