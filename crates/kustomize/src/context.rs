//! What one build shares: the tree, the limits, what was looked at and what was found wrong.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::error::{Code, Error, Warning};
use crate::options::Options;
use crate::pattern::{Meter, Pattern};
use crate::position::{Files, Spot};
use crate::schema::Schema;
use crate::tree::Tree;
use crate::yaml::Size;
use crate::yaml::json::NotJson;
use crate::yaml::limits::{Limits, Spent};
use crate::yaml::text::Fault;

/// Something went wrong and has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

pub(crate) type Result<T, E = Failed> = std::result::Result<T, E>;

/// The state of one build. Nothing of it outlives the build.
pub(crate) struct Context<'a> {
    pub(crate) tree: &'a dyn Tree,
    pub(crate) options: &'a Options,
    pub(crate) files: Files,
    pub(crate) errors: Vec<Error>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) looked_at: BTreeSet<String>,
    /// Folders that are known to exist and not to be links.
    pub(crate) known_folders: HashSet<String>,
    pub(crate) limits: Limits,
    /// A limit has been reached: nothing more is tried.
    pub(crate) is_spent: bool,
    pub(crate) schema: Schema,
    /// A kustomization has chosen the schema; those below have no say any more.
    pub(crate) schema_is_set: bool,
    /// An object of a kind without known scope was loaded before any kustomization chose a schema.
    /// kustomize then keeps its built-in schema beside the one that is chosen.
    pub(crate) unknown_kind_seen: bool,
    pub(crate) files_read: usize,
    pub(crate) bytes_read: u64,
    pub(crate) kustomizations: usize,
    pub(crate) objects: usize,
    aliases: u32,
    patterns: HashMap<String, Option<Arc<Pattern>>>,
    meter: Meter,
}

impl<'a> Context<'a> {
    pub(crate) fn new(tree: &'a dyn Tree, options: &'a Options) -> Self {
        let budget = options.budget;
        Self {
            tree,
            options,
            files: Files::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
            looked_at: BTreeSet::new(),
            known_folders: HashSet::new(),
            limits: Limits {
                nodes: budget.nodes,
                text_bytes: budget.text_bytes,
                steps: budget.steps,
                alias_nodes: budget.alias_nodes,
                depth: budget.depth,
                documents: budget.documents,
            },
            is_spent: false,
            schema: Schema::default(),
            schema_is_set: false,
            unknown_kind_seen: false,
            files_read: 0,
            bytes_read: 0,
            kustomizations: 0,
            objects: 0,
            aliases: 1,
            patterns: HashMap::new(),
            meter: Meter::new(budget.steps),
        }
    }

    /// Has anything been reported? Then nothing is transformed any more, only looked for.
    pub(crate) fn has_failed(&self) -> bool {
        !self.errors.is_empty()
    }

    pub(crate) fn fail(&mut self, code: Code, spot: Spot, what: impl Into<String>) -> Failed {
        self.report(code, spot, what.into(), None)
    }

    pub(crate) fn fail_with_help(
        &mut self,
        code: Code,
        spot: Spot,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Failed {
        self.report(code, spot, what.into(), Some(help.into()))
    }

    fn report(&mut self, code: Code, spot: Spot, what: String, help: Option<String>) -> Failed {
        let position = self.files.position(spot);
        self.errors.push(Error { code, position, what, help });
        Failed
    }

    /// Reports a fault in the text of a file.
    pub(crate) fn fail_in_text(&mut self, file: u32, fault: Fault) -> Failed {
        let spot = Spot { file, line: fault.line, column: fault.column };
        self.report(fault.code, spot, fault.what, fault.help)
    }

    pub(crate) fn fail_as_json(&mut self, fault: NotJson, otherwise: Spot) -> Failed {
        let spot = if fault.spot.is_known() { fault.spot } else { otherwise };
        self.report(fault.code, spot, fault.what, fault.help)
    }

    pub(crate) fn warn(&mut self, spot: Spot, what: impl Into<String>, help: impl Into<String>) {
        let position = self.files.position(spot);
        self.warnings.push(Warning { position, what: what.into(), help: Some(help.into()) });
    }

    /// Pays for work; fails when the budget is used up.
    pub(crate) fn step(&mut self, steps: u64, spot: Spot) -> Result<()> {
        let due = self.meter.take();
        self.limits.step(steps.saturating_add(due)).map_err(|spent| self.spent(spent, spot))
    }

    /// Pays for what is made or copied.
    pub(crate) fn make(&mut self, size: Size, spot: Spot) -> Result<()> {
        self.limits.make(size).map_err(|spent| self.spent(spent, spot))
    }

    /// Pays for a value that is copied to where `above` lists and maps are around it.
    pub(crate) fn copy(&mut self, size: Size, above: usize, spot: Spot) -> Result<()> {
        let most = self.options.budget.depth;
        if size.depth + above > most {
            let what = format!("this nests lists and maps deeper than {most} levels");
            return Err(self.fail_with_help(Code::Budget, spot, what, "Flatten the structure"));
        }
        self.make(size, spot)
    }

    /// Reports that a limit has been reached.
    pub(crate) fn spent(&mut self, spent: Spent, spot: Spot) -> Failed {
        if std::mem::replace(&mut self.is_spent, true) {
            // Once is enough: it ends the build.
            return Failed;
        }
        let budget = self.options.budget;
        let what = match spent {
            Spent::Nodes => format!("this build makes more than {} YAML nodes", budget.nodes),
            Spent::Text => {
                format!("this build makes more than {} bytes of text", budget.text_bytes)
            }
            Spent::Steps => format!("this build takes more than {} steps", budget.steps),
        };
        self.fail_with_help(Code::Budget, spot, what, "Split it into several applications")
    }

    /// Numbers for scalars that are added together (see `Scalar::alias`): the first of `count`.
    pub(crate) fn new_aliases(&mut self, count: usize) -> u32 {
        let first = self.aliases;
        // After four billion labels, later ones share numbers; the object's own table decides anyway.
        self.aliases = self.aliases.checked_add(u32::try_from(count).unwrap_or(1)).unwrap_or(1);
        first
    }

    /// Counts objects that are loaded or made.
    pub(crate) fn count_objects(&mut self, objects: usize, spot: Spot) -> Result<()> {
        self.objects += objects;
        if self.objects <= self.options.budget.objects {
            return Ok(());
        }
        let what = format!("this build loads more than {} objects", self.options.budget.objects);
        Err(self.fail_with_help(Code::Budget, spot, what, "Split it into several applications"))
    }

    /// Compiles a regular expression, once per build; `None` if it is not valid or too large.
    pub(crate) fn pattern(&mut self, text: &str) -> Option<Arc<Pattern>> {
        if let Some(known) = self.patterns.get(text) {
            return known.clone();
        }
        let compiled = Pattern::new(text, &self.meter).map(Arc::new);
        self.patterns.insert(text.to_owned(), compiled.clone());
        compiled
    }
}
