//! Choices that a tree is made of, drawn and shrunk by proptest.
//!
//! A tree is a function of a list of numbers: each decision takes the next one. Where the list has ended,
//! and where proptest has shrunk a number to zero, the decision is the simplest one. So shorter lists and
//! smaller numbers are simpler trees, and proptest finds the simplest that still shows a difference.

use kustomize::MemoryTree;
use proptest::prelude::*;

use crate::trees;

/// Numbers of the largest trees.
const MOST: usize = 700;

/// Whole trees; the root kustomization is in `top`.
pub(crate) fn tree() -> impl Strategy<Value = MemoryTree> {
    prop::collection::vec(any::<u32>(), 40..MOST)
        .prop_map(|choices| trees::tree(&mut Random { choices: choices.into_iter() }))
}

pub(crate) struct Random {
    choices: std::vec::IntoIter<u32>,
}

impl Random {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.choices.next().unwrap_or_default() as usize % limit
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    /// One of the choices; the simplest is the first.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}
