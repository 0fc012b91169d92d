//! The sample repositories below `tests/samples`.

use std::path::PathBuf;

use crate::folders;

/// How many objects [`krampoline`] renders.
pub const KRAMPOLINE_OBJECTS: usize = 11;

/// The typical repository of a user of Kargo: its folder `k8s` renders
/// [`KRAMPOLINE_OBJECTS`] objects.
pub fn krampoline() -> PathBuf {
    folders::workspace().join("tests/samples/krampoline")
}
