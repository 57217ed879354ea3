//! The sync phase on H2, and as it stands in for others. On H2 the scripts are its own and executed; for the others
//! the log tables are the scripts' own, their triggers ones in Java that note the same
//! (`tests/support/java/NoteChange.java`).

macro_rules! also {
    ($($topic:ident::$name:ident),+ $(,)?) => {
        $(#[test] fn $name() { crate::sync::$topic::$name(crate::support::Engine::H2); })+
    };
}

also!(flow::a_row_that_changed_ten_times_is_carried_over_once, steps::triggers_come_and_go_without_a_trace);

mod slow {
    also!(
        absent::a_parent_that_is_gone_is_evidence_only_where_no_trigger_fires,
        absent::a_row_that_is_not_found_is_no_deleted_one,
        absent::an_entry_of_a_child_waits_for_what_became_of_its_parent,
        absent::an_old_table_that_lost_its_rows_ends_it,
        absent::revocation_wins_on_both_sides,
        absent::what_goes_with_its_application_is_of_no_use_either,
        copies::tables_of_other_schemas,
        exact::columns_that_take_less_are_refused_first,
        flow::a_crash_anywhere_loses_and_doubles_nothing,
        flow::a_token_of_an_unknown_application_is_held_and_holds_up_nothing,
        flow::a_value_that_does_not_open_waits_and_the_rest_goes_on,
        flow::an_inactive_token_never_becomes_active,
        flow::deletes_that_no_trigger_sees_are_found,
        flow::it_runs_until_it_is_stopped_and_one_at_a_time,
        flow::names_that_differ_in_case_alone,
        flow::tokens_that_swap_what_is_unique_are_put_right,
        flow::what_the_new_server_has_made_its_own_is_left_alone,
        gap::what_changed_between_the_copy_and_its_triggers_is_carried_over,
        gap::what_the_comparison_cannot_carry_over_waits,
        pause::a_row_that_is_held,
        steps::tables_can_be_left_out,
        together::a_row_that_never_rests_ends_as_it_is,
        together::nothing_is_lost_when_it_is_killed_again_and_again,
        together::nothing_is_lost_while_both_servers_work,
        together::what_waited_before_the_rotation_is_carried_over,
        triggers::a_trigger_that_goes_while_sync_is_at_work_ends_it,
        triggers::a_trigger_that_is_missing_is_named,
        whose::a_confirmation_from_a_host_whose_clock_is_behind_counts,
        whose::a_lost_journal_does_not_make_the_new_servers_rows_ours,
        whose::what_the_new_server_has_deleted_does_not_come_back_by_an_entry,
    );
}
