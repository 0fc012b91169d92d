//! `IAMPolicyGenerator`: a service account bound to one of Google Cloud.

use crate::context::{Context, Result};
use crate::decode::Decoder;
use crate::error::Code;
use crate::resource::Resource;
use crate::yaml::{Data, Map, Node};

/// Makes the service account that a generator object describes.
pub(crate) fn generate(node: &Node, context: &mut Context<'_>) -> Result<Resource> {
    let spot = node.spot;
    let mut decoder = Decoder::of_plugin(context);
    let (mut cloud, mut namespace, mut project) = (String::new(), String::new(), String::new());
    let (mut kubernetes_name, mut google_name) = (String::new(), String::new());
    for (name, _, value) in decoder.fields(
        node,
        "an IAMPolicyGenerator",
        &["cloud", "kubernetesService", "serviceAccount"],
    ) {
        if name == "cloud" {
            cloud = decoder.text(value, name).value;
            continue;
        }
        for (field, _, value) in decoder.fields(value, name, &["name", "namespace", "projectId"]) {
            let text = decoder.text(value, field).value;
            match (name, field) {
                ("kubernetesService", "name") => kubernetes_name = text,
                ("kubernetesService", "namespace") => namespace = text,
                ("serviceAccount", "name") => google_name = text,
                ("serviceAccount", "projectId") => project = text,
                _ => {}
            }
        }
    }
    if cloud != "gke" {
        let what = format!("the cloud `{cloud}` is not known to IAMPolicyGenerator");
        return decoder.fail(Code::InvalidGenerator, spot, what, "Write `cloud: gke`");
    }
    let map = |entries: Vec<(&str, Node)>| {
        let mut map = Map::default();
        for (key, value) in entries {
            map.set(key, value);
        }
        Node::new(Data::Map(map), spot)
    };
    let account = format!("{google_name}@{project}.iam.gserviceaccount.com");
    let annotations = map(vec![("iam.gke.io/gcp-service-account", Node::string(account, spot))]);
    let mut metadata =
        vec![("annotations", annotations), ("name", Node::untagged(kubernetes_name, spot))];
    if !namespace.is_empty() {
        metadata.push(("namespace", Node::untagged(namespace, spot)));
    }
    let object = map(vec![
        ("apiVersion", Node::string("v1", spot)),
        ("kind", Node::string("ServiceAccount", spot)),
        ("metadata", map(metadata)),
    ]);
    context.count_objects(1, spot)?;
    let mut resource = Resource::new(object, 0, &context.schema);
    resource.generator = Some("IAMPolicyGenerator");
    Ok(resource)
}
