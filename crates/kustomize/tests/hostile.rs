//! What strangers push: every input is answered by a named error, within counted budgets.

#![expect(
    clippy::format_push_string,
    clippy::format_collect,
    reason = "texts are built as they are read"
)]

use std::cell::RefCell;

use kustomize::{Budget, Code, Entry, MemoryTree, Options, Outcome, Tree, TreeError, build};

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

fn with_object(text: impl Into<Vec<u8>>) -> MemoryTree {
    let mut tree = MemoryTree::from_iter([("kustomization.yaml", "resources: [object.yaml]\n")]);
    tree.insert("object.yaml", text);
    tree
}

fn codes(outcome: &Outcome) -> Vec<Code> {
    outcome.result.as_ref().err().into_iter().flatten().map(|error| error.code).collect()
}

fn refused(tree: &dyn Tree) -> Vec<Code> {
    codes(&build(tree, "", &Options::default()))
}

/// Counts what a build asks of a tree.
struct Counting<'t> {
    tree: &'t dyn Tree,
    reads: RefCell<Vec<String>>,
}

impl Tree for Counting<'_> {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        assert!(
            !path.starts_with('/') && !path.split('/').any(|part| part == ".."),
            "asked for {path}"
        );
        self.tree.entry(path)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.reads.borrow_mut().push(path.to_owned());
        self.tree.read(path)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, TreeError> {
        self.tree.list(path)
    }
}

#[test]
fn nested_brackets_and_maps() {
    for text in
        ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(50_000)]
    {
        let found = refused(&with_object(text.clone()));
        assert!(
            matches!(found.as_slice(), [Code::Budget | Code::Yaml]),
            "{}...: {found:?}",
            &text[..8]
        );
        let mut tree = MemoryTree::new();
        tree.insert("kustomization.yaml", text);
        let found = refused(&tree);
        assert!(matches!(found.as_slice(), [Code::Budget | Code::Yaml]), "{found:?}");
    }
    let deep: String = (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(refused(&with_object(deep)), [Code::Budget]);
}

#[test]
fn alias_bombs() {
    let mut bomb = format!("{OBJECT}x:\n- &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..10 {
        let list = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("- &a{level} [{list}]\n");
    }
    assert_eq!(refused(&with_object(bomb)), [Code::Budget]);
    let recursive = format!("{OBJECT}x: &a [*a]\n");
    assert_eq!(refused(&with_object(recursive)), [Code::Yaml]);
    let merges: String = (1..40)
        .map(|level| {
            format!("a{level}: &a{level}\n  <<: [*a{0}, *a{0}]\n  k{level}: *a{0}\n", level - 1)
        })
        .collect();
    assert_eq!(
        refused(&with_object(format!("{OBJECT}a0: &a0 {{k: v}}\n{merges}"))),
        [Code::Budget]
    );
}

#[test]
fn bases_that_never_end() {
    let chain = |length: usize| {
        let mut tree = MemoryTree::new();
        for level in 0..length {
            tree.insert(
                format!("b{level}/kustomization.yaml"),
                format!("resources: [../b{}]\n", level + 1),
            );
        }
        tree.insert(format!("b{length}/kustomization.yaml"), "configMapGenerator: [{name: a}]\n");
        tree
    };
    assert!(build(&chain(50), "b0", &Options::default()).result.is_ok());
    assert_eq!(codes(&build(&chain(10_000), "b0", &Options::default())), [Code::Budget]);
    for length in 1..=3 {
        let mut tree = MemoryTree::new();
        for level in 0..length {
            tree.insert(
                format!("b{level}/kustomization.yaml"),
                format!("resources: [../b{}]\n", (level + 1) % length),
            );
        }
        assert_eq!(
            codes(&build(&tree, "b0", &Options::default())),
            [Code::Cycle],
            "cycle of {length}"
        );
    }
}

#[test]
fn a_diamond_of_a_million_paths() {
    let mut tree = MemoryTree::new();
    for level in 0..20 {
        for side in ["l", "r"] {
            let below = format!("namePrefix: {side}\nresources: [../l{0}, ../r{0}]\n", level + 1);
            tree.insert(format!("{side}{level}/kustomization.yaml"), below);
        }
    }
    for side in ["l", "r"] {
        tree.insert(
            format!("{side}20/kustomization.yaml"),
            format!("configMapGenerator: [{{name: {side}}}]\n"),
        );
    }
    let counting = Counting { tree: &tree, reads: RefCell::default() };
    let outcome = build(&counting, "l0", &Options::default());
    assert!(codes(&outcome).contains(&Code::Budget));
    assert!(counting.reads.borrow().len() <= Budget::default().kustomizations);
}

/// A file that claims a size and must not be read.
struct Huge;

impl Tree for Huge {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        Ok(match path {
            "kustomization.yaml" => Some(Entry::File { size: 30 }),
            "object.yaml" => Some(Entry::File { size: 1 << 30 }),
            _ => None,
        })
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        assert_ne!(path, "object.yaml", "read although it is too large");
        Ok(b"resources: [object.yaml]\n".to_vec())
    }

    fn list(&self, _: &str) -> Result<Vec<String>, TreeError> {
        Ok(Vec::new())
    }
}

#[test]
fn sizes() {
    assert_eq!(refused(&Huge), [Code::Budget]);
    let many: String = (0..100_001)
        .map(|number| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{number}}}\n")
        })
        .collect();
    assert_eq!(refused(&with_object(many)), [Code::Budget]);
    let options =
        Options { budget: Budget { nodes: 100, ..Budget::default() }, ..Options::default() };
    let list = format!("{OBJECT}x: [{}]\n", "a, ".repeat(200));
    assert_eq!(codes(&build(&with_object(list), "", &options)), [Code::Budget]);
    let repeated = format!("resources: [{}]\n", "object.yaml, ".repeat(50));
    let mut tree = with_object(OBJECT);
    tree.insert("kustomization.yaml", repeated);
    let options =
        Options { budget: Budget { files: 10, ..Budget::default() }, ..Options::default() };
    assert!(codes(&build(&tree, "", &options)).contains(&Code::Budget));
}

#[test]
fn escapes_from_the_tree() {
    let outside = [
        "..",
        "../",
        "../x",
        "../../x",
        "a/../../x",
        "./../x",
        "a/../../../x",
        "/etc/passwd",
        "/",
        "//x",
        ".git",
        ".git/config",
        "a/.git/config",
        ".GIT/config",
        "link-up",
        "link-absolute",
        "link-git",
        "link-chain",
        "link-dangling",
        "link-self",
        "link-loop-a",
        "link-deep/../../x",
        "link-folder-up/x",
        "http://example.com/x.yaml",
        "https://example.com/x",
        "ssh://git@example.com/x",
        "git@example.com:a/b",
        "github.com/a/b",
        "github.com/a/b//c?ref=main",
        "gh:a/b",
        "git::https://example.com/a",
        "file:///etc/passwd",
        "https://x@example.com/a.git",
        "user@host:/x",
        "%2e%2e/x",
        "..%2fx",
        "\u{2025}/x",
        "\u{ff0e}\u{ff0e}/x",
        "a\\..\\..\\x",
        "....//x",
        "a/b/c/../../../../x",
        "link-up/kustomization.yaml",
        "../in/../x",
    ];
    assert!(outside.len() >= 40);
    for path in outside {
        let mut tree = MemoryTree::new();
        tree.insert("in/kustomization.yaml", format!("resources: ['{path}']\n"));
        tree.insert("in/a/b/c/file", "x");
        tree.insert("in/.git/config", OBJECT);
        tree.insert_link("in/link-up", "../..");
        tree.insert_link("in/link-absolute", "/etc/passwd");
        tree.insert_link("in/link-git", ".git/config");
        tree.insert_link("in/link-chain", "link-up");
        tree.insert_link("in/link-dangling", "nowhere");
        tree.insert_link("in/link-self", "link-self");
        tree.insert_link("in/link-loop-a", "link-loop-b");
        tree.insert_link("in/link-loop-b", "link-loop-a");
        tree.insert_link("in/link-deep", "a/b/c");
        tree.insert_link("in/link-folder-up", "../../..");
        let counting = Counting { tree: &tree, reads: RefCell::default() };
        let outcome = build(&counting, "in", &Options::default());
        assert_eq!(*counting.reads.borrow(), ["in/kustomization.yaml"], "{path}");
        let found = codes(&outcome);
        let expected = [
            Code::Escape,
            Code::Remote,
            Code::MissingFile,
            Code::Cycle,
            Code::MissingKustomization,
        ];
        assert!(found.len() == 1 && expected.contains(&found[0]), "{path}: {found:?}");
    }
}

#[test]
fn files_outside_of_the_folder_of_a_kustomization() {
    let fields = [
        "resources: [../secret.yaml]",
        "configMapGenerator: [{name: a, files: [../secret.yaml]}]",
        "secretGenerator: [{name: a, envs: [../secret.yaml]}]",
        "patches: [{path: ../secret.yaml}]",
        "patchesStrategicMerge: [../secret.yaml]",
        "patchesJson6902: [{path: ../secret.yaml, target: {kind: A, name: a}}]",
        "configurations: [../secret.yaml]",
        "crds: [../secret.yaml]",
        "openapi: {path: ../secret.yaml}",
        "replacements: [{path: ../secret.yaml}]",
        "generators: [../secret.yaml]",
        "transformers: [../secret.yaml]",
        "validators: [../secret.yaml]",
        "resources: [link.yaml]",
    ];
    for field in fields {
        let mut tree = MemoryTree::from_iter([
            ("secret.yaml", OBJECT.to_owned()),
            ("in/kustomization.yaml", format!("{field}\n")),
        ]);
        tree.insert_link("in/link.yaml", "../secret.yaml");
        assert_eq!(codes(&build(&tree, "in", &Options::default())), [Code::Escape], "{field}");
    }
}

#[test]
fn programs_and_the_network() {
    let fields = [
        ("helmCharts: [{name: a}]", Code::Executable),
        ("helmChartInflationGenerator: [{chartName: a}]", Code::Executable),
        ("generators: [{}]", Code::WrongType),
        (
            "generators: ['{apiVersion: a/v1, kind: Exec, metadata: {name: a, annotations: {config.kubernetes.io/function: \"exec: {path: ./x}\"}}}']",
            Code::Executable,
        ),
        (
            "transformers: ['{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: a}}']",
            Code::Executable,
        ),
        (
            "validators: ['{apiVersion: a/v1, kind: Container, metadata: {name: a}}']",
            Code::Executable,
        ),
        ("resources: ['https://example.com/all.yaml']", Code::Remote),
        ("components: ['https://example.com/repo']", Code::Remote),
        ("configMapGenerator: [{name: a, files: ['https://example.com/x']}]", Code::Remote),
        ("openapi: {path: 'https://example.com/x'}", Code::Remote),
    ];
    for (field, code) in fields {
        let tree = MemoryTree::from_iter([("kustomization.yaml", format!("{field}\n"))]);
        assert_eq!(refused(&tree), [code], "{field}");
    }
}

#[test]
fn regular_expressions_that_explode() {
    let patterns = [
        "(a*)*b",
        "(((((a{1,50}){1,50}){1,50}){1,50}){1,50})",
        "(x+x+)+y",
        "[a-z]{1000}{1000}{1000}",
    ];
    for pattern in patterns {
        let mut tree = with_object(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n",
        );
        let text = format!(
            "resources: [object.yaml]\npatches: [{{patch: '- {{op: remove, path: /x}}', target: {{name: '{pattern}'}}}}]\nimages: [{{name: '{pattern}', newTag: x}}]\n"
        );
        tree.insert("kustomization.yaml", text);
        let outcome = build(&tree, "", &Options::default());
        assert!(
            outcome.result.is_ok()
                || codes(&outcome).iter().all(|code| *code == Code::InvalidSelector),
            "{pattern}: {:?}",
            outcome.result
        );
    }
}

#[test]
fn bytes_that_are_no_text() {
    let cases: [(&[u8], Code); 5] = [
        (b"a: \xff\xfe", Code::Encoding),
        (b"a: \0", Code::Encoding),
        (b"a: \x1b[31m", Code::Encoding),
        (b"\xff\xfe\x00\xd8", Code::Encoding),
        (b"%YAML 1.1\n---\na: b\n", Code::Yaml),
    ];
    for (bytes, code) in cases {
        assert_eq!(refused(&with_object(bytes)), [code], "{bytes:?}");
    }
    let mut tree = MemoryTree::new();
    tree.insert("kustomization.yaml", "configMapGenerator: [{name: a, envs: [a.env]}]\n");
    tree.insert("a.env", format!("A={}\nB=lost\n", "x".repeat(70_000)));
    assert_eq!(refused(&tree), [Code::InvalidGenerator]);
}

#[test]
fn what_kustomize_would_drop_without_a_word() {
    assert_eq!(refused(&with_object(format!("{OBJECT}...\n{OBJECT}"))), [Code::DroppedContent]);
    assert_eq!(
        refused(&with_object(format!("{OBJECT}data:\n  \"<<\": {{a: b}}\n"))),
        [Code::DroppedContent]
    );
}

#[test]
fn patches_that_grow() {
    let copies: String =
        (0..200).map(|_| "- {op: copy, from: /data, path: /data/x}\n".to_owned()).collect();
    let mut tree = with_object(format!("{OBJECT}data: {{a: b}}\n"));
    tree.insert(
        "kustomization.yaml",
        "resources: [object.yaml]\npatches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n",
    );
    tree.insert("patch.yaml", copies);
    assert_eq!(refused(&tree), [Code::Budget]);
    let doubling: String = (0..40)
        .map(|level| format!("- {{op: copy, from: /data, path: /data/x{level}}}\n"))
        .collect();
    tree.insert("patch.yaml", doubling);
    assert_eq!(refused(&tree), [Code::Budget]);
    let replacements: String = (0..200).map(|_| "- {source: {kind: ConfigMap, fieldPath: data}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.x], options: {create: true}}]}\n".to_owned()).collect();
    tree.insert(
        "kustomization.yaml",
        format!("resources: [object.yaml]\nreplacements:\n{replacements}"),
    );
    assert_eq!(refused(&tree), [Code::Budget]);
}

#[test]
fn long_keyed_lists_cost_steps() {
    let ports: String =
        (0..20_000).map(|number| format!("  - {{port: {number}, protocol: TCP}}\n")).collect();
    let mut tree = with_object(format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec:\n  ports:\n{ports}"
    ));
    let patch = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1, protocol: TCP, name: x}]}\n";
    tree.insert("patch.yaml", patch);
    tree.insert("kustomization.yaml", "resources: [object.yaml]\npatches: [{path: patch.yaml}]\n");
    assert_eq!(refused(&tree), [Code::Budget]);
}

#[test]
fn openapi_that_goes_in_circles() {
    let schema = r##"{"definitions": {"a": {"$ref": "#/definitions/b", "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "ConfigMap"}]}, "b": {"$ref": "#/definitions/a"}}}"##;
    let mut tree = with_object(OBJECT);
    tree.insert("schema.json", schema);
    tree.insert("kustomization.yaml", "openapi: {path: schema.json}\nresources: [object.yaml]\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: y}}'}]\n");
    assert!(build(&tree, "", &Options::default()).result.is_ok());
    let crd = "a: {Schema: {properties: {kind: {}, apiVersion: {}, metadata: {}, x: {$ref: a}}}}\n";
    tree.insert("crd.yaml", crd);
    tree.insert("kustomization.yaml", "crds: [crd.yaml]\nresources: [object.yaml]\n");
    assert_eq!(refused(&tree), [Code::Budget]);
}

#[test]
fn the_tree_fails() {
    struct Broken;
    impl Tree for Broken {
        fn entry(&self, _: &str) -> Result<Option<Entry>, TreeError> {
            Err(TreeError("the object database is damaged".to_owned()))
        }
        fn read(&self, _: &str) -> Result<Vec<u8>, TreeError> {
            Err(TreeError("the object database is damaged".to_owned()))
        }
        fn list(&self, _: &str) -> Result<Vec<String>, TreeError> {
            Err(TreeError("the object database is damaged".to_owned()))
        }
    }
    let outcome = build(&Broken, "k8s", &Options::default());
    let errors = outcome.result.unwrap_err();
    assert_eq!(errors[0].code, Code::TreeFailed);
    assert!(errors[0].to_string().contains("the object database is damaged"));
}

/// Texts that are written once and would be copied many times.
#[test]
fn texts_that_multiply() {
    let long = "x".repeat(1_000_000);
    let many: String = (0..200)
        .map(|number| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{number}}}\n")
        })
        .collect();
    let aliases = format!("{OBJECT}data:\n  a: &a \"{long}\"\n")
        + &(0..100).map(|number| format!("  k{number}: *a\n")).collect::<String>();
    assert_eq!(refused(&with_object(aliases)), [Code::Budget]);
    let doubling = "- {source: {kind: ConfigMap, fieldPath: data.a}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a], options: {delimiter: '-', index: 999999999}}]}\n".repeat(60);
    let pod = format!(
        "{OBJECT}data: {{a: \"{long}\"}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, args: [\"{}\"]}}]}}\n",
        "$(V)".repeat(100)
    );
    let table = [
        (many.clone(), format!("namePrefix: {long}\n")),
        (many.clone(), format!("namespace: {long}\n")),
        (many.clone(), format!("commonLabels: {{a: {long}}}\n")),
        (many.clone(), format!("commonAnnotations: {{a: {long}}}\n")),
        (many.clone(), format!("patches: [{{target: {{kind: ConfigMap}}, patch: '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{a: {long}}}}}'}}]\n")),
        (many.clone(), format!("patches: [{{target: {{kind: ConfigMap}}, patch: '- {{op: replace, path: /data, value: {{a: {long}}}}}'}}]\n")),
        (many, format!("generatorOptions: {{labels: {{a: {long}}}}}\nconfigMapGenerator:\n{}", (0..200).map(|number| format!("- name: g{number}\n")).collect::<String>())),
        (format!("{OBJECT}data: {{a: xxxxxxxx}}\n"), format!("replacements:\n{doubling}")),
        (pod, "vars: [{name: V, objref: {apiVersion: v1, kind: ConfigMap, name: a}, fieldref: {fieldPath: data.a}}]\n".to_owned()),
    ];
    for (objects, fields) in table {
        let mut tree = with_object(objects);
        tree.insert("kustomization.yaml", format!("resources: [object.yaml]\n{fields}"));
        assert_eq!(refused(&tree), [Code::Budget], "{}", &fields[..40]);
    }
}

/// A JSON patch that nests what it has nested before.
#[test]
fn patches_that_dig() {
    let value = format!("{}1{}", "{a: ".repeat(100), "}".repeat(100));
    let operations: String = (0..3)
        .map(|level| {
            format!("- {{op: replace, path: /x{}, value: {value}}}\n", "/a".repeat(100 * level))
        })
        .collect();
    let mut tree = with_object(OBJECT);
    tree.insert("patch.yaml", operations);
    tree.insert(
        "kustomization.yaml",
        "resources: [object.yaml]\npatches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n",
    );
    assert_eq!(refused(&tree), [Code::Budget]);
}

/// Lists of changes that would each look at every object.
#[test]
fn products_cost_steps() {
    let objects: String = (0..1_000)
        .map(|number| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{number}}}\n")
        })
        .collect();
    let table = [
        ("images:\n", "- {name: nginx, newTag: x}\n"),
        ("labels:\n", "- {pairs: {a: b}}\n"),
        ("patches:\n", "- {target: {kind: Secret}, patch: '- {op: remove, path: /x}'}\n"),
        (
            "replacements:\n",
            "- {sourceValue: a, targets: [{select: {kind: Secret}, fieldPaths: [x]}]}\n",
        ),
    ];
    let budget = Budget { steps: 1_000_000, ..Budget::default() };
    let options = Options { budget, ..Options::default() };
    for (field, entry) in table {
        let mut tree = with_object(objects.clone());
        tree.insert(
            "kustomization.yaml",
            format!("resources: [object.yaml]\n{field}{}", entry.repeat(1_000)),
        );
        let codes = codes(&build(&tree, "", &options));
        assert_eq!(codes, [Code::Budget], "{field}");
    }
}
