//! Random trees: a base or two, perhaps a component, an overlay, and the top.

use kustomize::MemoryTree;

use crate::objects::{KINDS, NAMES, container, name, object, plain, scalar};
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
        let mut fields = fields(random, &mut tree, "part", &known);
        if fields.is_empty() {
            fields.push_str("nameSuffix: -part\n");
        }
        let component =
            format!("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n{fields}");
        tree.insert("part/kustomization.yaml", component);
        text += "components:\n- ../part\n";
    }
    text += &fields(random, &mut tree, "top", &known);
    if random.once_in(8) {
        text += random.pick(&[
            "sortOptions:\n  order: fifo\n",
            "sortOptions:\n  order: legacy\n",
            "sortOptions:\n  order: legacy\n  legacySortOptions:\n    orderFirst: [Service, ConfigMap]\n    orderLast: [Namespace]\n",
        ]);
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
    if random.once_in(8) && known.objects.iter().any(|((_, kind), _)| *kind == "Service") {
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
    if random.once_in(14) {
        let crd = r#"{"com.example.v1.Example": {"Schema": {"properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
            "spec": {"$ref": "com.example.v1.ExampleSpec"}}}},
            "com.example.v1.ExampleSpec": {"Schema": {"properties": {
            "config": {"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "ConfigMap", "type": "object"},
            "labels": {"x-kubernetes-label-selector": "", "type": "object"}}}}}"#;
        tree.insert(format!("{folder}/crd.json"), crd);
        *text += "crds: [crd.json]\n";
    }
    // Only at the top. Below it, kustomize mixes a schema into one that it keeps for the whole process, and what
    // comes out depends on whether a patch was applied before; here it is one schema for each build, on purpose.
    if folder == "top" && random.once_in(6) {
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
        if is_json || !random.once_in(3) {
            *text += &match random.below(4) {
                0 => format!("  target:\n    kind: {kind}\n    name: {name}\n"),
                1 => format!("  target:\n    kind: {kind}\n"),
                2 => format!("  target:\n    kind: {kind}\n    name: {}.*\n", &name[..1]),
                _ => format!("  target:\n    kind: {kind}\n    labelSelector: app=web\n"),
            };
        }
        if !is_json && random.once_in(8) {
            *text += "  options:\n    allowNameChange: true\n";
        }
    }
}

/// Operations on fields that the objects of a kind have. Now and then on one that is not there.
fn json_patch(random: &mut Random, kind: &str) -> String {
    let mut patch = String::new();
    for _ in 0..=random.below(2) {
        let (operation, path) = match (random.below(4), kind) {
            (0, _) | (1, "Role" | "Namespace" | "ServiceAccount") => {
                ("add", "/metadata/annotations/added")
            }
            (1, _) => ("replace", "/metadata/name"),
            (_, "Deployment" | "StatefulSet") => (
                "add",
                random.pick(&[
                    "/spec/replicas",
                    "/spec/new",
                    "/spec/template/spec/containers/0/image",
                ]),
            ),
            (_, "ConfigMap") => (random.pick(&["add", "replace", "test"]), "/data/b"),
            (2, "Example") => (random.pick(&["add", "replace"]), "/spec/one"),
            (_, "Example") => (
                "add",
                random.pick(&[
                    "/spec/new",
                    "/spec/list/-",
                    "/spec/list/0",
                    "/spec/list/-1",
                    "/spec/list/0/name",
                ]),
            ),
            (_, "Service") => (
                random.pick(&["add", "replace"]),
                random.pick(&["/spec/ports/0/port", "/spec/selector/app", "/spec/type"]),
            ),
            _ => ("add", "/metadata/annotations/other"),
        };
        let (operation, value) = match operation {
            "test" if !random.once_in(12) => ("test", "\"one\\ntwo\\n\""),
            _ if path == "/metadata/name" => (operation, "renamed"),
            _ if random.once_in(60) => ("remove", ""),
            _ => (operation, plain(random)),
        };
        patch += &format!("- op: {operation}\n  path: {path}\n");
        if operation != "remove" {
            patch += &format!("  value: {value}\n");
        }
    }
    patch
}

fn merge_patch(random: &mut Random, api_version: &str, kind: &str, name: &str) -> String {
    let mut patch = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n");
    if random.once_in(40) {
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
                if random.once_in(2) {
                    spec += &format!("  one: {}\n", plain(random));
                }
                if random.once_in(2) {
                    spec += &format!("  four: {}\n", scalar(random));
                }
                spec + "  list:\n  - name: b\n    value: 3\n"
            }
            _ => String::new(),
        }
}

/// From a field that an object has to one that others have, or that is created.
fn replacement(random: &mut Random, known: &Known, text: &mut String) {
    let ((_, kind), name) = match known.objects.len() {
        0 => return,
        count => known.objects[random.below(count)].clone(),
    };
    let ((_, target), _) = known.objects[random.below(known.objects.len())].clone();
    let from = match kind {
        "Example" => random.pick(&["metadata.name", "spec.one", "kind"]),
        "ConfigMap" => random.pick(&["metadata.name", "data.b", "apiVersion"]),
        "Service" => random.pick(&["metadata.name", "spec.ports.0.port", "spec.selector.app"]),
        _ => random.pick(&["metadata.name", "kind", "apiVersion"]),
    };
    let to = match target {
        "Example" => random.pick(&["spec.one", "spec.list.*.value", "spec.list.[name=a].value"]),
        "Deployment" | "StatefulSet" => random
            .pick(&["spec.template.spec.containers.[name=main].image", "spec.minReadySeconds"]),
        "ConfigMap" => random.pick(&["data.b", "data.new"]),
        _ => "metadata.annotations.from",
    };
    let new = matches!(to, "metadata.annotations.from" | "data.new" | "spec.minReadySeconds");
    *text += &format!(
        "replacements:\n- source:\n    kind: {kind}\n    name: {name}\n    fieldPath: {from}\n"
    );
    *text +=
        &format!("  targets:\n  - select:\n      kind: {target}\n    fieldPaths:\n    - {to}\n");
    if new && !random.once_in(30) {
        *text += "    options:\n      create: true\n";
    } else if !to.contains("list") && random.once_in(3) {
        *text += &format!(
            "    options:\n      {}\n",
            random.pick(&["delimiter: \"-\"\n      index: 0", "delimiter: \":\"\n      index: 1"])
        );
    }
}
