"""The spans of a collector, as the trees that they are."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from runtime.testing.collector import Collector


@dataclass
class Node:
    """A span with those below it."""

    name: str
    service: str
    attributes: Mapping[str, str]
    children: list[Self] = field(default_factory=list)

    def all(self) -> Iterator[Self]:
        """Give this span and all below it."""
        yield self
        for child in self.children:
            yield from child.all()


def tree(collector: Collector, trace: str | None = None) -> list[Node]:
    """Return the topmost spans that there are by now, of one trace or of all."""
    spans = [span for span in collector.spans if trace in {None, span.trace_id.hex()}]
    nodes = {span.span_id: _node(collector, span) for span in spans}
    below = defaultdict(list)
    for span in spans:
        below[span.parent_span_id if span.parent_span_id in nodes else b""].append(span.span_id)
    for span_id, node in nodes.items():
        node.children = [nodes[child] for child in below[span_id]]
    return [nodes[span_id] for span_id in below[b""]]


def _node(collector: Collector, span: Any) -> Node:
    attributes = {each.key: each.value.string_value for each in span.attributes}
    return Node(span.name, collector.services[span.span_id], attributes)
