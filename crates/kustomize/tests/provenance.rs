//! Where objects and their fields come from, and what a build looked at.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use kustomize::{Build, MemoryTree, Object, Options, Order, Outcome, build, to_yaml};

fn overlay() -> Outcome {
    let tree = MemoryTree::from_iter([
        (
            "base/kustomization.yaml",
            "resources:\n- objects.yaml\nconfigMapGenerator:\n- name: settings\n  files: [nginx.conf]\n",
        ),
        (
            "base/objects.yaml",
            "# The service.\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 80\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n        image: nginx:1\n        envFrom:\n        - configMapRef:\n            name: settings\n",
        ),
        ("base/nginx.conf", "listen 80;\n"),
        (
            "top/kustomization.yaml",
            "resources: [../base]\nnamespace: team-a\nimages:\n- name: nginx\n  newTag: \"2\"\npatches:\n- path: patch.yaml\n",
        ),
        (
            "top/patch.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  type: LoadBalancer\n",
        ),
    ]);
    build(&tree, "top", &Options::default())
}

fn objects(outcome: Outcome) -> Vec<Object> {
    let Build { objects } = outcome.result.unwrap();
    objects
}

fn place(object: &Object, path: &[&str]) -> String {
    object.position(path).map_or_else(|| "nowhere".to_owned(), |position| position.to_string())
}

#[test]
fn places_of_fields() {
    let objects = objects(overlay());
    let (service, deployment, settings) = (&objects[0], &objects[1], &objects[2]);
    let table: &[(&Object, &[&str], &str)] = &[
        (service, &["metadata", "name"], "base/objects.yaml:5:9"),
        (service, &["spec", "ports", "0", "port"], "base/objects.yaml:8:11"),
        (service, &["spec", "type"], "top/patch.yaml:6:9"),
        (service, &["metadata", "namespace"], "top/kustomization.yaml:2:12"),
        (service, &["spec", "nothing"], "nowhere"),
        (
            deployment,
            &["spec", "template", "spec", "containers", "0", "image"],
            "top/kustomization.yaml:4:3",
        ),
        (
            deployment,
            &["spec", "template", "spec", "containers", "0", "name"],
            "base/objects.yaml:18:15",
        ),
        (settings, &["data", "nginx.conf"], "base/nginx.conf:1:1"),
    ];
    for (object, path, expected) in table {
        assert_eq!(place(object, path), *expected, "{path:?}");
    }
    assert_eq!(
        service.nearest_position(&["spec", "ports", "0", "nothing", "more"]).to_string(),
        "base/objects.yaml:8:5"
    );
    assert_eq!(
        service.position_of_pointer("/spec/type").unwrap().to_string(),
        "top/patch.yaml:6:9"
    );
}

#[test]
fn where_objects_are_born_and_what_touches_them() {
    let objects = objects(overlay());
    let service = objects[0].provenance();
    assert_eq!(
        (service.origin.to_string().as_str(), service.document),
        ("base/objects.yaml:2:1", 0)
    );
    assert_eq!(service.generator, None);
    let touched: Vec<String> = service
        .touched_by
        .iter()
        .map(|touch| format!("{} {}", touch.transformer, touch.position))
        .collect();
    assert_eq!(
        touched,
        ["PatchTransformer top/patch.yaml:1:1", "NamespaceTransformer top/kustomization.yaml:2:12"]
    );
    assert_eq!(objects[1].provenance().document, 1);
    let settings = objects[2].provenance();
    assert_eq!(settings.generator.as_deref(), Some("ConfigMapGenerator"));
    assert_eq!(settings.origin.to_string(), "base/kustomization.yaml:4:3");
}

#[test]
fn what_was_looked_at() {
    let looked_at: Vec<String> = overlay().looked_at.into_iter().collect();
    let expected = [
        "base/Kustomization",
        "base/kustomization.yaml",
        "base/kustomization.yml",
        "base/nginx.conf",
        "base/objects.yaml",
        "top/Kustomization",
        "top/kustomization.yaml",
        "top/kustomization.yml",
        "top/patch.yaml",
    ];
    assert_eq!(looked_at, expected);
    let tree = MemoryTree::from_iter([
        ("kustomization.yaml", "resources: [a/missing.yaml]\n"),
        ("b.yaml", ""),
    ]);
    let looked_at = build(&tree, "", &Options::default()).looked_at;
    assert!(looked_at.contains("a") && looked_at.contains(""), "{looked_at:?}");
}

/// Whatever has to change before a refused build can succeed was looked at.
#[test]
fn what_was_looked_at_by_builds_that_are_refused() {
    let object = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
    let table: &[(&[(&str, &str)], &str)] = &[
        (
            &[("in/kustomization.yaml", "namePrefix: a\n"), ("in/Kustomization", "")],
            "in/Kustomization",
        ),
        (
            &[("in/kustomization.yaml", "resources: [../out.yaml]\n"), ("out.yaml", object)],
            "out.yaml",
        ),
        (
            &[("in/kustomization.yaml", "components: [a.yaml]\n"), ("in/a.yaml", object)],
            "in/a.yaml",
        ),
        (&[("in/kustomization.yaml", "patches: [{path: p}]\n"), ("in/p/x.yaml", object)], "in/p"),
        (&[("in", object)], "in"),
    ];
    for (files, expected) in table {
        let tree: MemoryTree = files.iter().copied().collect();
        let outcome = build(&tree, "in", &Options::default());
        assert!(outcome.result.is_err(), "{files:?}");
        assert!(outcome.looked_at.contains(*expected), "{files:?}: {:?}", outcome.looked_at);
    }
}

#[test]
fn the_namespace_from_outside_overrides_the_root() {
    let tree = MemoryTree::from_iter([
        ("kustomization.yaml", "namespace: own\nresources: [base, role.yaml]\n"),
        ("base/kustomization.yaml", "namespace: base\nconfigMapGenerator: [{name: a}]\n"),
        (
            "role.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n",
        ),
    ]);
    for (outside, expected) in [(None, "own"), (Some("team-a"), "team-a")] {
        let options = Options {
            namespace: outside.map(str::to_owned),
            order: Order::Legacy,
            ..Options::default()
        };
        let objects = objects(build(&tree, "", &options));
        assert_eq!(objects[0].value()["kind"], "ClusterRole");
        assert!(objects[0].value()["metadata"].get("namespace").is_none());
        assert_eq!(objects[1].value()["metadata"]["namespace"], expected);
    }
}

#[test]
fn text_that_reads_back_as_the_same() {
    let strings = [
        "",
        " ",
        "a",
        "yes",
        "no",
        "on",
        "y",
        "null",
        "~",
        "true",
        "1",
        "0644",
        "1.5",
        "1e3",
        "0x1F",
        "1_000",
        "2020-01-01",
        "1:30",
        "a: b",
        "a #b",
        "#a",
        "- a",
        "-",
        "?",
        ":",
        "@a",
        "`a",
        "%a",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "'",
        "\"",
        "it's",
        "a\"b",
        "{a}",
        "[a]",
        "a,b",
        "one\ntwo",
        "one\ntwo\n",
        "one\n\n",
        "\none",
        "  lead\nin",
        "trail \nx",
        "tab\there",
        "\ttab",
        "\r\n",
        "é",
        "한국어",
        "\u{1F600}",
        "\u{FEFF}bom",
        "\u{2028}",
        "---",
        "---a",
        "...",
        "=",
        "<<",
        ".inf",
        ".nan",
        "a:",
        ":a",
        "a\\b",
        "\u{7}",
        "a  b",
        "x\n  y\n z\n",
    ];
    for text in strings {
        let value = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": text, "l": [text, {"m": text}]}});
        let tree = MemoryTree::from_iter([
            ("kustomization.yaml", "resources: [a.yaml]\n".to_owned()),
            ("a.yaml", serde_json::to_string(&value).unwrap()),
        ]);
        let first = objects(build(&tree, "", &Options::default()));
        assert_eq!(*first[0].value(), value, "{text:?}");
        let yaml = to_yaml(&first);
        let other_reader: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
        assert_eq!(other_reader, value, "{text:?} as\n{yaml}");
        let tree = MemoryTree::from_iter([
            ("kustomization.yaml", "resources: [a.yaml]\n".to_owned()),
            ("a.yaml", yaml.clone()),
        ]);
        assert_eq!(
            *objects(build(&tree, "", &Options::default()))[0].value(),
            value,
            "{text:?} as\n{yaml}"
        );
    }
}
