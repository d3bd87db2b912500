"""All cases in the order of SEMANTICS §10; their number is their place."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.cases import beyond, binding, chains, copies, shapes, workloads
from benchmarks.cases.scene import Scene

Play = Callable[[Scene], None]

CASES: tuple[Play, ...] = (
    binding.case_01_a_key_is_used,
    binding.case_02_twins_of_an_instance,
    binding.case_03_a_response_without_the_user,
    binding.case_04_a_role_is_switched_to_in_the_console,
    binding.case_05_many_keys_of_one_sign_in,
    binding.case_06_a_console_without_its_sign_in,
    binding.case_07_a_person_of_identity_center,
    binding.case_08_two_people_in_the_same_seconds,
    binding.case_09_forward_access_of_a_user,
    binding.case_10_forward_access_of_a_role,
    binding.case_11_a_service_linked_role,
    binding.case_12_two_callers_in_one_second,
    copies.case_13_both_copies,
    copies.case_14_a_caller_from_outside,
    copies.case_15_the_owners_copy_of_a_known_caller,
    copies.case_16_a_callers_copy_comes_late,
    copies.case_17_the_same_event_in_two_trails,
    copies.case_18_an_addendum_brings_the_response,
    copies.case_19_a_role_is_refused,
    chains.case_20_a_chain_through_three_accounts,
    chains.case_21_a_role_takes_itself,
    chains.case_22_two_roles_take_each_other,
    chains.case_23_an_issuance_comes_after_its_use,
    chains.case_24_older_than_the_logs,
    chains.case_25_a_session_token_of_36_hours,
    chains.case_26_a_federation_token_in_the_console,
    chains.case_27_a_login_on_the_command_line,
    chains.case_28_the_root_of_a_member,
    chains.case_29_a_key_comes_again,
    workloads.case_30_an_instances_own_identity,
    workloads.case_31_a_role_below_a_path,
    workloads.case_32_a_role_is_made_anew,
    workloads.case_33_a_pod_has_an_identity,
    workloads.case_34_a_subject_with_colons,
    workloads.case_35_a_user_plays_an_instance,
    workloads.case_36_a_role_by_cognito,
    workloads.case_37_identity_center_changes_its_type,
    shapes.case_38_records_of_many_versions,
    shapes.case_39_two_issuances_a_second_apart,
    shapes.case_40_what_issues_nothing,
    shapes.case_41_logging_was_stopped,
    shapes.case_42_delivered_in_any_order,
    beyond.case_43_other_workloads,
    beyond.case_44_claims,
    beyond.case_45_logs_that_lie,
)
NUMBERED = tuple(enumerate(CASES, start=1))
