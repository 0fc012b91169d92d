//! Addresses for Services and Ingresses, which no cloud gives here.

/// Who gets an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// Objects that ask for one by the annotation [`ADDRESS_ANNOTATION`], whose value it is.
    /// All others wait for ever, as on a cluster without a load balancer.
    #[default]
    OnRequest,
    /// Every Service of type `LoadBalancer` and every Ingress, at once.
    Everyone,
}

/// The annotation by which an object asks for an address.
pub const ADDRESS_ANNOTATION: &str = "tests.example.com/address";

/// The address of everyone who did not ask for another one; from the block for documentation
/// (RFC 5737), so that nothing ever answers there.
pub const ADDRESS: &str = "203.0.113.10";

/// kwok Stages that write the addresses into status.
pub fn address_stages(addresses: Addresses) -> String {
    let service = stage(
        "service-address",
        "{apiGroup: v1, kind: Service}",
        "    - {key: .spec.type, operator: In, values: [LoadBalancer]}\n",
        addresses,
    );
    let ingress =
        stage("ingress-address", "{apiGroup: networking.k8s.io/v1, kind: Ingress}", "", addresses);
    format!("{service}{ingress}")
}

fn stage(name: &str, resource: &str, condition: &str, addresses: Addresses) -> String {
    let (asked, value) = match addresses {
        Addresses::OnRequest => (
            format!(
                "    - {{key: '.metadata.annotations[\"{ADDRESS_ANNOTATION}\"]', operator: Exists}}\n"
            ),
            format!("{{{{ index .metadata.annotations \"{ADDRESS_ANNOTATION}\" | Quote }}}}"),
        ),
        Addresses::Everyone => (String::new(), ADDRESS.to_owned()),
    };
    format!(
        "---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: {name}
spec:
  resourceRef: {resource}
  selector:
    matchExpressions:
    - {{key: .metadata.deletionTimestamp, operator: DoesNotExist}}
    - {{key: .status.loadBalancer.ingress, operator: DoesNotExist}}
{condition}{asked}  next:
    statusTemplate: |
      loadBalancer:
        ingress:
        - ip: {value}
"
    )
}
