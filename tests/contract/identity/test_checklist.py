"""The conformance checklist of identity (contract: identity 22), row by row: where each is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
HERE, BEARER = "contract/identity", "unit/identity/test_bearer.py"

CHECKLIST = {
    "1 token endpoint": (
        f"{HERE}/test_tokens.py::test_the_bootstrap_client_gets_a_token_as_the_contract_says",
        f"{HERE}/test_tokens.py::test_bad_credentials_get_the_same_bytes",
        "unit/identity/test_token_endpoint.py::test_parameters_may_stand_in_the_query_and_a_scope_is_ignored",
    ),
    "2 bearer tokens": (
        "unit/identity/test_keys.py::test_a_key_is_read_in_every_form_with_the_same_id",
        f"{BEARER}::test_an_externally_minted_token_is_accepted",
        f"{HERE}/test_tokens.py::test_whatever_is_wrong_with_a_token_http_and_grpc_say_the_same",
        f"{HERE}/test_token_edges.py::test_clocks_may_differ_by_thirty_seconds_and_no_more",
    ),
    "3 kinds": (
        f"{BEARER}::test_kind_follows_the_presence_of_the_lists",
        f"{BEARER}::test_a_null_list_of_user_roles_still_means_a_user",
    ),
    "4 key rotation": (
        f"{HERE}/test_keypairs.py::test_a_new_pair_signs_from_then_on_and_old_tokens_stay_valid",
        (
            f"{HERE}/test_keypairs.py::"
            "test_rotation_with_grace_publishes_the_old_pair_until_it_ends_and_refuses_its_tokens_at_once"
        ),
        f"{HERE}/test_keypairs.py::test_invalidating_and_reactivating",
    ),
    "5 trusted keys": (
        f"{HERE}/test_trusted_keys.py::test_the_order_of_refusals",
        f"{HERE}/test_trusted_keys.py::test_the_wall_between_tenants",
        f"{HERE}/test_trusted_keys.py::test_a_tenant_has_so_many_active_keys_and_no_more",
        f"{HERE}/test_trusted_keys.py::test_every_refused_registration_has_its_words",
        f"{HERE}/test_exchange.py::test_all_twelve_checks_in_order",
    ),
    "6 clients": (
        f"{HERE}/test_clients.py::test_a_new_client_gets_tokens_of_its_own",
        f"{HERE}/test_clients.py::test_the_list_shows_the_tenants_clients_and_the_bootstrap_client",
        f"{HERE}/test_clients.py::test_the_old_secret_dies_at_once_and_roles_stay",
        f"{HERE}/test_clients.py::test_another_tenants_client_is_as_unknown_as_any",
        f"{HERE}/test_clients.py::test_the_admin_role_is_granted_where_the_installation_allows_it",
    ),
    "7 OIDC providers": (
        "unit/identity/oidc/test_addresses.py::test_an_address_that_is_no_public_host_is_blocked",
        "unit/identity/oidc/test_destinations.py::test_a_uri_of_the_wrong_form_is_refused",
        f"{HERE}/test_oidc_providers.py::test_a_uri_is_registered_once_a_tenant_until_it_is_deleted",
        (
            f"{HERE}/test_oidc_providers.py::"
            "test_each_check_of_a_registration_refuses_in_its_words_and_nothing_is_fetched_or_kept"
        ),
        f"{HERE}/test_oidc_providers.py::test_a_change_keeps_clears_or_replaces_each_setting_and_fetches_anew",
        f"{HERE}/test_oidc_providers.py::test_an_invalidated_provider_cannot_be_changed_until_it_is_reactivated",
        "unit/identity/oidc/test_judging.py::test_roles_come_as_a_text_an_array_or_the_names_of_an_object",
        f"{HERE}/test_oidc_tokens.py::test_a_token_from_before_the_registration_is_refused_also_after_registering_anew",
        f"{HERE}/test_oidc_tokens.py::test_the_same_provider_in_two_tenants_is_split_by_audience",
        (
            "unit/identity/oidc/test_judging.py::"
            "test_a_valid_token_speaks_for_a_person_of_the_providers_tenant_whatever_else_it_claims"
        ),
    ),
    "8 who may": (
        f"{HERE}/test_endpoint_table.py::test_every_endpoint_of_identity_has_a_row",
        f"{HERE}/test_endpoint_table.py::test_a_role_is_let_in_where_the_table_says_so",
    ),
    "9 isolation": (
        f"{HERE}/test_identity_walls.py::test_what_another_tenant_owns_is_as_absent_as_what_nobody_owns",
        (
            "contract/http/test_tenant_walls.py::"
            "test_a_stranger_gets_the_bytes_of_a_world_without_the_owner_and_changes_nothing"
        ),
        (
            "contract/grpc/test_tenant_walls.py::"
            "test_a_stranger_gets_the_bytes_of_a_world_without_the_owner_and_changes_nothing"
        ),
    ),
    "10 CORS": (
        "unit/http/test_cors.py::test_loopback_origins_are_echoed_by_default",
        "unit/http/test_cors.py::test_other_origins_are_served_without_permission",
        "unit/http/test_cors.py::test_a_list_is_matched_exactly",
        "unit/http/test_cors.py::test_a_star_allows_everyone_with_a_star",
        "unit/http/test_cors.py::test_a_preflight_is_204_before_authentication",
        "unit/http/test_cors.py::test_vary_is_on_every_answer",
    ),
    "11 modes": (
        f"{HERE}/test_modes.py::test_mock_mode_manages_nothing",
        f"{HERE}/test_modes.py::test_in_mock_mode_roles_are_asked_for_first",
        f"{HERE}/test_modes.py::test_settings_that_would_surprise_stop_the_start",
    ),
}


@pytest.mark.parametrize("row", CHECKLIST)
def test_a_row_of_the_checklist_is_tested(row: str) -> None:
    for place in CHECKLIST[row]:
        file, _, name = place.partition("::")
        assert f"def {name}(" in (TESTS / file).read_text(), place


def test_every_row_is_there() -> None:
    assert [int(row.split()[0]) for row in CHECKLIST] == list(range(1, 12))
