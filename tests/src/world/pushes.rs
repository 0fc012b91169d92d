//! What a developer does: change files, commit, push.

use super::{World, must};

impl World {
    /// Writes a file of the repository.
    pub fn write(&self, path: &str, text: &str) {
        must(self.repository.write(path, text), "write a file");
    }

    /// Replaces a text that a file of the repository has.
    pub fn replace(&self, path: &str, from: &str, to: &str) {
        must(self.repository.replace(path, from, to), "change a file");
    }

    /// Removes a file or a folder of the repository.
    pub fn remove(&self, path: &str) {
        must(self.repository.remove(path), "remove a file");
    }

    /// Commits everything, pushes it, and returns the commit's id.
    pub fn push(&self, message: &str) -> String {
        must(self.repository.commit_and_push(message), "push")
    }

    /// Writes the files and pushes them as one commit; returns its id.
    pub fn push_files(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.write(path, text);
        }
        self.push("files")
    }
}
