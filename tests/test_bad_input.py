"""Each bad input that is known of and its tests, by name (``pytest -k NAME``); and that each of these is there and looks at the disk.

What is opened has its tests beside the reader and, where the file is hostile, in `test_bad_input_formats`, `_outside`, `_links`, `_sizes`
and `_records`; cards and recipes in `test_bad_input_weights`, classical removers in `test_bad_input_kk`, the window in
`test_plugin_bad_input`, edits of good inputs at random in `test_fuzz`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS: dict[str, tuple[str, ...]] = {
    # files of every format
    "a truncated file": ("test_half_a_file", "test_truncated_and_foreign_files"),
    "a truncated TIFF, which could be a shorter stack": ("test_a_truncated_file_is_never_a_shorter_stack",),
    "an empty file": ("test_an_empty_file",),
    "a foreign file": ("test_a_foreign_file", "test_any_other_xml_is_left_to_others"),
    "a missing file": ("test_missing_and_unknown",),
    "a file that is taken away, or becomes shorter, while it is open": (
        "test_a_file_taken_away_is_one_error",
        "test_a_raw_file_that_has_become_shorter_is_an_error_and_no_crash",
    ),
    "a wrong suffix": ("test_content_goes_before_the_suffix", "test_missing_and_unknown"),
    "damaged bytes": ("test_damaged_bytes_are_a_result_or_one_error", "test_edited_inputs_open_or_are_one_error"),
    "a header that promises terabytes": (
        "test_little_that_promises_or_becomes_a_lot_is_refused_without_the_memory",
        "test_a_header_that_promises_terabytes",
        "test_a_renishaw_header_that_promises_too_much",
        "test_promises_are_weighed_against_the_file",
    ),
    "a bomb of packed bytes": (
        "test_little_that_promises_or_becomes_a_lot_is_refused_without_the_memory",
        "test_a_zip_bomb_is_not_unpacked",
        "test_a_struct_that_unpacks_to_gigabytes",
        "test_a_photograph_in_a_renishaw_map_that_unpacks_to_gigabytes",
    ),
    "more arrays or deeper groups than can be looked through": (
        "test_little_that_promises_or_becomes_a_lot_is_refused_without_the_memory",
    ),
    "a part of a shard that promises terabytes": ("test_a_part_of_a_shard_that_promises_terabytes",),
    "a pickle": (
        "test_complex_objects_and_records",
        "test_pickles_are_refused_before_they_run",
        "test_a_pickle_is_not_opened",
        "test_no_weights_are_unpickled_whatever_they_are_called",
    ),
    "a path or link that leads out of the folder": (
        "test_no_way_leads_out_of_the_folder",
        "test_zip_members_with_a_path_are_read_where_they_are",
        "test_links_that_lead_out_are_not_followed",
        "test_values_from_outside_the_folder_are_refused",
        "test_an_ome_set_of_several_files_may_not_reach_out_of_its_folder",
        "test_a_soft_link_is_no_stack",
        "test_a_file_of_nothing_but_links_says_where_they_lead",
        "test_a_key_that_leads_out_is_not_got",
        "test_records_whose_names_lead_out",
        "test_a_name_that_leads_out",
        "test_the_recipe_of_a_result_is_no_link_to_elsewhere",
    ),
    "a pipe or a device in place of a file": ("test_a_pipe_in_place_of_a_file_keeps_nobody_waiting",),
    "deeply nested JSON": ("test_deeply_nested_records",),
    "XML with entities, or deeply nested": (
        "test_a_doctype_is_refused_before_it_is_parsed",
        "test_damaged_and_hostile_xml",
        "test_deeply_nested_records",
        "test_damaged_and_hostile_trivista_files",
    ),
    "a header of many brackets, lines or characters": ("test_finds",),
    "a list of parts that is damaged": ("test_a_list_of_parts_that_is_damaged_is_refused_before_the_library_sees_it",),
    "a calibration or raster that makes no sense": (
        "test_a_calibration_that_makes_no_sense",
        "test_a_macro_raster_that_makes_no_sense",
    ),
    "control characters in names": (
        "test_names_from_a_file_are_shown_on_one_line_without_control_characters",
        "test_control_characters_in_names_do_not_reach_the_terminal",
    ),
    "a heap of HDF5 that is read for ever": ("test_a_heap_of_texts_that_a_broken_copy_left_half_empty",),
    "a chunk whose stream would fill the memory": ("test_chunks_that_would_fill_the_memory",),
    "a file whose reader is an extra that is missing": (
        "test_a_missing_extra_is_named",
        "test_a_missing_extra_is_one_line_with_the_cure",
    ),
    "several arrays that fit": (
        "test_several_that_fit_are_named",
        "test_equally_large_arrays_are_listed",
        "test_several_images_are_listed_and_chosen_by_name",
        "test_which_of_several",
    ),
    "attributes that contradict the shape": ("test_text_and_bytes_as_numbers_and_shape_over_attributes",),
    "a map or scan that was interrupted, which must open": (
        "test_an_interrupted_map_opens_and_what_was_not_measured_is_nan",
        "test_an_interrupted_macro_raster_and_columns_that_were_never_measured",
    ),
    "a bad file opened in the window, which leaves no layer": (
        "test_a_bad_file_leaves_no_layer",
        "test_file_without_an_axis_says_how_to_give_one",
    ),
    # stacks
    "values that are no numbers": ("test_values_that_are_no_numbers",),
    "an empty stack, or of a shape that none has": ("test_shapes_that_are_no_stack", "test_shapes_that_no_stack_has_are_refused"),
    "an image longer than any": ("test_an_image_longer_than_any_is_refused_without_the_memory",),
    "an axis that turns, or is not finite": ("test_axes_that_are_none", "test_what_is_given_as_an_axis_and_is_none"),
    "an axis file without an axis": ("test_a_file_without_an_axis_says_what_is_wrong_and_how_to_give_it",),
    "no spectral axis": ("test_scancars_has_no_axis", "test_a_bare_array_has_spectra_last"),
    "an axis of another length": ("test_an_axis_of_another_length_is_told_with_both_lengths",),
    "a 2-D image": ("test_an_image_is_no_stack", "test_image_of_two_dimensions"),
    "complex data": (
        "test_complex_objects_and_records",
        "test_complex_data",
        "test_complex_values_of_other_programs_get_a_clear_error",
    ),
    "NaN, infinite, zero, saturated and negative pixels": (
        "test_neighbours_of_bad_pixels_are_the_same_bit_by_bit",
        "test_bad_pixels_are_empty_alone_and_counted",
        "test_pixels_that_are_no_spectrum_are_nan_alone_and_counted",
        "test_a_stack_without_any_spectrum_is_all_nan_and_says_so",
        "test_a_scan_stopped_half_way_is_not_taken_for_a_dark_that_is_too_bright",
    ),
    "a corrupt chunk": (
        "test_a_damaged_chunk_costs_its_block_and_is_named_and_mended",
        "test_a_damaged_chunk_in_the_middle_does_not_keep_the_rest_from_being_done",
        "test_a_damaged_chunk_is_one_error",
        "test_damage_costs_the_blocks_it_lies_in_and_no_others",
    ),
    "a stack that changed between two runs that are to be one": (
        "test_a_stack_that_has_changed_in_between_is_refused",
        "test_data_that_have_changed_are_refused_with_what_changed",
        "test_a_run_is_not_taken_up_when_one_file_of_its_folder_was_replaced",
    ),
    "a stack that is written to while it is read": ("test_a_stack_that_is_written_to_while_it_is_read_is_told",),
    # where results go
    "a read-only output folder": ("test_a_target_that_is_read_only_is_told_before_any_work",),
    "a full disk": (
        "test_a_disk_that_is_full_stops_the_run_which_goes_on_when_there_is_room",
        "test_a_disk_that_fills_up_keeps_what_is_done",
        "test_a_disk_far_too_small_is_told_before_the_start",
    ),
    "two processes on one output": (
        "test_the_second_of_two_processes_on_one_output_refuses",
        "test_another_process_is_refused_and_after_its_death_followed",
    ),
    "a share that goes away": (
        "test_a_share_that_goes_away_and_comes_back_is_waited_for",
        "test_a_share_that_stays_away_stops_the_run_which_goes_on_when_it_is_back",
        "test_a_zarr_that_goes_away_while_it_is_read_does_not_turn_into_zeros",
    ),
    "a clock that is set during a run": ("test_setting_the_clock_frees_no_output",),
    "a limit of memory smaller than the work": (
        "test_a_result_over_the_limit_is_refused_and_goes_to_disk",
        "test_a_file_that_must_be_read_whole_is_refused",
    ),
    "a limit of memory smaller than one block": (
        "test_a_limit_smaller_than_the_blocks_in_work_is_told_before_anything_is_written",
        "test_the_command_line_sets_the_limit",
    ),
    # machines
    "no GPU when one was asked for": ("test_errors_come_before_any_work",),
    "a GPU taken by another process": (
        "test_a_gpu_that_another_process_has_taken_is_told_on_loading",
        "test_a_gpu_without_room_for_one_spectrum_is_told",
    ),
    "a GPU that runs out of memory at work": ("test_a_full_gpu_is_given_smaller_batches_and_the_answer_is_the_same",),
    "a device that is lost at work": (
        "test_a_lost_device_stops_the_work_and_says_how_it_goes_on",
        "test_a_lost_device_gives_way_to_the_cpu_where_that_is_allowed",
    ),
    "a scheduler that is not there": ("test_a_scheduler_that_is_not_there_is_told_in_seconds",),
    "a worker without the package, or of another version": ("test_workers_that_will_not_do_are_told",),
    "a worker that is killed": ("test_a_worker_killed_at_work_costs_nothing_but_time",),
    "a worker that cannot take the remover": (
        "test_a_remover_that_cannot_be_sent_is_told_ahead_of_any_work",
        "test_what_a_worker_lacks_is_told_ahead_of_any_work",
    ),
    "workers without a folder for the result": ("test_results_in_memory_are_refused",),
    # classical removers
    "a reference with zeros": (
        "test_bands_where_the_reference_has_no_light_are_bridged_and_counted",
        "test_a_reference_dark_at_most_bands_is_refused_ahead_of_any_work",
    ),
    "a reference negative after dark subtraction": ("test_a_reference_negative_after_dark_subtraction_is_refused",),
    "a reference of another length or axis": ("test_a_reference_of_another_length_or_axis_is_refused",),
    "a dark brighter than the data": ("test_a_dark_brighter_than_the_data_is_refused_ahead_of_any_work",),
    "fewer pixels than components": ("test_more_components_than_pixels_are_refused",),
    # networks
    "spectra too short, or a spacing or range outside the trained one": (
        "test_too_short_an_axis_is_refused_ahead_of_any_work",
        "test_an_axis_outside_of_training_is_told_with_the_ranges_of_the_card",
    ),
    "a saturated or constant spectrum": ("test_constant_and_clipped_spectra_get_no_answer_and_leave_the_others_alone",),
    "a corrupt weights file": ("test_one_changed_byte_is_refused_with_both_checksums",),
    "an oversized weights file": ("test_an_oversized_file_is_not_read",),
    "a foreign weights file": (
        "test_a_foreign_file_in_place_of_weights_is_refused_with_both_checksums",
        "test_bytes_that_are_no_weights",
    ),
    "weights without a card, or with one that cannot be read": (
        "test_weights_without_a_card_are_refused",
        "test_a_card_that_is_no_toml",
        "test_a_card_of_megabytes_is_not_parsed",
        "test_a_card_without_an_end",
    ),
    "a card that asks for what is no network": ("test_a_card_that_asks_for_what_is_no_network",),
    "a training recipe that cannot be meant": (
        "test_a_training_recipe_that_cannot_be_meant",
        "test_bounds_that_no_prior_has",
        "test_a_recipe_that_cannot_be_meant_is_refused",
    ),
    "a pipeline recipe that cannot be meant": (
        "test_a_pipeline_recipe_that_cannot_be_meant",
        "test_what_is_wrong_in_a_recipe_is_said_with_its_place",
        "test_a_pipeline_recipe_of_megabytes_is_not_parsed",
    ),
    # the window
    "a layer deleted during a run": ("test_source_deleted_during_a_run",),
    "a viewer closed during a run": ("test_viewer_closed_during_a_run_with_others_waiting",),
    "a stack replaced during a run": (
        "test_stack_replaced_during_a_run_and_while_one_waits",
        "test_stack_replaced_by_one_of_other_planes",
    ),
    "a file removed under an open layer": ("test_file_removed_under_an_open_layer", "test_file_removed_during_a_run"),
    "a remover removed from disk": ("test_own_weights_removed_from_the_disk",),
    "no Qt": ("test_without_qt_the_plugin_imports_and_removes",),
}


# These have no file to look at, but each row has another test that does.
IN_MEMORY = {
    "test_neighbours_of_bad_pixels_are_the_same_bit_by_bit",
    "test_damage_costs_the_blocks_it_lies_in_and_no_others",
}
WATCHED = "test_edited_inputs_open_or_are_one_error"  # whose worker hears of all that is written, and looks at message and folder itself
LOOKS = {"refused", "unchanged", "contents", "opened_or_refused", "command_refused"}


@pytest.fixture(scope="module")
def there() -> dict[str, list[bool]]:
    """All tests there are, by name: whether each, or a fixture or function of its file that it uses, looks at the disk."""
    found: dict[str, list[bool]] = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        functions = {node.name: node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}
        uses = {name: names_in(node) for name, node in functions.items()}
        for name, used in uses.items():
            beyond = set().union(*(uses[one] for one in used & uses.keys()))
            found.setdefault(name, []).append(bool(LOOKS & (used | beyond)))
    return found


def names_in(function: ast.FunctionDef) -> set[str]:
    """The names that a function uses, fixtures among them."""
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} | {one.arg for one in function.args.args}


@pytest.mark.parametrize("bad", TESTS)
def test_each_bad_input_has_its_tests_which_look_at_the_disk(bad: str, there: dict[str, list[bool]]) -> None:
    assert not set(TESTS[bad]) - there.keys()
    assert not [name for name in TESTS[bad] if not all(there[name]) and name not in {*IN_MEMORY, WATCHED}]
    assert not IN_MEMORY.issuperset(TESTS[bad])
