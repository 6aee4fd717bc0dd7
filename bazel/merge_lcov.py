"""Merges what a test's processes left of line coverage into one LCOV file, for `bazel coverage`.

Bazel calls it once for each test, with --coverage_dir and --source_file_manifest, which lists the
files that the report is about; with --combined_report=lcov once more, with --reports_file, which
lists the tests' reports. It stands in for Bazel's own merger, a Java program to be downloaded.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

END = "end_of_record"


def records(text: str) -> Iterator[tuple[str, str]]:
    """Yield the source file and the text of each record of an LCOV file."""
    for record in text.split(f"{END}\n"):
        for line in record.splitlines():
            if line.startswith("SF:"):
                yield line.removeprefix("SF:"), f"{record}{END}\n"


def main() -> None:
    """Write one report of those that were given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--coverage_dir", type=Path)
    parser.add_argument("--output_file", type=Path, required=True)
    parser.add_argument("--reports_file", type=Path)
    parser.add_argument("--source_file_manifest", type=Path)
    options, _ = parser.parse_known_args()
    if options.reports_file:
        reports = [Path(line) for line in options.reports_file.read_text().splitlines()]
        wanted = None
    else:
        reports = sorted(options.coverage_dir.rglob("*.dat"))
        wanted = set(options.source_file_manifest.read_text().splitlines())
    options.output_file.write_text(
        "".join(
            record
            for report in reports
            for source, record in records(report.read_text())
            if wanted is None or source in wanted
        )
    )


if __name__ == "__main__":
    main()
