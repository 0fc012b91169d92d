//! Condition types, condition reasons and Event reasons: each defined once, with its meaning.
//! `docs/reference.md` is generated from here.

/// Defines an enum of words that appear in the cluster, with their spelling and their meaning.
macro_rules! words {
    ($(#[$attribute:meta])* $name:ident { $($variant:ident => $meaning:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $meaning] $variant,)+
        }

        impl $name {
            /// All of them, in the order of their definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word as it appears in the cluster.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }

            /// What it means, for the reference documentation.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// The type of a condition of a `KargoApp`. `Ready`, `Reconciling` and `Stalled` follow the kstatus convention.
    ConditionType {
        Ready => "True: all of the desired revision was applied and is healthy.",
        Reconciling => "True while Kargo is on the way to the desired state by itself.",
        Stalled => "True when nothing will change before somebody acts: a new commit, a change of the KargoApp or of the cluster.",
        Rendered => "Whether the newest commit could be read and rendered.",
        Applied => "Whether every object of the desired revision was accepted by the API server.",
        Healthy => "Whether what was applied is up.",
        Held => "True when a deletion, an empty desired state or a commit waits for somebody's consent.",
        Drifted => "True when something differs from git and spec.sync.selfHeal is false.",
        Fighting => "True while somebody changes a field again and again that Kargo puts back.",
    }
}

words! {
    /// The reason of a condition: why it has its value.
    Reason {
        Deployed => "The desired revision is applied and healthy.",
        Loading => "The newest commit is being looked up, fetched or rendered.",
        Deploying => "Objects are being applied, or have been and are not up yet.",
        Rendered => "The newest commit was read and rendered.",
        Applied => "Every object was accepted by the API server.",
        Healthy => "Everything that was applied is up.",
        BranchMissing => "The repository has no such branch or tag.",
        Untrusted => "The commit is not signed by a key that spec.source.verify names. Nothing of it was rendered; what is deployed stays.",
        SourceUnavailable => "Git could not be asked, or did not answer as git does. What is deployed stays and is kept.",
        RenderFailed => "The commit could not be rendered. Nothing of it was applied; what is deployed stays.",
        NothingDesired => "The commit renders no object at all; nothing is deleted until spec.sync.allowEmpty is true.",
        ClaimedByOther => "An object of this app belongs to another KargoApp; it is left to that one.",
        ApplyFailed => "The API server refused at least one object. The others were applied; nothing was pruned.",
        TimedOut => "What was applied did not become healthy within spec.sync.timeout.",
        Unhealthy => "Something that was healthy is not any more.",
        Suspended => "spec.suspend is true: nothing is applied, put back or deleted.",
        WaitsForRequest => "spec.sync.mode is Manual: the commit is ready and is deployed when somebody asks for it.",
        WaitsForDependency => "A KargoApp that spec.dependsOn names is not ready yet.",
        DependencyCycle => "Apps wait for each other in a circle by spec.dependsOn.",
        Drifted => "Something differs from git, and spec.sync.selfHeal is false.",
        NotDrifted => "Nothing is known to differ from git.",
        Fighting => "Somebody changes a field again and again that Kargo puts back; it is put back less often.",
        NotFighting => "Nobody changes the same field again and again.",
        PruneHeld => "More would be deleted than Kargo deletes without being asked; the annotation confirm-prune confirms it.",
        PruneFailed => "An object that left git could not be deleted; it is tried again.",
        InvalidSpec => "The KargoApp asks for something that cannot work.",
        Deleting => "The KargoApp is being deleted, and its objects with it.",
        NotHeld => "Nothing waits for consent.",
        Progressing => "Kargo is on its way to the desired state.",
        UpToDate => "There is nothing to do.",
        NeedsChange => "Nothing will change before somebody acts.",
    }
}

words! {
    /// The reason of an Event on a `KargoApp`.
    EventReason {
        Deployed => "A revision was deployed and is healthy.",
        DeployFailed => "A revision was not, or not fully, deployed; or did not become healthy in time.",
        RenderFailed => "A commit could not be read or rendered.",
        SourceUnavailable => "Git could not be asked.",
        ForcePushed => "The branch was rewritten: what was its tip is not part of its history any more. The new history is followed.",
        Untrusted => "A commit is not signed by a key that spec.source.verify names.",
        DriftRepaired => "Somebody changed or deleted a managed object by hand; it was put back.",
        DriftFound => "Somebody changed or deleted a managed object by hand; spec.sync.selfHeal is false, so it stays.",
        Fighting => "Somebody changes a field again and again that Kargo puts back.",
        Pruned => "An object that left git was deleted.",
        PruneHeld => "A deletion waits for consent.",
        PruneFailed => "An object that left git could not be deleted.",
        Adopted => "An object that was there already and was not Kargo's was taken over.",
        Recreated => "An object was deleted to be created again, as its annotation recreate allows, because a field changed that cannot be changed.",
        NamespaceCreated => "A namespace that objects need was created.",
        ClaimRefused => "An object of this app belongs to another KargoApp.",
        WebhookSecretUnusable => "The Secret that webhooks are signed by cannot be used; webhooks for the app are refused.",
        Unhealthy => "Something that was healthy is not any more.",
    }
}
