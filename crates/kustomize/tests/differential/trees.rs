//! Random trees: a base or two, perhaps a component, an overlay, and the top.

use kustomize::MemoryTree;

use crate::objects::{KINDS, NAMES, container, name, object, scalar};
use crate::random::Random;

/// What a tree has, to write patches and replacements that hit something.
struct Known {
    objects: Vec<((&'static str, &'static str), String)>,
}

/// A tree whose root kustomization is in `top`.
pub(crate) fn tree(random: &mut Random) -> MemoryTree {
    let mut tree = MemoryTree::new();
    let mut known = Known { objects: Vec::new() };
    base(random, &mut tree, "base", &mut known);
    let mut below = vec!["../base"];
    if random.once_in(4) {
        let mut other = Known { objects: Vec::new() };
        base(random, &mut tree, "other", &mut other);
        if random.once_in(2) {
            below.push("../other");
            known.objects.extend(other.objects);
        }
    }
    if random.once_in(3) {
        let text =
            format!("resources:\n- {}\n{}", below[0], fields(random, &mut tree, "middle", &known));
        tree.insert("middle/kustomization.yaml", text);
        below[0] = "../middle";
    }
    let mut text = "resources:\n".to_owned();
    for path in &below {
        text += &format!("- {path}\n");
    }
    if random.once_in(5) {
        let component = format!(
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n{}",
            fields(random, &mut tree, "part", &known)
        );
        tree.insert("part/kustomization.yaml", component);
        text += "components:\n- ../part\n";
    }
    text += &fields(random, &mut tree, "top", &known);
    if random.once_in(8) {
        text += random.pick(&["sortOptions:\n  order: fifo\n", "sortOptions:\n  order: legacy\n"]);
    }
    if random.once_in(8) {
        text += random.pick(&[
            "buildMetadata: [originAnnotations]\n",
            "buildMetadata: [originAnnotations, transformerAnnotations]\n",
            "buildMetadata: [managedByLabel]\n",
        ]);
    }
    tree.insert("top/kustomization.yaml", text);
    tree
}

fn base(random: &mut Random, tree: &mut MemoryTree, folder: &str, known: &mut Known) {
    let mut text = String::new();
    let count = 2 + random.below(5);
    for _ in 0..count {
        let (kind, name) = (KINDS[random.below(KINDS.len())], name(random));
        if known.objects.iter().any(|(other, known)| *other == kind && known == name) {
            continue;
        }
        text += &format!("---\n{}", object(random, kind, name));
        known.objects.push((kind, name.to_owned()));
    }
    tree.insert(format!("{folder}/objects.yaml"), text);
    let fields = fields(random, tree, folder, known);
    tree.insert(
        format!("{folder}/kustomization.yaml"),
        format!("resources:\n- objects.yaml\n{fields}"),
    );
}

/// Fields of a kustomization, each now and then.
fn fields(random: &mut Random, tree: &mut MemoryTree, folder: &str, known: &Known) -> String {
    let mut text = String::new();
    if random.once_in(4) {
        text += &format!("namespace: {}\n", random.pick(&["team-a", "team-b", "default"]));
    }
    if random.once_in(4) {
        text += &format!("namePrefix: {}\n", random.pick(&["dev-", "x", "\"1\""]));
    }
    if random.once_in(5) {
        text += &format!("nameSuffix: {}\n", random.pick(&["-v1", "z", "\"9\""]));
    }
    if random.once_in(5) {
        text += &format!(
            "commonLabels:\n  team: {}\n  app: \"web\"\n",
            random.pick(&["a", "\"1\"", "'yes'"])
        );
    }
    if random.once_in(4) {
        text += &format!(
            "labels:\n- pairs:\n    env: {}\n{}",
            random.pick(&["prod", "\"true\"", "'0'"]),
            random.pick(&["", "  includeSelectors: true\n", "  includeTemplates: true\n"])
        );
    }
    if random.once_in(5) {
        text +=
            &format!("commonAnnotations:\n  owner: {}\n", random.pick(&["me", "\"1\"", "null"]));
    }
    if random.once_in(5) {
        text += &format!(
            "images:\n- name: {}\n  {}\n",
            random.pick(&["nginx", "api", "example.com:5000/nginx", "n.*x"]),
            random.pick(&[
                "newTag: \"2\"",
                "newName: other",
                "digest: sha256:def",
                "tagSuffix: -x",
                "newName: other\n  newTag: v9"
            ])
        );
    }
    if random.once_in(8)
        && known.objects.iter().any(|((_, kind), _)| matches!(*kind, "Deployment" | "StatefulSet"))
    {
        text += &format!(
            "replicas:\n- name: {}\n  count: {}\n",
            hit(random, known, &["Deployment", "StatefulSet"]),
            random.below(9)
        );
    }
    generators(random, tree, folder, known, &mut text);
    if random.once_in(2) {
        patches(random, known, &mut text);
    }
    if random.once_in(6) {
        replacement(random, known, &mut text);
    }
    plugins(random, tree, folder, &mut text);
    if random.once_in(8)
        && (random.once_in(8) || known.objects.iter().any(|((_, kind), _)| *kind == "Service"))
    {
        text += &format!(
            "vars:\n- name: {}\n  objref:\n    apiVersion: v1\n    kind: Service\n    name: {}\n",
            random.pick(&["SOME", "OTHER"]),
            hit(random, known, &["Service"])
        );
    }
    text
}

/// Field tables of the tree's own, and transformers that are described by objects.
fn plugins(random: &mut Random, tree: &mut MemoryTree, folder: &str, text: &mut String) {
    if random.once_in(10) {
        let tables = random.pick(&[
            "namePrefix:\n- path: metadata/name\n  kind: Example\n",
            "nameReference:\n- kind: ConfigMap\n  version: v1\n  fieldSpecs:\n  - path: spec/one\n    kind: Example\n",
            "commonLabels:\n- path: spec/labels\n  create: true\n  kind: Example\n",
            "images:\n- path: spec/one\n  kind: Example\nreplicas:\n- path: spec/count\n  create: true\n  kind: Example\n",
            "varReference:\n- path: spec/two\n  kind: Example\n",
        ]);
        tree.insert(format!("{folder}/tables.yaml"), tables);
        *text += "configurations: [tables.yaml]\n";
    }
    if random.once_in(10) {
        let object = random.pick(&[
            "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: t}\nlabels: {plugin: \"1\"}\nfieldSpecs: [{path: metadata/labels, create: true}]\n",
            "apiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: t}\nannotations: {plugin: x}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n",
            "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: t}\nprefix: p-\nfieldSpecs: [{path: metadata/name}]\n",
            "apiVersion: builtin\nkind: PrefixSuffixTransformer\nmetadata: {name: t}\nprefix: p-\nsuffix: -s\nfieldSpecs: [{path: metadata/name}]\n",
            "apiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {name: t, namespace: plugin}\nunsetOnly: true\nsetRoleBindingSubjects: allServiceAccounts\n",
            "apiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {name: t, namespace: plugin}\nsetRoleBindingSubjects: none\nfieldSpecs: [{path: spec/ns, kind: Example, create: true}]\n",
            "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: t}\nimageTag: {name: nginx, newTag: p}\nfieldSpecs: []\n",
            "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npatch: '- {op: add, path: /metadata/annotations/p, value: \"1\"}'\ntarget: {kind: Example}\n",
            "apiVersion: builtin\nkind: ValueAddTransformer\nmetadata: {name: t}\nvalue: added\ntargets: [{selector: {kind: Example}, fieldPath: spec/added}, {fieldPath: metadata/namespace}]\n",
            "apiVersion: builtin\nkind: HashTransformer\nmetadata: {name: t}\n",
        ]);
        tree.insert(format!("{folder}/plugin.yaml"), object);
        *text += "transformers: [plugin.yaml]\n";
    }
    if random.once_in(14) {
        let object = random.pick(&[
            "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nliterals: [a=b]\n",
            "apiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: made, namespace: team-b}\nliterals: [a=b]\noptions: {disableNameSuffixHash: true}\n",
        ]);
        tree.insert(format!("{folder}/generator.yaml"), object);
        *text += "generators: [generator.yaml]\n";
    }
    if random.once_in(12) {
        let schema = r##"{"definitions": {
            "example": {"type": "object", "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Example"}],
                "properties": {"spec": {"$ref": "#/definitions/spec"}}},
            "spec": {"type": "object", "properties": {"list": {"type": "array", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name", "items": {"type": "object"}}}}},
            "paths": {"/apis/example.com/v1/examples": {"get": {"x-kubernetes-group-version-kind": {"group": "example.com", "version": "v1", "kind": "Example"}}}}}"##;
        tree.insert(format!("{folder}/schema.json"), schema);
        *text += "openapi: {path: schema.json}\n";
    }
}

/// The name of an object of one of the kinds, or any name.
fn hit(random: &mut Random, known: &Known, kinds: &[&str]) -> String {
    let names: Vec<&String> = known
        .objects
        .iter()
        .filter(|((_, kind), _)| kinds.contains(kind))
        .map(|(_, name)| name)
        .collect();
    if names.is_empty() {
        NAMES[random.below(NAMES.len())].to_owned()
    } else {
        names[random.below(names.len())].clone()
    }
}

fn generators(
    random: &mut Random,
    tree: &mut MemoryTree,
    folder: &str,
    known: &Known,
    text: &mut String,
) {
    for (field, times) in [("configMapGenerator", 4), ("secretGenerator", 7)] {
        if !random.once_in(times) {
            continue;
        }
        let own = format!("{folder}-settings");
        let kind = if field == "secretGenerator" { "Secret" } else { "ConfigMap" };
        let merges = random.once_in(4)
            && known
                .objects
                .iter()
                .any(|((_, known), name)| *known == kind && name == "web-config");
        let name = if merges {
            "web-config"
        } else if random.once_in(40) {
            "settings"
        } else {
            &own
        };
        *text += &format!("{field}:\n- name: {name}\n");
        if merges {
            *text += &format!("  behavior: {}\n", random.pick(&["merge", "merge", "replace"]));
        } else if random.once_in(40) {
            *text += &format!("  behavior: {}\n", random.pick(&["merge", "create"]));
        }
        if random.once_in(2) {
            *text += &format!(
                "  literals:\n  - a={}\n  - \"b='quoted'\"\n",
                random.pick(&["1", "x y", "<&>", "\u{e9}"])
            );
        }
        if random.once_in(3) {
            tree.insert(format!("{folder}/{field}.env"), "K=v\n# comment\nE\n  L=\"x\"  \n");
            *text += &format!("  envs:\n  - {field}.env\n");
        }
        if random.once_in(3) {
            let content: &[u8] = if random.once_in(2) {
                b"one\ntwo\n"
            } else {
                b"\xff\xfe\x00binary-binary-binary-binary-binary-binary-binary-binary-binary-binary"
            };
            tree.insert(format!("{folder}/{field}.txt"), content);
            *text += &format!("  files:\n  - {field}.txt\n");
        }
        if random.once_in(4) {
            *text += &format!(
                "  options:\n    {}\n",
                random.pick(&[
                    "disableNameSuffixHash: true",
                    "labels: {gen: \"1\"}",
                    "immutable: true",
                    "annotations: {x: z}"
                ])
            );
        }
    }
    if random.once_in(6) {
        *text += &format!(
            "generatorOptions:\n  {}\n",
            random.pick(&[
                "disableNameSuffixHash: true",
                "labels: {all: \"1\"}",
                "annotations: {all: x}"
            ])
        );
    }
}

fn patches(random: &mut Random, known: &Known, text: &mut String) {
    if known.objects.is_empty() {
        return;
    }
    let field = random.pick(&["patches", "patches", "patches", "patchesStrategicMerge"]);
    *text += &format!("{field}:\n");
    for _ in 0..=random.below(2) {
        let ((api_version, kind), name) = known.objects[random.below(known.objects.len())].clone();
        let indent = if field == "patches" { "    " } else { "  " };
        let patch = if field == "patches" && random.once_in(3) {
            json_patch(random, kind)
        } else {
            merge_patch(random, api_version, kind, &name)
        };
        let is_json = patch.starts_with('-');
        let body =
            patch.lines().map(|line| format!("{indent}{line}\n")).collect::<Vec<_>>().concat();
        if field != "patches" {
            *text += &format!("- |\n{body}");
            continue;
        }
        *text += &format!("- patch: |\n{body}");
        if is_json || random.once_in(2) {
            *text += &match random.below(4) {
                0 => format!("  target:\n    kind: {kind}\n    name: {name}\n"),
                1 => format!("  target:\n    kind: {kind}\n"),
                2 => format!("  target:\n    name: {}.*\n", &name[..1]),
                _ => "  target:\n    labelSelector: app=web\n".to_owned(),
            };
        }
        if !is_json && random.once_in(8) {
            *text += "  options:\n    allowNameChange: true\n";
        }
    }
}

fn json_patch(random: &mut Random, kind: &str) -> String {
    let mut patch = String::new();
    for _ in 0..=random.below(2) {
        let path = match (random.below(3), kind) {
            (0, _) => random.pick(&[
                "/metadata/annotations/added",
                "/metadata/annotations/added",
                "/metadata/labels/app",
                "/metadata/name",
                "/metadata/labels",
            ]),
            (_, "Deployment" | "StatefulSet") => random.pick(&[
                "/spec/replicas",
                "/spec/new",
                "/spec/template/spec/containers/0/image",
            ]),
            (_, "ConfigMap" | "Secret") => "/data/a",
            (_, "Example") => random.pick(&[
                "/spec/one",
                "/spec/new",
                "/spec/list/-",
                "/spec/list/0",
                "/spec/list/-1",
                "/spec/list/1/name",
            ]),
            (_, "Service") => {
                random.pick(&["/spec/ports/0/port", "/spec/selector/app", "/spec/type"])
            }
            _ => "/metadata/annotations/other",
        };
        let operation =
            random.pick(&["add", "add", "add", "replace", "replace", "replace", "remove"]);
        let operation = if random.once_in(25) { "test" } else { operation };
        patch += &format!("- op: {operation}\n  path: {path}\n");
        if operation != "remove" {
            patch += &format!("  value: {}\n", scalar(random));
        }
    }
    patch
}

fn merge_patch(random: &mut Random, api_version: &str, kind: &str, name: &str) -> String {
    let mut patch = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n");
    if random.once_in(12) {
        return patch + "$patch: delete\n";
    }
    if random.once_in(3) {
        patch += &format!(
            "  labels:\n    app: {}\n    extra: {}\n",
            random.pick(&["null", "patched", "\"1\""]),
            random.pick(&["x", "\"true\""])
        );
    }
    if random.once_in(4) {
        patch +=
            &format!("  annotations:\n    note: {}\n", random.pick(&["null", "patched", "\"1\""]));
    }
    patch
        + &match kind {
            "Deployment" | "StatefulSet" => {
                let mut spec = "spec:\n".to_owned();
                if random.once_in(2) {
                    spec += &format!("  replicas: {}\n", random.pick(&["5", "null", "\"5\""]));
                }
                spec += "  template:\n    spec:\n      containers:\n";
                if random.once_in(8) {
                    spec += "      - $patch: replace\n";
                }
                if random.once_in(8) {
                    spec += "      - name: side\n        $patch: delete\n";
                }
                let container_name = random.pick(&["main", "side", "new"]);
                spec + &container(random, container_name)
            }
            "Service" => format!(
                "spec:\n  ports:\n  - port: {}\n{}",
                random.pick(&["80", "443", "9000"]),
                random.pick(&[
                    "",
                    "    protocol: TCP\n",
                    "    protocol: UDP\n    name: dns\n",
                    "    name: x\n"
                ])
            ),
            "ConfigMap" => format!(
                "data:\n  a: {}\n  c: {}\n",
                random.pick(&["null", "new", "\"5\""]),
                random.pick(&["x", "\"no\""])
            ),
            "Example" => {
                let mut spec = "spec:\n".to_owned();
                for key in ["one", "two", "four"] {
                    if random.once_in(2) {
                        spec += &format!("  {key}: {}\n", scalar(random));
                    }
                }
                spec + "  list:\n  - name: b\n    value: 3\n"
            }
            _ => String::new(),
        }
}

fn replacement(random: &mut Random, known: &Known, text: &mut String) {
    let ((_, kind), name) = match known.objects.len() {
        0 => return,
        count => known.objects[random.below(count)].clone(),
    };
    let ((_, target), _) = known.objects[random.below(known.objects.len())].clone();
    *text += &format!(
        "replacements:\n- source:\n    kind: {kind}\n    name: {name}\n    fieldPath: {}\n",
        random.pick(&[
            "metadata.name",
            "metadata.name",
            "metadata.name",
            "kind",
            "kind",
            "apiVersion",
            "apiVersion",
            "metadata.labels.app",
            "spec.one",
            "data.a"
        ])
    );
    *text += &format!(
        "  targets:\n  - select:\n      kind: {target}\n    fieldPaths:\n    - {}\n",
        random.pick(&[
            "metadata.annotations.from",
            "spec.two",
            "spec.template.spec.containers.[name=main].image",
            "spec.list.*.value",
            "data.b",
            "spec.list.[name=a].value"
        ])
    );
    if !random.once_in(5) {
        *text += &format!(
            "    options:\n      {}\n",
            random.pick(&[
                "create: true",
                "create: true",
                "create: true",
                "create: true",
                "create: true",
                "create: true",
                "delimiter: \"-\"\n      index: 0",
                "delimiter: \":\"\n      index: 1"
            ])
        );
    }
}
