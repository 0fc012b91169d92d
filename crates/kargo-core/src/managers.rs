//! Who is behind a field manager of `managedFields`: a person with a tool, or a program that deploys.

/// The prefixes of the managers of tools that people hold in their hands. Browsers are dashboards that pass the
/// user agent on; `node-fetch` is what Lens calls itself.
const TOOLS: &[&str] = &[
    "kubectl",
    "oc",
    "k9s",
    "Lens",
    "OpenLens",
    "node-fetch",
    "Headlamp",
    "dashboard",
    "kubernetes-dashboard",
    "Mozilla",
];

/// The managers of programs that deploy what others wrote, as Kargo does.
const DEPLOYERS: &[&str] = &[
    "kustomize-controller",
    "helm-controller",
    "helm",
    "Helm",
    "argocd-controller",
    "argocd-application-controller",
    "argocd",
];

/// Whether a person changed a field with this manager: such a change is made by hand.
pub fn is_tool(manager: &str) -> bool {
    TOOLS.iter().any(|tool| starts_with_word(manager, tool))
}

/// Whether it is kubectl, whatever the command.
pub fn is_kubectl(manager: &str) -> bool {
    starts_with_word(manager, "kubectl")
}

/// Whether it is another program that deploys.
pub fn is_deployer(manager: &str) -> bool {
    DEPLOYERS.contains(&manager)
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word)
        .is_some_and(|rest| rest.chars().next().is_none_or(|letter| !letter.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("kubectl", true, true, false)]
    #[case("kubectl-client-side-apply", true, true, false)]
    #[case("k9s", true, false, false)]
    #[case("Mozilla", true, false, false)]
    #[case("octopus", false, false, false)]
    #[case("kube-controller-manager", false, false, false)]
    #[case("kustomize-controller", false, false, true)]
    #[case("kargo", false, false, false)]
    fn a_manager_is_a_persons_tool_or_a_program(
        #[case] manager: &str,
        #[case] tool: bool,
        #[case] kubectl: bool,
        #[case] deployer: bool,
    ) {
        assert_eq!(
            (is_tool(manager), is_kubectl(manager), is_deployer(manager)),
            (tool, kubectl, deployer)
        );
    }
}
