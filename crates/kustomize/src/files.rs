//! Reading files that a kustomization names, within its fence and budget, with helpful words when they
//! are not there.

use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::options::LoadRestrictor;
use crate::paths::Found;
use crate::position::Spot;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) bytes: Vec<u8>,
    /// Its number in [`Files`](crate::position::Files).
    pub(crate) file: u32,
}

/// Names that read as one of these are suggested for each other.
const SIMILARITY: f64 = 0.75;

impl Context<'_> {
    /// Reads the file that a kustomization in the folder `root` names at `spot`.
    pub(crate) fn read_named(&mut self, root: &str, path: &str, spot: Spot) -> Result<SourceFile> {
        match self.find(root, path, spot)? {
            Found::File(real, size) => {
                self.check_fence(root, path, &real, spot)?;
                self.read(&real, size, spot)
            }
            Found::Folder(real) => {
                self.looked_at.insert(real);
                let what = format!("`{path}` is a folder, and a file is needed here");
                Err(self.fail_with_help(Code::WrongFileKind, spot, what, "Name a file in it"))
            }
            Found::Nothing(missing) => Err(self.missing(root, path, &missing, spot)),
        }
    }

    /// Files must lie in or below the folder of the kustomization that names them.
    pub(crate) fn check_fence(
        &mut self,
        root: &str,
        path: &str,
        real: &str,
        spot: Spot,
    ) -> Result<()> {
        let inside =
            root.is_empty() || real.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        if inside || self.options.load == LoadRestrictor::Tree {
            return Ok(());
        }
        let shown = if root.is_empty() { "the root" } else { root };
        Err(self.fail_with_help(
            Code::Escape,
            spot,
            format!("the file `{path}` is not in or below {shown}"),
            "Name its folder as a base instead (with a kustomization.yaml there), or move the file",
        ))
    }

    /// Reads a file whose real path is known.
    pub(crate) fn read(&mut self, real: &str, size: u64, spot: Spot) -> Result<SourceFile> {
        let budget = self.options.budget;
        self.files_read += 1;
        self.bytes_read = self.bytes_read.saturating_add(size);
        if size > budget.file_bytes {
            let what =
                format!("`{real}` has {size} bytes, and at most {} are read", budget.file_bytes);
            return Err(self.fail_with_help(
                Code::Budget,
                spot,
                what,
                "Split it, or keep large data out of manifests",
            ));
        }
        if self.files_read > budget.files || self.bytes_read > budget.total_bytes {
            let what = format!(
                "this build reads more than {} files or {} bytes",
                budget.files, budget.total_bytes
            );
            return Err(self.fail_with_help(
                Code::Budget,
                spot,
                what,
                "Split it into several applications",
            ));
        }
        match self.tree.read(real) {
            Ok(bytes) => Ok(SourceFile { bytes, file: self.files.add(real) }),
            Err(error) => {
                Err(self.fail(Code::TreeFailed, spot, format!("`{real}` cannot be read: {error}")))
            }
        }
    }

    /// Reports a path that leads nowhere, with the nearest name that exists.
    pub(crate) fn missing(&mut self, root: &str, path: &str, missing: &str, spot: Spot) -> Failed {
        let what = format!("`{path}` does not exist");
        let help = self
            .nearest(root, path, missing)
            .map_or_else(|| missing_help(path), |nearest| format!("Did you mean `{nearest}`?"));
        self.fail_with_help(Code::MissingFile, spot, what, help)
    }

    /// The path with its first missing part replaced by the nearest name in that folder.
    fn nearest(&mut self, root: &str, path: &str, missing: &str) -> Option<String> {
        let mut folder = missing;
        let mut wrong = "";
        while !folder.is_empty() {
            (folder, wrong) = folder.rsplit_once('/').unwrap_or(("", folder));
            if folder.is_empty() || self.known_folders.contains(folder) {
                break;
            }
        }
        self.looked_at.insert(folder.to_owned());
        let names = self.tree.list(folder).ok()?;
        let similarity = |name: &str| similarity(name, wrong);
        let best = names
            .iter()
            .filter(|name| *name != wrong && !name.starts_with("kustomization"))
            .max_by(|a, b| similarity(a).total_cmp(&similarity(b)).then_with(|| b.cmp(a)))?;
        if similarity(best) < SIMILARITY {
            return None;
        }
        let position = path.split('/').position(|part| part == wrong);
        let parts = path.split('/').enumerate();
        let shown: Vec<&str> = parts
            .map(|(number, part)| if Some(number) == position { best.as_str() } else { part })
            .collect();
        let in_root = if root.is_empty() { best.clone() } else { format!("{root}/{best}") };
        Some(if position.is_some() { shown.join("/") } else { in_root })
    }
}

/// How much two file names look alike, from 0 to 1; an ending that they share does not count.
fn similarity(name: &str, wrong: &str) -> f64 {
    let (name, wrong) = (name.to_lowercase(), wrong.to_lowercase());
    match (name.rsplit_once('.'), wrong.rsplit_once('.')) {
        (Some((name, ending)), Some((wrong, other))) if ending == other => {
            strsim::jaro_winkler(name, wrong)
        }
        _ => strsim::jaro_winkler(&name, &wrong),
    }
}

/// Words for a file that is nowhere near.
fn missing_help(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    if name.starts_with('.') || name.contains("secret") || name.contains("env") {
        return "Add the file to the repository; a file that `.gitignore` names is not in git"
            .to_owned();
    }
    "Add the file to the repository, or remove it from this list".to_owned()
}
