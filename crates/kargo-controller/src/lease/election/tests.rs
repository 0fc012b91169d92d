//! What a candidate does, as tables: what it was told, and what it does then. The lease lasts ten seconds.

use rstest::rstest;

use super::*;

const ME: &str = "me";

fn timing() -> Timing {
    Timing::of(Duration::from_secs(10)).expect("it is safe")
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn version(number: u32, transitions: i32) -> Version {
    Version { uid: "uid".to_owned(), resource_version: number.to_string(), transitions }
}

fn seen(holder: &str, number: u32) -> Answer {
    Answer::Found(Seen {
        holder: (!holder.is_empty()).then(|| holder.to_owned()),
        acquired: true,
        duration: at(10),
        version: version(number, 0),
    })
}

/// A candidate after these answers, each to what it did at that second, and given at once.
fn after(answers: &[(u64, Answer)]) -> Election {
    let mut election = Election::new(ME.to_owned(), timing());
    for (second, answer) in answers {
        let action = match (answer, election.next(at(*second))) {
            // As if the lease had just been released.
            (Answer::Stored(version), Action::Look) => Action::Take(version.clone()),
            (_, action) => action,
        };
        election.answered(&action, answer.clone(), at(*second), at(*second));
    }
    election
}

fn stored(number: u32) -> Answer {
    Answer::Stored(version(number, 1))
}

const ANEW: Action = Action::Create { first: false };

/// A lease that was made by hand, or anew by somebody who is gone.
fn blank() -> Answer {
    Answer::Found(Seen { holder: None, acquired: false, duration: at(0), version: version(1, 0) })
}

#[rstest]
#[case::knows_nothing(&[], 0, Action::Look)]
#[case::a_released_lease_is_taken_at_once(&[(0, seen("", 1))], 0, Action::Take(version(1, 0)))]
#[case::the_one_of_a_former_self_too(&[(0, seen(ME, 1))], 0, Action::Take(version(1, 0)))]
#[case::one_of_somebody_else_is_looked_at(&[(0, seen("you", 1))], 1, Action::Look)]
#[case::and_not_taken_before_its_time(&[(0, seen("you", 1)), (9, seen("you", 1))], 9, Action::Rest(at(10)))]
#[case::but_then(&[(0, seen("you", 1)), (10, seen("you", 1))], 10, Action::Take(version(1, 0)))]
#[case::a_renewed_one_begins_anew(&[(0, seen("you", 1)), (10, seen("you", 2))], 10, Action::Rest(at(11)))]
#[case::a_holder_renews(&[(0, stored(5))], 1, Action::Renew(version(5, 1)))]
#[case::and_rests_before(&[(0, stored(5))], 0, Action::Rest(at(1)))]
#[case::and_tries_again(&[(0, stored(5)), (1, Answer::Failed)], 2, Action::Renew(version(5, 1)))]
#[case::and_looks_when_it_changed(&[(0, stored(5)), (1, Answer::Conflict)], 1, Action::Look)]
#[case::and_makes_it_anew_when_it_was_deleted(&[(0, stored(5)), (1, Answer::Absent)], 1, ANEW)]
#[case::and_acquires_that_next(&[(0, stored(5)), (1, Answer::Absent), (1, stored(6))], 2, Action::Begin(version(6, 1)))]
#[case::one_of_somebody_else_that_was_deleted_is_made_anew(&[(0, Answer::Absent)], 0, ANEW)]
#[case::and_renewed_while_it_ages(&[(0, Answer::Absent), (0, stored(5))], 1, Action::Renew(version(5, 1)))]
#[case::and_acquired_then(&[(0, Answer::Absent), (0, stored(5)), (9, stored(6))], 10, Action::Begin(version(6, 1)))]
#[case::one_that_nobody_acquired_is_waited_for(&[(0, blank())], 1, Action::Look)]
#[case::as_if_it_were_held(&[(0, blank()), (10, blank())], 10, Action::Take(version(1, 0)))]
#[case::the_first_of_all_is_made_at_once(&[(0, Answer::NeverThere)], 0, Action::Create { first: true })]
#[case::who_is_late_to_create_looks(&[(0, Answer::NeverThere), (0, Answer::Conflict)], 0, Action::Look)]
fn what_it_does(#[case] answers: &[(u64, Answer)], #[case] now: u64, #[case] expected: Action) {
    assert_eq!(after(answers).next(at(now)), expected);
}

/// Its own lease with another version: a renewal whose answer was lost, or an edit by a person.
fn mine(number: u32, transitions: i32) -> Answer {
    Answer::Found(Seen {
        holder: Some(ME.to_owned()),
        acquired: true,
        duration: at(10),
        version: version(number, transitions),
    })
}

#[rstest]
#[case::nobody(&[], Holding::No)]
#[case::of_somebody_else(&[(0, seen("you", 1))], Holding::No)]
#[case::taken(&[(0, stored(5))], Holding::Yes { term: 1, until: at(4) })]
#[case::renewed(&[(0, stored(5)), (3, stored(6))], Holding::Yes { term: 1, until: at(7) })]
#[case::a_failure_changes_nothing(&[(0, stored(5)), (3, Answer::Failed)], Holding::Yes { term: 1, until: at(4) })]
#[case::taken_by_somebody(&[(0, stored(5)), (1, Answer::Conflict), (1, seen("you", 7))], Holding::No)]
#[case::released_by_somebody(&[(0, stored(5)), (1, Answer::Conflict), (1, seen("", 7))], Holding::No)]
#[case::touched_by_somebody(&[(0, stored(5)), (1, Answer::Conflict), (1, mine(7, 1))], Holding::Yes { term: 1, until: at(4) })]
#[case::the_same_lease_after_its_time_goes_on(&[(0, stored(5)), (20, stored(6))], Holding::Yes { term: 1, until: at(24) })]
#[case::another_change_of_holder_ends_a_term(&[(0, stored(5)), (20, Answer::Conflict), (20, mine(9, 3))], Holding::No)]
#[case::a_second_term(&[(0, stored(5)), (20, seen("you", 7)), (40, stored(8))], Holding::Yes { term: 2, until: at(44) })]
#[case::deleted_after_its_time(&[(0, stored(5)), (6, Answer::Absent)], Holding::No)]
#[case::deleted_and_made_anew(&[(0, stored(5)), (1, Answer::Absent), (2, stored(6))], Holding::Yes { term: 1, until: at(6) })]
#[case::made_anew_it_ages(&[(0, Answer::Absent), (0, stored(5)), (9, stored(6))], Holding::No)]
#[case::and_is_acquired_then(&[(0, Answer::Absent), (0, stored(5)), (9, stored(6)), (10, stored(7))], Holding::Yes { term: 1, until: at(14) })]
#[case::the_first_of_all(&[(0, Answer::NeverThere), (0, stored(5))], Holding::Yes { term: 1, until: at(4) })]
fn whether_it_may_write(#[case] answers: &[(u64, Answer)], #[case] expected: Holding) {
    assert_eq!(after(answers).holding(), expected);
}

#[test]
fn the_holder_counts_from_before_the_call_and_others_from_after_it() {
    let mut holder = Election::new(ME.to_owned(), timing());
    holder.answered(&Action::Take(version(4, 0)), stored(5), at(0), at(3));
    assert_eq!(holder.holding(), Holding::Yes { term: 1, until: at(4) });
    let mut other = Election::new(ME.to_owned(), timing());
    other.answered(&Action::Look, seen("you", 1), at(0), at(3));
    other.answered(&Action::Look, seen("you", 1), at(11), at(12));
    assert_eq!(other.next(at(12)), Action::Rest(at(13)));
}

#[test]
fn a_longer_promise_of_the_holder_is_kept() {
    let long = Answer::Found(Seen {
        holder: Some("you".to_owned()),
        acquired: true,
        duration: at(60),
        version: version(1, 0),
    });
    let election = after(&[(0, long.clone()), (59, long)]);
    assert_eq!(election.next(at(59)), Action::Rest(at(60)));
}
