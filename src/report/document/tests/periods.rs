//! What a report says of the lives of both keys.

use super::*;

#[test]
fn cryptoperiods_say_what_is_known_and_who_says_it() {
    let mut made = [Tale::finished(1, "aaaa-1111")];
    let (unknown, _) = document(&made, &[], Made::default());
    let periods = unknown.cryptoperiods;
    assert_eq!((periods.old_in_use_since, periods.old_days_in_use), (None, None));
    assert_eq!((periods.next_rotation_due.as_str(), periods.due_is_advice), ("2027-06-15", true));
    assert!(periods.due_by.contains("NIST SP 800-57"), "{}", periods.due_by);
    assert_eq!(periods.old_destroyed_at, None);

    let left = [
        step(START + 100_000, "old-server-stopped", ""),
        step(START + 200_000, "retire/old-key", "shredded"),
        step(START + 300_000, "undo:old-server-stopped", ""),
    ];
    let how = Made {
        key_in_use_since: Some("2025-06-05".into()),
        next_rotation_due: Some("2026-06-15".into()),
        ..Made::default()
    };
    let told = with_steps(&mut made, &left, how);
    let periods = told.cryptoperiods;
    assert_eq!((periods.old_days_in_use, periods.next_rotation_due.as_str()), (Some(10), "2026-06-15"));
    assert!(!periods.due_is_advice && periods.old_destroyed_at.is_some());
    assert_eq!(periods.old_server_stopped_at, None, "it was taken back");
    assert_eq!(told.rotations[0].reason.as_ref().map(|(word, _)| word.as_str()), Some("breach"));
}
