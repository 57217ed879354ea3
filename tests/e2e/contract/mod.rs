//! The contract: what every driver must do. CI runs it on SQLite, MySQL and PostgreSQL, and on MariaDB and by way of JDBC in
//! part. Each case is a function of `portable`.

macro_rules! contract {
    ($($topic:ident: $($case:ident)+;)+) => {
        $(mod $topic {
            $(#[test] fn $case() { crate::portable::$topic::$case(); })+
        })+
    };
}

contract! {
    copies:
        a_restored_database_under_an_unfinished_journal_is_refused;
    control:
        a_rotation_pauses_goes_on_changes_its_pace_and_stops;
    failures:
        put_right_they_are_rotated_when_tried_again
        they_fail_alone_and_are_named;
    indexes:
        an_abandoned_rotation_gives_them_back
        small_tables_keep_them_and_so_does_whoever_wants_it
        they_are_made_again_exactly_as_they_were_wherever_it_ended
        those_that_were_made_by_hand_stay_for_whoever_asks_for_that
        verify_names_one_that_is_gone_since
        what_stands_in_the_way_of_one_is_named_and_the_rest_is_safe;
    kill:
        killed_at_random_moments_each_row_and_file_is_changed_once;
    meddling:
        between_death_and_resumption
        between_reading_and_writing;
    nothing:
        a_small_table_under_a_third_key_stops_a_rotation
        keys_the_wrong_way_round_are_no_rotation_that_is_done
        values_under_the_new_key_without_its_id_are_sealed_again;
    plan:
        a_rehearsal_tells_how_long_and_changes_nothing
        the_disk_that_it_takes_grows_with_the_table;
    points:
        after_a_commit;
    refusals:
        an_old_key_that_opens_nothing_is_refused;
    signals:
        sigterm_lets_the_chunk_in_flight_end;
    smoke:
        a_rotation_moves_every_value_and_nothing_else;
    status:
        status_has_every_member_in_every_state;
    tables:
        a_null_or_plain_refresh_token_does_not_stop_the_access_token
        identity_and_registry_in_one_database_are_rotated_once;
    values:
        an_ambiguous_value_stops_a_rotation_before_anything_is_written
        an_upgrade_turns_ecb_and_cbc_into_gcm
        each_value_keeps_its_transformation
        the_hash_column_decides_what_opens_under_both_keys;
    verify:
        a_sample_says_what_it_did_not_check
        all_is_the_same_after_a_rotation_and_nothing_is_changed_by_looking
        an_unfinished_rotation_is_said_to_be_unfinished
        changed_is_another_ciphertext_of_the_recorded_plaintext
        failed_is_what_was_recorded_as_failed_and_is_still_so;
}
