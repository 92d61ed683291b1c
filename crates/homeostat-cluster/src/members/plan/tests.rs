use super::*;

/// Members and hosts from one line: `a:z1 b:z2* c:z1-` are voters in zones; `*` a learner, `+` one that was added, `?` a
/// fit host that is none, `%` one that rests, `-` a member that is gone, `^` one that is to be let go and answers, `~` one that
/// is away, `!` one that is there and does not answer, `!!` one that has not for longer than it may.
fn view(wanted: usize, text: &str) -> View {
    let mut view = View { wanted, ..View::default() };
    for (at, word) in text.split(' ').enumerate() {
        let (host, rest) = word.split_once(':').unwrap();
        let mark = rest.trim_start_matches(char::is_alphanumeric);
        let zone = rest[..rest.len() - mark.len()].to_owned();
        let fitness = match mark {
            "-" | "^" => Fitness::Gone,
            "~" => Fitness::Away,
            "%" => Fitness::Resting,
            _ => Fitness::Fit,
        };
        view.hosts.insert(host.into(), HostSeen { zone, fitness, is_unable: false });
        let standing = match mark {
            "?" | "%" => continue,
            "*" => Standing::Learner,
            "+" => Standing::Added,
            _ => Standing::Voter,
        };
        let answers = !matches!(mark, "-" | "~" | "!" | "!!");
        view.members.push(MemberSeen {
            id: at as u64,
            host: Some(host.into()),
            standing,
            answers,
            is_silent: mark == "!!",
        });
    }
    view
}

fn add(host: &str) -> Next {
    Next::Take(Step::Add { host: host.into() })
}

fn remove(id: u64) -> Next {
    Next::Take(Step::Remove { id })
}

#[track_caller]
fn check(wanted: usize, text: &str, expect: &Next) {
    assert_eq!(next(&view(wanted, text)), *expect, "{text}");
}

#[test]
fn it_grows_to_the_wanted_size_and_stays_odd() {
    check(5, "a:z b:z? c:z?", &add("b"));
    check(5, "a:z b:z* c:z?", &Next::Take(Step::Promote { id: 1 }));
    check(5, "a:z b:z c:z?", &add("c"));
    check(5, "a:z b:z c:z d:z?", &Next::Settled);
    check(5, "a:z b:z?", &Next::Settled);
    check(4, "a:z b:z c:z d:z? e:z?", &Next::Settled);
    check(1, "a:z b:z c:z", &remove(2));
}

#[test]
fn the_only_member_hands_over_before_it_goes() {
    check(5, "a:z^ b:z?", &add("b"));
    check(5, "a:z^ b:z*", &Next::Take(Step::Promote { id: 1 }));
    check(5, "a:z^ b:z", &remove(0));
    check(5, "a:z^", &Next::Wait("too few members answer to remove one that is gone"));
    check(5, "a:z^ b:z c:z d:z?", &remove(0));
}

#[test]
fn members_spread_over_zones() {
    check(3, "a:x b:x? c:y?", &add("c"));
    check(3, "a:x b:x c:x d:y?", &add("d"));
    check(3, "a:x b:x c:x d:y", &remove(2));
    check(3, "a:x b:x c:y d:y?", &Next::Settled);
    check(3, "a:x b:x c:x! d:y?", &Next::Settled);
}

#[test]
fn one_that_is_gone_is_replaced_and_one_that_is_away_is_waited_for() {
    check(3, "a:z b:z c:z- d:z?", &remove(2));
    check(3, "a:z b:z d:z?", &add("d"));
    check(3, "a:z b:z c:z~ d:z?", &Next::Settled);
    check(5, "a:z b:z c:z d:z- e:z-", &remove(3));
}

#[test]
fn no_step_takes_the_quorum() {
    // It offers itself no longer, and its vote is needed.
    let mut leaving = view(3, "a:z b:z! c:z d:z?");
    leaving.hosts.remove("c");
    assert_eq!(next(&leaving), Next::Wait("too few members answer to remove one that is gone"));
    for text in ["a:z b:z~ c:z~", "a:z b:z! c:z! d:z*", "a:z-", "a:z b:z- c:z?"] {
        check(1, text, &Next::Wait("too few members answer for any change"));
    }
}

#[test]
fn a_learner_that_does_not_get_on_makes_room() {
    check(3, "a:z b:z+ c:z?", &Next::Wait("the new member has not started yet"));
    check(3, "a:z b:z c:z-", &remove(2));
    let mut late = view(3, "a:z b:z+ c:z?");
    late.learner_is_late = true;
    assert_eq!(next(&late), remove(1));
    check(1, "a:z b:z*", &remove(1));
    let mut unknown = view(3, "a:z b:z* c:z?");
    unknown.members[1].host = None;
    assert_eq!(next(&unknown), remove(1));
}

#[test]
fn a_host_that_rests_makes_the_members_neither_more_nor_fewer() {
    check(5, "a:z b:z c:z%", &Next::Settled);
    check(5, "a:z b:z? c:z%", &Next::Settled);
    check(5, "a:z b:z c:z d:z e:z%", &Next::Settled);
    check(3, "a:z b:z c:z d:z e:z%", &remove(3));
    check(5, "a:z b:z c:z% d:z?", &add("d"));
    check(5, "a:z b:z c:z% d:z*", &Next::Take(Step::Promote { id: 3 }));
}

#[test]
fn one_that_does_not_answer_for_long_is_replaced_though_its_host_is_there() {
    check(3, "a:z b:z c:z! d:z?", &Next::Settled);
    check(3, "a:z b:z c:z!! d:z?", &remove(2));
    check(5, "a:z b:z c:z!!", &remove(2));
    check(5, "a:z b:z c:z!! d:z!! e:z", &remove(2));
    let too_few = "too few members answer for any change";
    check(3, "a:z b:z!! c:z!! d:z?", &Next::Wait(too_few));
    check(3, "a:z b:z!!", &Next::Wait(too_few));
}

#[test]
fn a_host_that_was_given_a_place_and_did_not_get_on_rests() {
    let rests = |view: &View, id| rests_after(&Step::Remove { id }, view).cloned();
    // As a learner it cannot run, or is late. One that was only away is welcome when it is back.
    let mut learning = view(3, "a:z b:z*");
    assert_eq!(rests(&learning, 1), None, "it is only not wanted");
    learning.learner_is_late = true;
    assert_eq!(rests(&learning, 1), Some("b".into()));
    for fitness in [Fitness::Away, Fitness::Gone] {
        let mut failed = view(3, "a:z b:z+ c:z?");
        failed.hosts.get_mut("b").unwrap().fitness = fitness;
        assert_eq!((next(&failed), rests(&failed, 1)), (remove(1), None));
        failed.hosts.get_mut("b").unwrap().is_unable = true;
        assert_eq!((next(&failed), rests(&failed, 1)), (remove(1), Some("b".into())));
    }
    // As a voter it hangs. One that was away or lost its data is welcome when it is back.
    assert_eq!(rests(&view(3, "a:z b:z c:z!!"), 2), Some("c".into()));
    assert_eq!(rests(&view(3, "a:z b:z c:z-"), 2), None);
    assert_eq!(rests_after(&Step::Add { host: "b".into() }, &learning), None);
}

#[test]
fn what_was_begun_is_gone_on_with() {
    let mut begun = view(3, "a:x b:y? c:z?");
    assert_eq!(next(&begun), add("b"));
    begun.step = Some(Step::Add { host: "c".into() });
    assert_eq!(next(&begun), add("c"));
}
