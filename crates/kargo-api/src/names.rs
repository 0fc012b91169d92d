//! The marks: labels, annotations and the field manager. Everything under [`GROUP`] is ours.

/// The API group of our resource, and the prefix of every label and annotation of ours.
pub const GROUP: &str = "kargo.krampoline.io";

/// The field manager of every server-side apply. Ownership of fields, and with it drift, is told by it.
pub const FIELD_MANAGER: &str = "kargo";

/// Label on managed objects: the installation that applied them. Every watch selects by it.
pub const INSTALLATION_LABEL: &str = "kargo.krampoline.io/installation";

/// Label on managed objects: the namespace of the `KargoApp` they belong to.
pub const APP_NAMESPACE_LABEL: &str = "kargo.krampoline.io/app-namespace";

/// Label on managed objects: the name of the `KargoApp` they belong to.
pub const APP_NAME_LABEL: &str = "kargo.krampoline.io/app";

/// Annotation on managed objects: the installation and the object's own identity,
/// `installation|group/Kind/namespace/name`. A copy of the object elsewhere does not match it.
pub const IDENTITY_ANNOTATION: &str = "kargo.krampoline.io/identity";

/// Annotation on managed objects: the digest of what was applied. An object with the rendered digest
/// and its ownership intact is not sent again.
pub const DIGEST_ANNOTATION: &str = "kargo.krampoline.io/digest";

/// Annotation on an object in git, for people: `allowed` lets prune delete a kind that it never deletes
/// otherwise (Namespace, `CustomResourceDefinition`, `PersistentVolume`, `PersistentVolumeClaim`), `disabled` keeps the
/// object when it leaves git.
pub const PRUNE_ANNOTATION: &str = "kargo.krampoline.io/prune";

/// Annotation on a `KargoApp`, for people: the commit whose held deletions are confirmed.
pub const CONFIRM_PRUNE_ANNOTATION: &str = "kargo.krampoline.io/confirm-prune";

/// Annotation on a `KargoApp`, for people: any new value asks for a look at git and a new attempt now.
pub const SYNC_REQUESTED_ANNOTATION: &str = "kargo.krampoline.io/sync-requested-at";

/// Finalizer on a `KargoApp` with `deletionPolicy: Delete`, and only there.
pub const FINALIZER: &str = "kargo.krampoline.io/delete-objects";

/// The `ConfigMap` in Kargo's namespace that lists the group/kinds this installation has ever used.
/// Only added to, and always before the first object of a new kind is created.
pub const INVENTORY_CONFIG_MAP: &str = "kargo-inventory";

/// Annotation on an object in git, or on the live one by hand, for people: `disabled` leaves the object alone; it is
/// neither created, changed nor deleted.
pub const RECONCILE_ANNOTATION: &str = "kargo.krampoline.io/reconcile";

/// Annotation on an object in git, for people: `allowed` lets Kargo delete and create it again when a field changes
/// that cannot be changed. Volumes stay.
pub const RECREATE_ANNOTATION: &str = "kargo.krampoline.io/recreate";

/// Annotation on an object in git, for people: `allowed` lets Kargo take over an object that Flux, Argo CD or Helm
/// manages.
pub const ADOPT_ANNOTATION: &str = "kargo.krampoline.io/adopt";

/// Annotation on an object in git, for people: JSON pointers of fields, separated by commas, spaces or new lines,
/// that are left to others, such as `/webhooks/0/clientConfig/caBundle`.
pub const IGNORE_FIELDS_ANNOTATION: &str = "kargo.krampoline.io/ignore-fields";

/// Annotation on an object in git, for people: `once` creates it if it is not there, and never changes it afterwards.
pub const APPLY_ANNOTATION: &str = "kargo.krampoline.io/apply";

/// The annotations under [`GROUP`] that people may set on objects in git.
pub const USER_ANNOTATIONS: &[&str] = &[
    PRUNE_ANNOTATION,
    RECONCILE_ANNOTATION,
    RECREATE_ANNOTATION,
    ADOPT_ANNOTATION,
    IGNORE_FIELDS_ANNOTATION,
    APPLY_ANNOTATION,
];
