//! Random objects as YAML.

use crate::random::Random;

pub(crate) const NAMES: [&str; 4] = ["web", "api", "db", "web-config"];

/// Plain and quoted values of all types and odd looks.
pub(crate) fn scalar(random: &mut Random) -> &'static str {
    random.pick(&[
        "a",
        "b",
        "\"1\"",
        "1",
        "0644",
        "true",
        "\"true\"",
        "yes",
        "'no'",
        "1.50",
        "1e3",
        "2020-01-01",
        "null",
        "~",
        "\"\"",
        "web",
        "a b",
        "x:y",
        "9007199254740993",
        "1234567.5",
        "\"on\"",
        "off",
        "0x1F",
        "1_000",
        "'1:30'",
        "\"a: b\"",
        "-5",
        ".5",
        "{}",
        "[]",
        "[a, b]",
        "{k: v}",
        "!!str 12",
        "",
        "{c: }",
        "[2020-01-01 10:00:00, x]",
        "2020-01-01 10:00:00",
        "|\n    block",
    ])
}

pub(crate) fn name(random: &mut Random) -> &'static str {
    random.pick(&NAMES)
}

fn metadata(random: &mut Random, name: &str) -> String {
    let mut text = format!("metadata:\n  name: {name}\n");
    if random.once_in(12) {
        text += &format!("  namespace: {}\n", random.pick(&["default", "team-a", "team-b"]));
    }
    if random.once_in(3) {
        text += &format!(
            "  labels:\n    app: {}\n    tier: {}\n",
            random.pick(&["web", "\"web\"", "api"]),
            random.pick(&["front", "1", "\"2\"", "true"])
        );
    }
    if random.once_in(3) {
        text += &format!(
            "  annotations:\n    note: {}\n",
            random.pick(&["a", "1", "true", "null", "\"x\"", "2020-01-01"])
        );
    }
    text
}

pub(crate) fn container(random: &mut Random, name: &str) -> String {
    let mut text = format!(
        "      - name: {name}\n        image: {}\n",
        random.pick(&[
            "nginx",
            "nginx:1.2",
            "example.com:5000/nginx:1@sha256:abc",
            "api:v1",
            "\"api\""
        ])
    );
    if random.once_in(2) {
        text += "        ports:\n";
        for _ in 0..=random.below(2) {
            text += &format!("        - containerPort: {}\n", random.pick(&["80", "443", "8080"]));
            if random.once_in(2) {
                text += &format!("          protocol: {}\n", random.pick(&["TCP", "UDP"]));
            }
            if random.once_in(2) {
                text += &format!("          name: {}\n", random.pick(&["http", "https"]));
            }
        }
    }
    if random.once_in(2) {
        text += "        env:\n";
        for key in ["A", "B", "C"].iter().take(1 + random.below(3)) {
            text += &format!(
                "        - name: {key}\n          value: {}\n",
                random.pick(&["\"1\"", "x", "$(SOME)", "\"$(OTHER)/x\"", "\"\""])
            );
        }
    }
    if random.once_in(3) {
        text += &format!(
            "        envFrom:\n        - configMapRef:\n            name: {}\n        - secretRef:\n            name: {}\n",
            crate::objects::name(random),
            crate::objects::name(random)
        );
    }
    if random.once_in(3) {
        text +=
            &format!("        args: [\"--x\", {}]\n", random.pick(&["y", "\"1\"", "\"$(SOME)\""]));
    }
    text
}

fn pod_template(random: &mut Random) -> String {
    let mut text =
        "  template:\n    metadata:\n      labels:\n        app: web\n    spec:\n".to_owned();
    if random.once_in(3) {
        text += &format!("      serviceAccountName: {}\n", name(random));
    }
    if random.once_in(4) {
        text += "      initContainers:\n";
        text += &container(random, "init");
    }
    text += "      containers:\n";
    for name in ["main", "side"].iter().take(1 + random.below(2)) {
        text += &container(random, name);
    }
    if random.once_in(2) {
        text += &format!(
            "      volumes:\n      - name: config\n        configMap:\n          name: {}\n",
            name(random)
        );
        if random.once_in(2) {
            text += &format!(
                "      - name: secret\n        secret:\n          secretName: {}\n",
                name(random)
            );
        }
    }
    if random.once_in(5) {
        text += "      tolerations:\n      - key: a\n        operator: Exists\n";
    }
    if random.once_in(5) {
        text += "      topologySpreadConstraints:\n      - topologyKey: zone\n        whenUnsatisfiable: DoNotSchedule\n        maxSkew: 1\n        labelSelector:\n          matchLabels:\n            app: web\n";
    }
    text
}

/// The kinds that are made, with their apiVersions.
pub(crate) const KINDS: [(&str, &str); 16] = [
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("networking.k8s.io/v1", "Ingress"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("example.com/v1", "Example"),
    ("v1", "Namespace"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "PersistentVolumeClaim"),
];

/// One object of a kind.
pub(crate) fn object(random: &mut Random, (api_version, kind): (&str, &str), name: &str) -> String {
    let mut text = format!("apiVersion: {api_version}\nkind: {kind}\n{}", metadata(random, name));
    text += &match kind {
        "Deployment" | "StatefulSet" => {
            let mut spec = "spec:\n".to_owned();
            if random.once_in(2) {
                spec += &format!("  replicas: {}\n", random.pick(&["1", "\"2\"", "3"]));
            }
            if random.once_in(2) {
                spec += "  selector:\n    matchLabels:\n      app: web\n";
            }
            if kind == "StatefulSet" {
                spec += &format!("  serviceName: {}\n", self::name(random));
            }
            spec + &pod_template(random)
        }
        "Service" => format!(
            "spec:\n  selector:\n    app: web\n  ports:\n  - port: 80\n{}{}",
            random.pick(&["", "    protocol: TCP\n", "    targetPort: http\n"]),
            random.pick(&[
                "",
                "  - port: 80\n    protocol: UDP\n",
                "  - port: 443\n    name: https\n"
            ])
        ),
        "ConfigMap" => format!(
            "data:\n  a: {}\n  b: |\n    one\n    two\n",
            random.pick(&["x", "\"1\"", "\"yes\"", "'0644'", "\"{\\\"k\\\": 1}\""])
        ),
        "Secret" => "type: Opaque\ndata:\n  p: cGFzcw==\n".to_owned(),
        "Role" => "rules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get]\n".to_owned(),
        "RoleBinding" | "ClusterRoleBinding" => format!(
            "subjects:\n- kind: ServiceAccount\n  name: {}\n{}roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {}\n  name: {}\n",
            random.pick(&["web", "default", "api"]),
            random.pick(&["", "  namespace: default\n", "  namespace: team-a\n"]),
            random.pick(&["Role", "ClusterRole"]),
            self::name(random)
        ),
        "Ingress" => format!(
            "spec:\n  rules:\n  - host: x.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: {}\n            port:\n              number: 80\n",
            self::name(random)
        ),
        "HorizontalPodAutoscaler" => format!(
            "spec:\n  maxReplicas: 3\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: {}\n",
            self::name(random)
        ),
        "CronJob" => format!(
            "spec:\n  schedule: \"* * * * *\"\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n          - name: main\n            image: nginx:1.2\n            envFrom:\n            - configMapRef:\n                name: {}\n",
            self::name(random)
        ),
        "Example" => {
            let mut spec = "spec:\n".to_owned();
            for key in ["one", "two", "three"] {
                spec += &format!("  {key}: {}\n", scalar(random));
            }
            spec + "  list:\n  - name: a\n    value: 1\n  - name: b\n    value: 2\n"
        }
        "PodDisruptionBudget" => {
            "spec:\n  minAvailable: 1\n  selector:\n    matchLabels:\n      app: web\n".to_owned()
        }
        "PersistentVolumeClaim" => {
            "spec:\n  resources:\n    requests:\n      storage: 1Gi\n".to_owned()
        }
        _ => String::new(),
    };
    text
}
