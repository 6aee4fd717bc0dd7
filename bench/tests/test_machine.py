from pathlib import Path

from bench.machine import processor, this_machine


def test_the_processor_is_the_first_that_has_a_name() -> None:
    text = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\n\nprocessor\t: 1\nmodel name\t: other\n"
    assert processor(text) == "AMD EPYC 7B13"


def test_a_processor_without_a_name_is_named_by_its_architecture() -> None:
    assert processor("processor\t: 0\n")


def test_this_machine_has_cores_and_a_file_system(tmp_path: Path) -> None:
    found = this_machine(tmp_path)
    assert found.cores >= 1
    assert found.filesystem
