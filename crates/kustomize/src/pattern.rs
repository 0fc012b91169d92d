//! Regular expressions from the tree: their size is limited, and what they match is paid for.

use std::cell::Cell;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

/// Sizes of a compiled expression in bytes, and the steps that one byte of text then costs at most. The
/// time per byte grows with the size. Real expressions take a few hundred bytes; larger ones than the last
/// are refused.
const SIZES: [(usize, u64); 3] = [(4 << 10, 1), (16 << 10, 8), (64 << 10, 64)];

/// What patterns have cost since somebody paid.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    due: Rc<Cell<u64>>,
    most: u64,
}

impl Meter {
    /// A meter for a build that may take `most` steps.
    pub(crate) fn new(most: u64) -> Self {
        Self { due: Rc::new(Cell::new(0)), most }
    }

    /// The steps since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.due.take()
    }
}

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    steps_per_byte: u64,
    meter: Meter,
}

impl Pattern {
    /// Compiles an expression; `None` if it is not valid or too large.
    pub(crate) fn new(text: &str, meter: &Meter) -> Option<Self> {
        SIZES.iter().find_map(|&(size, steps_per_byte)| {
            let regex =
                RegexBuilder::new(text).size_limit(size).dfa_size_limit(size * 8).build().ok()?;
            Some(Self { regex, steps_per_byte, meter: meter.clone() })
        })
    }

    /// Does it match? Nothing matches any more when the build has no steps left, and the next one who pays
    /// for a step says so.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let due = &self.meter.due;
        due.set(due.get().saturating_add(self.steps_per_byte * (text.len() as u64 + 1)));
        due.get() <= self.meter.most && self.regex.is_match(text)
    }
}
