//! Every fault, what must hold, and which test shows it. `docs/faults.md` is made of this table,
//! and `cargo xtask faults` runs what it names.

use std::fmt::Write as _;

use self::Target::{BlackBox, Chart, Faults, Git, World};

/// One test program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The binary, with a proxy that does harm between it and a real API server.
    Faults,
    /// The binary against a real API server and a real git server.
    BlackBox,
    /// The pure heart in a simulated world, where time is a value and every order can be tried.
    World,
    /// Git alone.
    Git,
    /// The Helm chart.
    Chart,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Faults, Self::BlackBox, Self::World, Self::Git, Self::Chart];

    /// The package and the name of the test program.
    pub fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Faults => ("kargo-tests", "faults"),
            Self::BlackBox => ("kargo-tests", "blackbox"),
            Self::World => ("kargo-core", "world"),
            Self::Git => ("kargo-git", "it"),
            Self::Chart => ("kargo-tests", "chart"),
        }
    }

    /// The folder of its sources in the checkout.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Faults => "tests/faults",
            Self::BlackBox => "tests/blackbox",
            Self::World => "crates/kargo-core/tests/world",
            Self::Git => "crates/kargo-git/tests/it",
            Self::Chart => "tests/chart",
        }
    }
}

/// A test, and what it asserts.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Where it is.
    pub target: Target,
    /// Its full name.
    pub test: &'static str,
    /// The rules and oracles that it asserts, by their short names.
    pub holds: &'static str,
}

/// A fault.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its number.
    pub fault: &'static str,
    /// What goes wrong.
    pub what: &'static str,
    /// The rules that matter most.
    pub holds: &'static str,
    /// The tests.
    pub tests: &'static [Shown],
    /// What of it no test shows yet; empty if there is nothing.
    pub open: &'static str,
}

/// The rules, as the design numbers them, and the oracles of the tests.
pub const RULES: &[(&str, &str)] = &[
    ("I1", "an object that the newest rendered set of any live KargoApp has is never deleted"),
    (
        "I2",
        "a deletion needs a whole render, a whole apply, an object that is ours, and its uid and version",
    ),
    ("I3", "an error is never an empty set"),
    ("I4", "a run that deletes too much is held, and precious kinds need consent of their own"),
    ("I5", "Kargo never deletes what it consists of"),
    ("I6", "one owner for each object, and a hand-over without a deletion"),
    ("I7", "a crash leaves neither an orphan nor a wrong deletion"),
    ("I8", "at most one process writes"),
    ("I9", "only fields that are in git are written"),
    ("I13", "no unknown host key and no bad certificate is accepted"),
    ("L1", "when the fault ends, the cluster becomes what git says"),
    ("L2", "then there are no writes"),
    ("L3", "one bad app, kind or repository delays no other"),
    ("L4", "a KargoApp can always be deleted"),
    ("T1", "the status is about the spec that it names"),
    ("T2", "what is stale is said to be"),
    ("R1", "time, memory and requests are bounded"),
    ("O1", "the end state is that of a run without the fault"),
    ("O2", "so is the number of creations and deletions of each object"),
    ("O3", "by the audit log, only what may be deleted was, with uid and version"),
    ("O4", "then it is quiet"),
    ("O5", "no secret in log, Events, status and metrics"),
    ("O6", "open files come back to where they were"),
    ("O7", "no panic, and the process goes on"),
];

/// Every fault.
pub const MATRIX: &[Row] = &[
    row(
        "F1",
        "409 on every second write of status and finalizer",
        "L1 O1",
        &[shown(
            Faults,
            "answers::f1_every_second_write_of_status_and_finalizer_conflicts",
            "L1 O3 O4",
        )],
        "",
    ),
    row(
        "F2",
        "429 with Retry-After on everything",
        "L1 R1",
        &[shown(Faults, "answers::f2_too_many_requests_is_answered_by_patience", "L1 O7")],
        "the lease under 429",
    ),
    row(
        "F3",
        "500, 503, 504 before and after each write took effect",
        "O1 O2",
        &[
            shown(
                Faults,
                "sweeps::f3_an_error_at_each_write_of_a_first_deployment",
                "O1 O2 O3 O4 O5 O7",
            ),
            shown(Faults, "sweeps::f3_an_error_at_each_write_of_an_update", "O1 O2 O3 O4 O5 O7"),
            shown(Faults, "sweeps::f3_an_error_at_each_write_of_a_deletion", "O1 O2 O3 O4 O5 O7"),
            shown(
                World,
                "deploy::an_apply_whose_answer_is_lost_is_repeated_and_changes_nothing",
                "O2",
            ),
            shown(World, "status::a_status_whose_answer_was_lost_is_written_again", "L1"),
            shown(World, "model::whatever_happens_in_whatever_order", "I1 I2 I3 I4 I6 L1 L2"),
        ],
        "",
    ),
    row(
        "F4",
        "connections cut before, after and in the middle of an answer; silence",
        "I3 L3",
        &[
            shown(
                Faults,
                "connections::f4_answers_that_are_cut_are_asked_for_again_and_count_once",
                "O2 O3 O4 O7",
            ),
            shown(Faults, "connections::f4_a_list_that_is_cut_in_the_middle_is_no_list", "I3"),
            shown(
                Faults,
                "connections::f4_a_call_that_is_never_answered_has_a_deadline_and_delays_no_other_app",
                "L3 R1",
            ),
            shown(
                Faults,
                "connections::f4_a_controller_that_is_cut_off_for_a_while_goes_on",
                "L1 O3 O6",
            ),
        ],
        "",
    ),
    row(
        "F5",
        "page 2 of a list fails, `continue` expires, a list says that nothing is there",
        "I1 I3",
        &[
            shown(Faults, "lists::f5_page_two_fails", "I1 I3 O1 O2"),
            shown(Faults, "lists::f5_the_rest_of_a_list_has_expired", "I1 I3 O1 O2"),
            shown(Faults, "lists::f5_a_list_with_nothing_in_it_deletes_nothing", "I1 I3 O1 O2"),
            shown(
                Faults,
                "lists::f5_no_list_of_kargo_apps_is_no_reason_to_let_go_of_anything",
                "I1 I3 O1",
            ),
            shown(World, "kinds::an_empty_list_deletes_nothing", "I3"),
        ],
        "",
    ),
    row(
        "F6",
        "403 for one kind, allowed again later",
        "I2 L1 L3",
        &[
            shown(Faults, "answers::f6_one_kind_is_forbidden_and_allowed_again", "I2 L1 O3"),
            shown(
                Faults,
                "answers::f6_a_kind_that_cannot_be_listed_after_a_restart_is_not_gone",
                "I3 L1 O3",
            ),
            shown(World, "kinds::a_kind_that_cannot_be_listed_is_named_and_heals", "L1"),
        ],
        "",
    ),
    row(
        "F7",
        "credentials are refused for a while",
        "L1",
        &[shown(
            Faults,
            "away::f7_a_token_that_is_refused_for_a_while_loses_nothing",
            "L1 O2 O3 O4 O7",
        )],
        "a token file and an authority that are replaced",
    ),
    row(
        "F8",
        "discovery partly down; a kind that answers no list (conversion webhook down)",
        "I3 L3",
        &[
            shown(Faults, "kinds::f8_a_kind_whose_objects_cannot_be_read_is_not_gone", "I1 I3 L3"),
            shown(Faults, "kinds::f8_discovery_that_is_partly_down_makes_nothing_unknown", "I3 L3"),
            shown(
                Faults,
                "kinds::f8_an_older_answer_of_discovery_does_not_replace_a_newer_one",
                "L1",
            ),
        ],
        "",
    ),
    row(
        "F9",
        "a watch cut every few events",
        "L1",
        &[shown(
            Faults,
            "watching::f9_a_watch_that_is_cut_again_and_again_still_shows_drift",
            "L1",
        )],
        "",
    ),
    row(
        "F10",
        "ERROR 410, HTTP 410, a watch that falls silent",
        "L1",
        &[
            shown(Faults, "watching::f10_a_watch_that_has_expired_is_opened_anew", "L1"),
            shown(
                Faults,
                "watching::f10_a_watch_that_fell_silent_is_made_up_for_when_it_ends",
                "L1",
            ),
        ],
        "",
    ),
    row(
        "F11",
        "an old list, old events, the deletion of a previous uid; a KargoApp that cannot be read",
        "I1 I6",
        &[
            shown(
                Faults,
                "watching::f11_events_of_the_past_delete_nothing_of_the_present",
                "I1 O3 O7",
            ),
            shown(Faults, "watching::f11_a_list_of_the_past_prunes_nothing_of_the_present", "I2"),
            shown(Faults, "owners::f11_a_kargo_app_that_cannot_be_read_keeps_what_it_has", "I6"),
            shown(
                World,
                "drift::an_answer_from_before_a_deletion_does_not_hide_the_deletion",
                "L1",
            ),
        ],
        "",
    ),
    row(
        "F12",
        "a deletion, a creation, a recreation never seen",
        "L1 O1",
        &[
            shown(Faults, "watching::f12_what_was_never_seen_does_not_matter", "L1 I9"),
            shown(
                Faults,
                "watching::f12_an_object_recreated_behind_a_silent_watch_is_taken_over_all_the_same",
                "L1",
            ),
            shown(
                Faults,
                "watching::f12_an_object_deleted_behind_a_silent_watch_is_made_again_all_the_same",
                "L1",
            ),
            shown(
                Faults,
                "owners::f12_an_answer_about_a_deleted_app_is_not_about_its_successor",
                "T1",
            ),
        ],
        "",
    ),
    row(
        "F13",
        "SIGKILL before and after each write",
        "I7 O1 O2",
        &[
            shown(
                Faults,
                "sweeps::f13_killed_at_each_write_of_a_first_deployment",
                "I7 O1 O2 O3 O4 O5 O7",
            ),
            shown(Faults, "sweeps::f13_killed_at_each_write_of_an_update", "I7 O1 O2 O3 O4 O5 O7"),
            shown(Faults, "sweeps::f13_killed_at_each_write_of_a_deletion", "I7 O1 O2 O3 O4 O5 O7"),
            shown(
                World,
                "restart::a_crash_anywhere_in_an_update_changes_nothing_of_its_outcome",
                "I7",
            ),
            shown(
                World,
                "restart::a_crash_anywhere_in_a_hand_over_changes_nothing_of_its_outcome",
                "I6 I7",
            ),
            shown(
                World,
                "restart::a_crash_anywhere_in_a_deletion_changes_nothing_of_its_outcome",
                "I7 L4",
            ),
            shown(
                BlackBox,
                "crashes::a_crash_in_mid_apply_leaves_neither_an_orphan_nor_a_wrong_delete",
                "I7",
            ),
        ],
        "",
    ),
    row(
        "F14",
        "SIGKILL in mid fetch, in mid render",
        "I7 R1",
        &[
            shown(BlackBox, "crashes::crash_after_crash_it_gets_there", "I7 L1"),
            shown(Git, "cache::a_restart_finds_the_cache_and_sweeps_what_was_left", "R1"),
        ],
        "",
    ),
    row(
        "F15",
        "SIGTERM in mid run; two replicas during a rollout",
        "I8",
        &[
            shown(BlackBox, "operation::it_stops_in_time_when_it_is_told_to", "I8"),
            shown(
                BlackBox,
                "leases::a_standby_watches_nothing_and_takes_over_at_once_when_the_leader_is_stopped",
                "I8",
            ),
        ],
        "",
    ),
    row(
        "F16",
        "etcd or the API server restarted",
        "L1",
        &[
            shown(
                Faults,
                "away::f16_an_api_server_without_its_etcd_is_waited_for",
                "L1 O2 O3 O4 O7",
            ),
            shown(Faults, "away::f16_an_api_server_that_is_down_is_waited_for", "L1 O2 O3 O4 O7"),
        ],
        "",
    ),
    row(
        "F17",
        "etcd restored from an older snapshot",
        "I1 L1",
        &[],
        "needs a control plane of its own whose etcd is replaced",
    ),
    row(
        "F18",
        "two API servers, one a minute behind",
        "I1 I2",
        &[shown(Faults, "watching::f11_a_list_of_the_past_prunes_nothing_of_the_present", "I2")],
        "two real API servers",
    ),
    row(
        "F19",
        "the clock jumps",
        "I8 L1",
        &[shown(World, "timeouts::a_new_commit_gets_its_own_time", "L1")],
        "the process under another clock; in the world every delay is counted on the monotonic one",
    ),
    row(
        "F20",
        "git down, DNS, 5xx, expired TLS, revoked token",
        "I1 L1 T2",
        &[
            shown(BlackBox, "sources::git_down_does_not_stop_the_keeping_and_shows", "I1 L1 T2"),
            shown(
                BlackBox,
                "sources::errors_of_the_git_server_are_errors_and_not_an_empty_repository",
                "I3",
            ),
            shown(BlackBox, "sources::a_git_server_that_never_answers_delays_no_other_app", "L3"),
            shown(Git, "tls::bad_certificates_are_refused_with_the_reason", "I13"),
            shown(Git, "hostile::nobody_there", "R1"),
            shown(World, "drift::drift_is_repaired_while_git_is_down", "L1"),
            shown(World, "holds::git_that_is_down_after_a_restart_deletes_nothing", "I1"),
        ],
        "",
    ),
    row(
        "F21",
        "the branch deleted, renamed, never there",
        "I3",
        &[
            shown(BlackBox, "sources::a_missing_branch_is_answered_with_those_there_are", "I3"),
            shown(BlackBox, "sources::a_branch_that_goes_takes_nothing_with_it", "I1 I3"),
            shown(World, "status::a_branch_that_is_gone_is_not_ready_and_deletes_nothing", "I3 T1"),
        ],
        "",
    ),
    row(
        "F22",
        "the repository emptied, private, replaced by another history",
        "I3 I4",
        &[
            shown(BlackBox, "private::each_step_to_a_private_repository_is_explained", "I3"),
            shown(BlackBox, "held::the_last_object_is_held_until_an_empty_set_is_allowed", "I3 I4"),
        ],
        "",
    ),
    row(
        "F23",
        "a forced push",
        "L1 I4",
        &[
            shown(BlackBox, "references::a_forced_push_is_followed_and_said", "L1"),
            shown(
                World,
                "deploy::a_branch_that_is_reset_to_what_runs_after_a_broken_commit_needs_nothing",
                "L1",
            ),
        ],
        "",
    ),
    row(
        "F24",
        "the folder, its kustomization or a file is missing",
        "I3",
        &[
            shown(BlackBox, "sources::a_missing_folder_is_named_and_takes_nothing_with_it", "I3"),
            shown(
                BlackBox,
                "sources::a_missing_file_is_named_with_the_nearest_that_there_is",
                "I3",
            ),
            shown(
                BlackBox,
                "broken::a_folder_without_a_kustomization_file_is_told_what_to_write",
                "I3",
            ),
        ],
        "",
    ),
    row(
        "F25",
        "the commit renders nothing, or less than half of before",
        "I3 I4",
        &[
            shown(BlackBox, "held::an_empty_kustomization_file_deletes_nothing", "I3"),
            shown(
                BlackBox,
                "held::more_than_half_is_held_until_exactly_that_commit_is_confirmed",
                "I4",
            ),
            shown(World, "holds::a_hold_survives_a_restart", "I4 I7"),
            shown(World, "holds::an_empty_commit_is_held_and_what_runs_is_kept", "I3"),
        ],
        "",
    ),
    row(
        "F26",
        "a file is broken, the render fails",
        "I3 L3",
        &[
            shown(
                Faults,
                "objects::f26_a_commit_that_breaks_changes_nothing_and_holds_up_nobody",
                "I3 L3 O2 O7",
            ),
            shown(
                BlackBox,
                "broken::what_does_not_render_is_explained_with_file_line_and_column",
                "I3",
            ),
            shown(World, "holds::a_commit_that_cannot_be_rendered_changes_nothing", "I3"),
        ],
        "",
    ),
    row(
        "F27",
        "good, then broken, then without X, within seconds",
        "I2 O2",
        &[
            shown(
                BlackBox,
                "pruning::what_left_git_by_way_of_a_broken_commit_is_pruned_exactly_once",
                "I2 O2",
            ),
            shown(World, "holds::after_a_broken_commit_a_good_one_prunes_once", "I2 O2"),
        ],
        "",
    ),
    row(
        "F34",
        "a definition and its objects in one commit; a kind that never comes",
        "L1 L3",
        &[
            shown(Faults, "kinds::f34_a_definition_and_its_objects_in_one_commit", "L1 O4 O7"),
            shown(Faults, "kinds::f34_a_kind_that_never_comes_holds_up_nothing_else", "L1 L3 R1"),
            shown(World, "kinds::nothing_is_pruned_while_a_kind_is_waited_for", "I2"),
        ],
        "",
    ),
    row(
        "F35",
        "somebody's finalizer on an object of ours",
        "L1",
        &[
            shown(
                Faults,
                "endings::f35_an_object_with_somebodys_finalizer_is_waited_for",
                "L1 O2 O4",
            ),
            shown(
                Faults,
                "endings::f35_an_object_of_git_that_cannot_go_and_come_back_is_named_in_time",
                "L1 T1 O4",
            ),
            shown(World, "drift::an_object_that_is_slow_to_go_is_waited_for", "L1"),
        ],
        "a Namespace that is terminating for ever",
    ),
    row(
        "F36",
        "admission denies one of many, denies a deletion; a deletion hangs",
        "I2 L3",
        &[
            shown(Faults, "endings::f36_admission_denies_one_of_many", "I2 L3"),
            shown(
                Faults,
                "endings::f36_a_denied_deletion_is_named_tried_again_and_holds_up_no_other",
                "L1 L3",
            ),
            shown(Faults, "endings::f36_a_deletion_that_hangs_holds_up_no_other", "L3"),
            shown(World, "prune::a_denied_deletion_is_tried_again_and_not_forgotten", "L1"),
        ],
        "",
    ),
    row(
        "F37",
        "somebody rewrites one of our fields for ever",
        "L2",
        &[
            shown(World, "drift::a_fight_over_a_field_slows_down_and_heals_when_it_ends", "L1 L2"),
            shown(World, "drift::a_fight_slows_down_also_while_another_object_is_refused", "L2"),
        ],
        "manager and field in the message",
    ),
    row(
        "F38",
        "an immutable field changes",
        "L1",
        &[shown(BlackBox, "broken::an_invalid_object_is_named_and_the_others_are_applied", "L3")],
        "recreation by consent",
    ),
    row(
        "F39",
        "the version of an object changes",
        "I1 O2",
        &[shown(
            Faults,
            "kinds::f39_another_version_of_the_same_object_is_the_same_object",
            "I1 O2 O4",
        )],
        "another group",
    ),
    row("F40", "an autoscaler owns the replicas", "I9", &[], "comes with autoscaled workloads"),
    row(
        "F41",
        "edits by hand of our fields and of others'",
        "I9 L1",
        &[
            shown(BlackBox, "drift::every_way_to_take_a_field_away_is_undone", "L1"),
            shown(BlackBox, "drift::fields_that_are_not_in_git_belong_to_others", "I9"),
            shown(BlackBox, "pruning::a_field_that_leaves_git_leaves_the_object", "L1"),
        ],
        "",
    ),
    row(
        "F42",
        "a port under the same name, doubled keys, UDP and TCP on one port",
        "L1 L2",
        &[
            shown(
                Faults,
                "objects::f42_a_doubled_key_is_taken_or_is_one_named_error_that_is_not_tried_for_ever",
                "L3 R1",
            ),
            shown(
                Faults,
                "objects::f42_lists_whose_keys_are_defaulted_are_taken_and_then_left_alone",
                "L1 L2 O4",
            ),
        ],
        "",
    ),
    row(
        "F43",
        "managedFields stripped; big objects; many objects",
        "L1 R1",
        &[
            shown(
                Faults,
                "objects::f43_an_object_without_its_managed_fields_is_made_ours_again",
                "L1",
            ),
            shown(
                Faults,
                "objects::f43_a_big_object_is_deployed_and_one_that_is_too_big_is_named",
                "L3 R1",
            ),
            shown(Faults, "objects::f43_many_objects_in_one_app", "L2 O4"),
        ],
        "",
    ),
    row(
        "F44",
        "an object moves from one app to another, in any order, one of them broken",
        "I1 I6",
        &[
            shown(Faults, "owners::f44_a_hand_over_while_the_new_owner_cannot_apply", "I1 I6"),
            shown(Faults, "owners::f44_a_hand_over_to_an_app_that_is_broken_by_then", "I1 I6"),
            shown(
                BlackBox,
                "ownership::an_object_that_the_first_app_gives_up_goes_to_the_second_without_a_delete",
                "I6",
            ),
            shown(World, "hand_over::the_new_owner_comes_first", "I6"),
            shown(World, "hand_over::one_push_to_a_repository_of_both", "I6"),
            shown(
                World,
                "hand_over::the_new_owner_is_denied_and_there_is_a_restart_while_its_git_is_down",
                "I1 I6 I7",
            ),
        ],
        "",
    ),
    row(
        "F45",
        "two apps declare the same object",
        "I6 L3",
        &[
            shown(
                BlackBox,
                "ownership::the_second_app_that_renders_an_object_is_refused_with_the_name_of_the_first",
                "I6",
            ),
            shown(Faults, "owners::f45_a_claim_that_cannot_be_stored_holds_up_nobody_else", "L3"),
            shown(World, "claims::the_claim_stays_with_the_first_over_a_restart", "I6 I7"),
        ],
        "",
    ),
    row(
        "F46",
        "a KargoApp deleted with git down, with its namespace, with its kinds",
        "L4",
        &[
            shown(
                Faults,
                "endings::f46_an_app_with_deletion_policy_delete_goes_while_git_is_down",
                "L4 O3",
            ),
            shown(Faults, "endings::f46_an_app_goes_with_its_namespace", "L4 O4"),
            shown(World, "deletion::it_ends_although_a_deletion_is_denied_for_ever", "L4"),
            shown(BlackBox, "deletion::without_a_controller_a_kargo_app_can_be_deleted_too", "L4"),
        ],
        "a definition that is gone; a ServiceAccount that is gone",
    ),
    row(
        "F47",
        "deleted and recreated at once",
        "I1",
        &[
            shown(Faults, "endings::f47_deleted_and_recreated_at_once_the_objects_stay", "I1 O4"),
            shown(BlackBox, "deletion::an_app_that_is_made_again_takes_its_objects_back", "I1"),
            shown(
                World,
                "deletion::an_app_that_is_deleted_and_created_again_takes_its_objects_back",
                "I1",
            ),
        ],
        "",
    ),
    row(
        "F48",
        "our own objects deleted; Kargo uninstalled",
        "I7 L4",
        &[
            shown(Faults, "endings::f48_kargos_own_namespace_goes_and_comes_back", "I7 O3"),
            shown(Chart, "lifecycle::workloads_outlive_an_upgrade_and_an_uninstall", "L4"),
        ],
        "the CustomResourceDefinition deleted under a running process",
    ),
    row(
        "F49",
        "operators copy our labels to their children",
        "I2",
        &[
            shown(
                BlackBox,
                "ownership::an_object_with_our_labels_that_we_did_not_apply_is_left_alone",
                "I2",
            ),
            shown(Faults, "owners::f49_f60_marks_that_were_forged_or_broken_delete_nothing", "I2"),
            shown(World, "prune::copied_marks_do_not_make_an_object_ours", "I2"),
        ],
        "",
    ),
    row(
        "F50",
        "the leader stopped for a minute, cut off, its Lease deleted",
        "I8",
        &[
            shown(
                BlackBox,
                "leases::a_leader_that_slept_longer_than_its_lease_writes_nothing_afterwards",
                "I8",
            ),
            shown(BlackBox, "leases::a_lease_that_is_deleted_stays_with_its_holder", "I8"),
            shown(BlackBox, "leases::a_lease_that_somebody_takes_is_respected", "I8"),
        ],
        "a leader that is cut off behind the proxy",
    ),
    row(
        "F51",
        "git or rendering starves the runtime",
        "I8",
        &[],
        "git or a render that takes all threads",
    ),
    row(
        "F52",
        "poison in live objects",
        "L3 R1",
        &[shown(Faults, "objects::f52_poison_in_live_objects_hurts_nobody", "I9 L3 O3 O4 O7")],
        "1 MB of status",
    ),
    row(
        "F53",
        "quota, pod security, a missing ServiceAccount",
        "L1 L3",
        &[shown(Faults, "objects::f53_a_quota_that_is_used_up_is_named_and_heals", "L1 L3")],
        "pod security",
    ),
    row(
        "F55",
        "the cache folder is of no use for a while",
        "L1",
        &[
            shown(
                Faults,
                "away::f55_a_cache_that_is_away_for_a_while_is_named_and_used_again",
                "L1 O7",
            ),
            shown(Git, "cache::a_damaged_cache_is_fetched_anew", "L1"),
        ],
        "",
    ),
    row(
        "F56",
        "upgrade and downgrade of Kargo",
        "I1 O2",
        &[shown(Chart, "lifecycle::workloads_outlive_an_upgrade_and_an_uninstall", "I1")],
        "objects that an older Kargo has written",
    ),
    row(
        "F57",
        "the API server drops a version that git uses",
        "I1",
        &[
            shown(Faults, "kinds::f57_a_version_that_git_uses_is_not_served_any_more", "I1 L1"),
            shown(BlackBox, "upgrade::other_removed_versions_are_applied_in_the_served_one", "L1"),
        ],
        "",
    ),
    row(
        "F58",
        "a Namespace leaves git while objects in it stay",
        "I4",
        &[
            shown(Faults, "owners::f58_a_namespace_that_leaves_git_stays_with_what_is_in_it", "I4"),
            shown(
                BlackBox,
                "held::a_claim_and_a_namespace_are_kept_without_their_own_consent",
                "I4",
            ),
        ],
        "",
    ),
    row(
        "F59",
        "Kargo's own installation in a KargoApp",
        "I5",
        &[shown(
            Faults,
            "owners::f59_an_app_may_not_touch_the_installation_that_deploys_it",
            "I5 O4",
        )],
        "",
    ),
    row(
        "F60",
        "our labels, annotations and fields corrupted",
        "I2",
        &[
            shown(Faults, "owners::f49_f60_marks_that_were_forged_or_broken_delete_nothing", "I2"),
            shown(World, "prune::an_object_whose_marks_were_taken_off_by_hand_is_left_alone", "I2"),
        ],
        "a corrupted status",
    ),
    row(
        "F61",
        "a Job finishes and is deleted by its TTL",
        "L2",
        &[shown(BlackBox, "jobs::a_job_that_its_time_to_live_took_is_done", "L2")],
        "a bare Pod",
    ),
    row(
        "F62",
        "a backup restores our objects into another namespace",
        "I2",
        &[
            shown(
                BlackBox,
                "ownership::a_copy_with_all_its_metadata_in_another_namespace_is_never_pruned",
                "I2",
            ),
            shown(World, "prune::a_backup_restored_into_another_namespace_is_not_ours", "I2"),
        ],
        "",
    ),
    row(
        "F63",
        "mutating admission changes a field of ours",
        "L2",
        &[shown(
            World,
            "refusals::an_object_that_is_stored_without_our_marks_is_a_failure_with_a_name",
            "L2",
        )],
        "comes with changes by admission",
    ),
    row(
        "F64",
        "two apps, a restart, the git of the one that wants it down, the other one drops it",
        "I1",
        &[
            shown(
                Faults,
                "owners::f64_a_restart_while_the_git_of_the_one_that_wants_it_is_down",
                "I1 I6",
            ),
            shown(
                World,
                "hand_over::a_refused_claim_protects_the_object_over_a_restart",
                "I1 I6 I7",
            ),
        ],
        "",
    ),
];

const fn row(
    fault: &'static str,
    what: &'static str,
    holds: &'static str,
    tests: &'static [Shown],
    open: &'static str,
) -> Row {
    Row { fault, what, holds, tests, open }
}

const fn shown(target: Target, test: &'static str, holds: &'static str) -> Shown {
    Shown { target, test, holds }
}

/// The text of `docs/faults.md`.
pub fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str("| | must hold |\n|---|---|\n");
    for (name, rule) in RULES {
        let _ = writeln!(text, "| {name} | {rule} |");
    }
    text.push_str(
        "\n## The faults\n\n| | what goes wrong | must hold | shown by |\n|---|---|---|---|\n",
    );
    for row in MATRIX {
        let mut cells: Vec<String> = row
            .tests
            .iter()
            .map(|shown| {
                let (module, name) = shown.test.split_once("::").unwrap_or(("", shown.test));
                let file = format!("{}/{module}.rs", shown.target.folder());
                format!("[{}](../{file}): {}", name.replace('_', " "), shown.holds)
            })
            .collect();
        if !row.open.is_empty() {
            cells.push(format!("*not shown yet: {}*", row.open));
        }
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.fault,
            row.what,
            row.holds,
            cells.join("<br>")
        );
    }
    text
}

const INTRODUCTION: &str = "# Faults

What goes wrong around Kargo, what must hold all the same, and which test shows it. This page is made from
`tests/src/faults/matrix.rs`; after a change of that file: `UPDATE_DOCS=1 cargo test -p kargo-tests --lib matrix`.

    cargo xtask faults                 # everything on this page, and a table at the end
    cargo xtask faults --only F13      # the tests of one fault

`cargo xtask test` runs all of it too, but for the two sweeps (F3, F13), of which it runs a sample: they repeat
a workload once for each write that it makes, with a fault at exactly that write, and compare.

Tests in `tests/faults` put a proxy between the binary and a real API server; those in `tests/blackbox` use both
as they are; those in `kargo-core/tests/world` run the pure heart in a simulated world.

## The rules

";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::folders::workspace;

    #[test]
    fn the_page_says_what_the_matrix_says() {
        let path = workspace().join("docs/faults.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, page()).expect("docs/faults.md can be written");
        }
        let found = fs::read_to_string(&path).expect("docs/faults.md can be read");
        assert!(
            found == page(),
            "docs/faults.md is not made from the matrix; run: UPDATE_DOCS=1 cargo test -p kargo-tests --lib matrix"
        );
    }

    #[test]
    fn every_test_of_the_matrix_is_there_and_every_rule_has_a_name() {
        let rules: BTreeSet<&str> = RULES.iter().map(|(name, _)| *name).collect();
        for row in MATRIX {
            assert!(
                !row.tests.is_empty() || !row.open.is_empty(),
                "{} has neither a test nor a word on what is missing",
                row.fault
            );
            for name in row.holds.split(' ') {
                assert!(rules.contains(name), "{}: no rule is called {name}", row.fault);
            }
            for shown in row.tests {
                let (module, name) = shown.test.split_once("::").expect("module::name");
                let file = workspace().join(shown.target.folder()).join(format!("{module}.rs"));
                let text = fs::read_to_string(&file).expect("the file of a test can be read");
                assert!(
                    text.contains(&format!("fn {name}(")),
                    "{}: there is no {} in {}",
                    row.fault,
                    shown.test,
                    file.display()
                );
                for name in shown.holds.split(' ') {
                    assert!(rules.contains(name), "{}: no rule is called {name}", shown.test);
                }
            }
        }
    }

    #[test]
    fn every_test_with_a_number_is_in_the_row_of_that_number() {
        for entry in fs::read_dir(workspace().join(Faults.folder())).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            let module = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let text = fs::read_to_string(&path).expect("a source file can be read");
            let names = text.lines().filter_map(|line| {
                line.strip_prefix("async fn f").and_then(|rest| rest.split('(').next())
            });
            for name in names {
                let Some((number, _)) = name.split_once('_') else { continue };
                if number.parse::<u32>().is_err() {
                    continue;
                }
                let (fault, test) = (format!("F{number}"), format!("{module}::f{name}"));
                let row = MATRIX.iter().find(|row| row.fault == fault);
                let is_there =
                    row.is_some_and(|row| row.tests.iter().any(|shown| shown.test == test));
                assert!(is_there, "{test} is not in the row of {fault}");
            }
        }
    }
}
