//! What a caller decides about a build: order, a namespace from outside, and how much it may cost.

/// How a build is to be done. The default is what kustomize as a library does, within safe limits.
///
/// ```
/// let options = kustomize::Options { namespace: Some("team-a".to_owned()), ..Default::default() };
/// assert_eq!(options.order, kustomize::Order::Fifo);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The order of the objects, unless the root kustomization has `sortOptions`.
    pub order: Order,
    /// As if the root kustomization said `namespace:`: it takes the place of what that file says.
    pub namespace: Option<String>,
    /// Where the files of a kustomization may lie.
    pub load: LoadRestrictor,
    /// Adds the label `app.kubernetes.io/managed-by: kustomize-v5.8.1`, as
    /// `buildMetadata: [managedByLabel]` in the root kustomization does.
    pub managed_by_label: bool,
    /// What the build may cost at most.
    pub budget: Budget,
}

/// The order of the objects of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// In the order in which the files name them.
    #[default]
    Fifo,
    /// Namespaces and definitions first, webhooks last, by name in between: the default of the
    /// `kustomize build` command line.
    Legacy,
}

/// Where the files that a kustomization names may lie. Folders (bases) may always lie anywhere in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoadRestrictor {
    /// In or below the folder of the kustomization (`LoadRestrictionsRootOnly`, kustomize's default).
    #[default]
    RootOnly,
    /// Anywhere in the tree (`LoadRestrictionsNone`, as far as a tree goes).
    Tree,
}

/// How much one build may cost. Every limit is a count, so a build that is refused on one machine is
/// refused on all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Size of one file in bytes; asked from the tree before the file is read. Default 16 MiB.
    pub file_bytes: u64,
    /// All bytes that are read, a file that is read twice counted twice. Default 64 MiB.
    pub total_bytes: u64,
    /// Files that are read, repeats counted. Default 20,000.
    pub files: usize,
    /// Kustomizations that are built, repeats counted (a base under two overlays counts twice). Default 2,000.
    pub kustomizations: usize,
    /// Kustomizations on the way from the root to the deepest base. Default 64.
    pub kustomization_depth: usize,
    /// YAML nodes (scalars, lists, maps) of all documents, aliases expanded, copies by patches and
    /// replacements counted; each takes some 130 bytes. Default 1,200,000.
    pub nodes: usize,
    /// Bytes of text that the build makes itself: by aliases, generators, patches and transformers. What was
    /// written once in a file counts only as read. Default 32 MiB.
    pub text_bytes: u64,
    /// Nodes that come from expanding aliases and merge keys. Default 500,000.
    pub alias_nodes: usize,
    /// Nesting of lists and maps. Default 128.
    pub depth: usize,
    /// Documents in one file. Default 100,000.
    pub documents: usize,
    /// Objects that are loaded or generated, repeats counted. Default 100,000.
    pub objects: usize,
    /// Work on objects: fields looked up, elements and identities compared, patterns matched. A step takes
    /// some ten nanoseconds. Default 50,000,000.
    pub steps: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            file_bytes: 16 << 20,
            total_bytes: 64 << 20,
            files: 20_000,
            kustomizations: 2_000,
            kustomization_depth: 64,
            nodes: 1_200_000,
            text_bytes: 32 << 20,
            alias_nodes: 500_000,
            depth: 128,
            documents: 100_000,
            objects: 100_000,
            steps: 50_000_000,
        }
    }
}
