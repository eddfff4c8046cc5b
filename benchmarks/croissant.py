"""MLCommons Croissant 1.0 metadata of an exported benchmark.

Format: "Croissant Format Specification", version 1.0, MLCommons, 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nascurve.simulator.types import BenchmarkInfo

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the specification, word for word."""
_TYPES = {
    "string": "sc:Text",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "bool": "sc:Boolean",
    "double": "sc:Float",
}
_LIST = "list<"


def croissant(
    info: BenchmarkInfo,
    *,
    file: str,
    sha256: str,
    size: int,
    n_runs: int,
    fields: Sequence[tuple[str, str, str]],
) -> dict[str, Any]:
    """The JSON-LD document of a Parquet file beside it that holds `n_runs` rows.

    file: its name; size: bytes. fields: name, Arrow type and description of each column; lists are of floats.

    Two recommended properties are left out, since nothing true can be said: `url`, as the file is not
    published, and `datePublished`, likewise.
    """
    version = f"-v{info.version}"
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"{info.name.removesuffix(version)}{version}",
        "description": (
            f"Learning curves for neural architecture search. Kind: {info.kind}. Search space: {info.space}. "
            f"{info.description}"
        ).strip(),
        "version": f"{info.version}.0.0",
        "license": info.licence or "not stated",
        "citeAs": info.citation or "not stated",
        "keywords": ["neural architecture search", "learning curves", info.kind, info.space],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "description": f"{n_runs} training runs, one a row.",
                "contentUrl": file,
                "contentSize": f"{size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "runs",
                "name": "runs",
                "description": "One training run a record.",
                "key": [{"@id": f"runs/{name}"} for name in ("architecture", "epochs", "seed")],
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"runs/{name}",
                        "name": name,
                        "description": text,
                        "dataType": _TYPES["double" if kind.startswith(_LIST) else kind],
                        **({"repeated": True} if kind.startswith(_LIST) else {}),
                        "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
                    }
                    for name, kind, text in fields
                ],
            }
        ],
    }
