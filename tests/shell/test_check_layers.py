"""check_layers.py finds each broken rule in a deliberately bad tree, and nothing in a good one."""

from __future__ import annotations

from pathlib import Path

import check_layers
import pytest

HEADER = "// What lives here.\n#pragma once\n"


def findings(root: Path, files: dict[str, str], errors_only: bool = True) -> list[str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [str(f) for f in check_layers.check_tree(root) if f.error or not errors_only]


GOOD = {
    "include/pegaflow/key.h": HEADER + "#include <string>\n",
    "src/base/check.h": HEADER + '#include "pegaflow/key.h"\n',
    "src/base/json_view.h": HEADER + "#include <nlohmann/json.hpp>\n",
    "src/core/plan.cc": '#include "base/check.h"\n#include "core/plan.h"\n',
    "src/core/plan.h": HEADER,
    "src/http/server.cc": "#include <httplib.h>\n",
    "src/rendezvous/store.cc": '#include "base/json_view.h"\n#include "http/server.h"\n',
    "src/transport/ucx/worker.cc": "#include <ucp/api/ucp.h>\n",
    "src/agent/agent.cc": '#include "transport/transport.h"\n#include "core/plan.h"\n',
    "src/agent/state.h": HEADER + "// Shared with the HTTP threads.\nstd::shared_ptr<int> state;\n",
    "tests/core/plan_test.cc": '#include "agent/agent.h"\n#include "core/plan.h"\n',
    "tools/pegaflow-agent/main.cc": "#include <CLI/CLI.hpp>\n",
}


def test_a_good_tree_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, GOOD, errors_only=False) == []


BAD = {
    "upward include": ("src/base/a.cc", '#include "core/plan.h"\n', "only downwards"),
    "sideways include": ("src/core/a.cc", '#include "wire/control.h"\n', "only downwards"),
    "client sees agent": ("src/client/a.cc", '#include "agent/agent.h"\n', "only downwards"),
    "client links transport": (
        "src/client/a.cc",
        '#include "transport/transport.h"\n',
        "client must not include transport",
    ),
    "unknown folder": ("src/misc/a.cc", "\n", "has no layer"),
    "public header sees src": (
        "include/pegaflow/a.h",
        HEADER + '#include "base/check.h"\n',
        "std types only",
    ),
    "public header sees a vendor": (
        "include/pegaflow/a.h",
        HEADER + "#include <nlohmann/json.hpp>\n",
        "std types only",
    ),
    "ucx outside its folder": ("src/agent/a.cc", "#include <ucp/api/ucp.h>\n", "only in"),
    "httplib outside http": ("tests/agent/a.cc", "#include <httplib.h>\n", "only in"),
    "cuda outside its folder": ("src/client/a.cc", "#include <cuda.h>\n", "only in"),
    "no pragma once": ("src/base/a.h", "// What lives here.\n", "#pragma once is missing"),
    "no leading comment": ("src/base/a.h", "#pragma once\n", "starts with a comment"),
    "too long": ("src/base/a.cc", "\n" * 601, "601 lines"),
    "silent shared_ptr": (
        "src/base/a.cc",
        "int a;\nint b;\nint c;\nstd::shared_ptr<int> p;\n",
        "shared_ptr without a comment",
    ),
    "sleep in a test": (
        "tests/base/a_test.cc",
        "std::this_thread::sleep_for" "(1ms);\n",
        "no sleeps in tests",
    ),
    "sleep in a Python test": (
        "tests/python/test_a.py",
        "time.sleep" "(1)\n",
        "no sleeps in tests",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_each_broken_rule_is_found(tmp_path: Path, case: str) -> None:
    path, text, expected = BAD[case]
    found = findings(tmp_path, GOOD | {path: text})
    assert len(found) == 1, found
    assert found[0].startswith(f"{path}:") and expected in found[0]


PARSING = {
    "src/topology/read.h": HEADER + '#include "base/json_view.h"\n',
    "src/topology/fields.h": HEADER + '#include "topology/read.h"\n',
    "src/topology/parse.cc": '#include "topology/fields.h"\n',
}


def test_a_folder_may_share_a_heavy_header_within(tmp_path: Path) -> None:
    assert findings(tmp_path, GOOD | PARSING) == []


def test_a_heavy_header_is_private_to_its_folder(tmp_path: Path) -> None:
    user = {"src/agent/a.cc": '#include "topology/fields.h"\n'}
    found = findings(tmp_path, GOOD | PARSING | user)
    assert len(found) == 1 and found[0].startswith("src/agent/a.cc:1:")


def test_an_explained_header_explains_its_implementation(tmp_path: Path) -> None:
    user = {"src/agent/state.cc": '#include "agent/state.h"\n\n\n\nstd::shared_ptr<int> s;\n'}
    assert findings(tmp_path, GOOD | user) == []


def test_a_pause_between_two_looks_at_a_condition_is_named(tmp_path: Path) -> None:
    line = "time.sleep" "(0.01)  # poll interval\n"
    assert findings(tmp_path, GOOD | {"tests/python/wait.py": line}) == []


def test_a_long_file_is_a_warning_before_it_is_an_error(tmp_path: Path) -> None:
    found = findings(tmp_path, GOOD | {"src/base/a.cc": "\n" * 301}, errors_only=False)
    assert len(found) == 1 and "warning" in found[0]
