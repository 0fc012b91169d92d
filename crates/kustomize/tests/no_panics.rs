//! Whatever is pushed, a build answers. Texts that once were valid are damaged at random.

use kustomize::{MemoryTree, Options, build, to_yaml};
use proptest::prelude::*;

const KUSTOMIZATION: &str = "\
resources: [object.yaml]
namespace: a
namePrefix: b-
labels: [{pairs: {a: b}, includeSelectors: true}]
commonAnnotations: {c: d}
configMapGenerator: [{name: e, literals: [f=g], options: {immutable: true}}]
images: [{name: nginx, newTag: '1'}]
replicas: [{name: web, count: 2}]
patches: [{path: patch.yaml}, {target: {kind: Deployment}, patch: '- {op: add, path: /spec/x, value: [1, {a: b}]}'}]
replacements: [{source: {kind: Deployment, fieldPath: metadata.name}, targets: [{select: {kind: Deployment}, fieldPaths: ['spec.template.spec.containers.[name=a].image'], options: {delimiter: ':', index: 1}}]}]
vars: [{name: V, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}]
";

const OBJECT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: &l {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: *l}
  template:
    metadata: {labels: {<<: *l, x: \"y\"}}
    spec:
      containers:
      - name: a
        image: nginx:1
        ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}]
        args: ['$(V)', b]
        command:
        - |
          block
";

const PATCH: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - $patch: merge
      - {name: a, ports: [{containerPort: 80, protocol: TCP}], $patch: merge}
      - name: b
        $patch: delete
";

/// Replaces bytes, takes pieces away and doubles pieces.
fn damage(text: &str, edits: &[(usize, usize, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for &(at, length, byte) in edits {
        if bytes.is_empty() {
            break;
        }
        let start = at % bytes.len();
        let end = (start + length % 12).min(bytes.len());
        match byte % 3 {
            0 => bytes[start] = byte,
            1 => drop(bytes.drain(start..end)),
            _ => {
                let piece = bytes[start..end].to_vec();
                bytes.splice(start..start, piece);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_tree_is_answered(which in 0..3_usize, edits in prop::collection::vec(any::<(usize, usize, u8)>(), 1..4)) {
        let mut tree = MemoryTree::new();
        for (number, (path, text)) in [("kustomization.yaml", KUSTOMIZATION), ("object.yaml", OBJECT), ("patch.yaml", PATCH)].into_iter().enumerate() {
            let content = if number == which { damage(text, &edits) } else { text.as_bytes().to_vec() };
            tree.insert(path, content);
        }
        match build(&tree, "", &Options::default()).result {
            Ok(built) => prop_assert!(built.objects.is_empty() || !to_yaml(&built.objects).is_empty()),
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                prop_assert!(errors.iter().all(|error| error.position.is_some()), "{:?}", errors);
            }
        }
    }
}

/// Damage is only interesting to something that works.
#[test]
fn the_undamaged_tree_builds() {
    let tree = MemoryTree::from_iter([
        ("kustomization.yaml", KUSTOMIZATION),
        ("object.yaml", OBJECT),
        ("patch.yaml", PATCH),
    ]);
    let errors = build(&tree, "", &Options::default()).result.err().unwrap_or_default();
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, [""; 0]);
}
