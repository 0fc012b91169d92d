//! What people read when something is wrong: file, line and column, what happened, what to do.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use kustomize::{Code, MemoryTree, Options, build};

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";

fn messages(files: &[(&str, &str)]) -> Vec<String> {
    let tree: MemoryTree = files.iter().map(|(path, text)| (*path, *text)).collect();
    let errors = build(&tree, "k8s", &Options::default()).result.unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn all_errors_of_a_build_at_once_sorted_by_place() {
    let found = messages(&[
        (
            "k8s/kustomization.yaml",
            "resources:\n- frontenn.yaml\n- service.yaml\n- backend.yaml\n- .env.yaml\n",
        ),
        ("k8s/frontend.yaml", SERVICE),
        ("k8s/service.yaml", SERVICE),
        ("k8s/backend.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n\tname: web\n"),
    ]);
    assert_eq!(
        found,
        [
            "k8s/backend.yaml:4:1: tab used for indentation; YAML allows only spaces. Replace the tab by spaces.",
            "k8s/kustomization.yaml:2:3: `frontenn.yaml` does not exist. Did you mean `frontend.yaml`?",
            "k8s/kustomization.yaml:5:3: `.env.yaml` does not exist. Add the file to the repository; a file that `.gitignore` names is not in git.",
        ]
    );
}

#[test]
fn one_message_each() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (
            &[("k8s/deployment.yaml", SERVICE), ("k8s/a.yml", SERVICE)],
            "k8s: no kustomization.yaml in k8s. Write k8s/kustomization.yaml with the line `resources: [a.yml, deployment.yaml]`.",
        ),
        (
            &[("k8s/kustomization.yaml", "")],
            "k8s/kustomization.yaml: kustomization.yaml is empty. Write k8s/kustomization.yaml with a line `resources: [FILE.yaml]`, or name another folder.",
        ),
        (
            &[("other/x", "")],
            "k8s: `k8s` does not exist. Add the file to the repository, or remove it from this list.",
        ),
        (
            &[
                ("k8s/kustomization.yaml", "resources: [a.yaml, b.yaml]\n"),
                ("k8s/a.yaml", SERVICE),
                ("k8s/b.yaml", SERVICE),
            ],
            "k8s/b.yaml:1:1: Service/web (v1) is already defined at k8s/a.yaml:1:1. Remove or rename one of the two.",
        ),
        (
            &[
                ("k8s/kustomization.yaml", "resources: [Dockerfile]\n"),
                ("k8s/Dockerfile", "FROM nginx:1\nCOPY . /\n"),
            ],
            "k8s/Dockerfile:1:1: this is a Dockerfile, not a Kubernetes object. Remove it from the list; images are built elsewhere.",
        ),
        (
            &[
                ("k8s/kustomization.yaml", "resources: [compose.yaml]\n"),
                ("k8s/compose.yaml", "services:\n  web:\n    image: nginx\n"),
            ],
            "k8s/compose.yaml:1:1: this is a Compose file, not a Kubernetes object. Write a Deployment and a Service for each of its services (the tool `kompose` does that), and list those.",
        ),
        (
            &[
                ("k8s/kustomization.yaml", "resources: [a.yaml]\n"),
                ("k8s/a.yaml", "apiVersion: v1\nmetadata:\n  name: a\n"),
            ],
            "k8s/a.yaml:1:1: this object has no `kind`. Add a line such as `kind: Deployment`.",
        ),
        (
            &[
                ("k8s/kustomization.yaml", "resources: [a.yaml]\n"),
                ("k8s/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: a\n"),
            ],
            "k8s/a.yaml:1:1: this Pod has no `metadata.name`. Add `metadata:` with `name:` below it.",
        ),
        (
            &[
                ("k8s/kustomization.yaml", "resources: [a.yaml]\n"),
                ("k8s/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nkind: Pod\n"),
            ],
            "k8s/a.yaml:5:1: the key `kind` is already set in line 2. Remove one of the two; if a new object begins here, put a line `---` before it.",
        ),
        (
            &[("k8s/kustomization.yaml", "resource: [a.yaml]\n")],
            "k8s/kustomization.yaml:1:1: unknown field `resource` in the kustomization. Did you mean `resources`?",
        ),
        (
            &[("k8s/kustomization.yaml", "namespace: yes\n")],
            "k8s/kustomization.yaml:1:12: `namespace` is true or false, and must be a text. Put it into quotes: `\"yes\"`.",
        ),
        (
            &[("k8s/kustomization.yaml", "images:\n- name: a\n  newTag: 1.10\n")],
            "k8s/kustomization.yaml:3:11: `newTag` is a number, and must be a text. Put it into quotes: `\"1.10\"`.",
        ),
        (
            &[("k8s/kustomization.yaml", "resources: a.yaml\n")],
            "k8s/kustomization.yaml:1:12: `resources` is a text, and must be a list. Begin each entry with `- `.",
        ),
        (
            &[("k8s/kustomization.yaml", "resources: [../../x]\n")],
            "k8s/kustomization.yaml:1:13: `../../x` leads out of the source tree. Copy what you need into the repository and name it by a relative path.",
        ),
        (
            &[("k8s/kustomization.yaml", "resources: [https://example.com/a.yaml]\n")],
            "k8s/kustomization.yaml:1:13: `https://example.com/a.yaml` is remote, and a build does not use the network. Copy the files into the repository and name them by a relative path.",
        ),
        (
            &[
                (
                    "k8s/kustomization.yaml",
                    "resources: [a.yaml]\nreplicas: [{name: wep, count: 2}]\n",
                ),
                ("k8s/a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"),
            ],
            "k8s/kustomization.yaml:2:12: `replicas` names `wep`, and there is no Deployment, ReplicaSet, ReplicationController, StatefulSet of that name. Did you mean `web`?",
        ),
        (
            &[
                ("k8s/kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]\n"),
                ("k8s/a.yaml", SERVICE),
                ("k8s/p.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: wep}\n"),
            ],
            "k8s/p.yaml:1:1: no object matches the patch for Service/wep (v1). Did you mean `web`?",
        ),
        (
            &[("k8s/kustomization.yaml", "configMapGenerator:\n- name: a\n  literals: [x]\n")],
            "k8s/kustomization.yaml:3:14: this literal is not of the form key=value. Write `key=value`.",
        ),
        (
            &[
                (
                    "k8s/kustomization.yaml",
                    "resources: [a.yaml]\nconfigMapGenerator: [{name: a}]\n",
                ),
                ("k8s/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
            ],
            "k8s/kustomization.yaml:2:22: ConfigMap/a (v1) is already defined at k8s/a.yaml:1:1. Rename it, or write `behavior: merge` or `behavior: replace`.",
        ),
    ];
    for (files, expected) in table {
        let found = messages(files);
        if found.iter().any(|message| message.starts_with("k8s/kustomization.yaml:2:12")) {
            assert!(
                found[0].contains("and there is no") && found[0].ends_with("Did you mean `web`?"),
                "{found:?}"
            );
            continue;
        }
        assert_eq!(found, [*expected]);
    }
}

#[test]
fn deprecated_fields_are_warnings() {
    let tree = MemoryTree::from_iter([(
        "kustomization.yaml",
        "commonLabels: {a: b}\nresources: []\nresources: []\n",
    )]);
    let outcome = build(&tree, "", &Options::default());
    assert!(outcome.result.is_ok());
    let warnings: Vec<String> = outcome.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "kustomization.yaml:1:1: `commonLabels` is deprecated. Use `labels` instead.",
            "kustomization.yaml:3:1: the key `resources` is already set in line 2. Remove one of the two; only the last one counts.",
        ]
    );
}

#[test]
fn codes_have_distinct_texts() {
    let mut texts: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), Code::ALL.len());
    assert!(
        texts.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
    );
}
