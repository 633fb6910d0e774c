"""The rules of the house, read from the source: who imports whom, who may read the environment, who may print."""

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP = ROOT / "app"

LAYERS = (
    ("types", "errors"),
    ("text", "spelling", "config", "origins", "addresses"),
    ("loading", "chunking", "encoders", "reader", "models", "cache", "generations"),
    ("stores",),
    ("retrieval", "building"),
    ("answering",),
    ("llm",),
    ("assistant", "doctor", "feedback"),
    ("markup", "evidence", "guard", "server", "chat", "api"),
    ("cli",),
    ("__main__",),
)
"""Each part of the house, with those it may lean on below it. Give a new module its place here."""

HEAVY = {
    "faiss": "stores/vectors.py",
    "filelock": "generations.py",
    "gradio": "chat.py",
    "grpc": "stores/milvus_server.py",
    "httpx2": "llm/langchain.py",
    "langchain": "llm/langchain.py",
    "langchain_core": "llm/langchain.py",
    "langchain_openai": "llm/langchain.py",
    "mcp": "api/mcp.py",
    "mcp_types": "api/mcp.py",
    "onnxruntime": "encoders.py",
    "openai": "llm/langchain.py",
    "opencc": "text.py",
    "prometheus_client": "api/metrics.py",
    "pymilvus": "stores/milvus_server.py",
    "sentence_transformers": "encoders.py",
    "torch": "encoders.py",
    "tqdm": "cli.py",
    "transformers": "encoders.py",
    "uvicorn": "server.py",
    "xllamacpp": "llm/local.py",
}
"""The one file that may import each library; app/models, which makes and describes models, may import those of models."""
MODEL_LIBRARIES = ("opencc", "sentence_transformers", "torch", "transformers", "onnxruntime")


def name_of(path: Path) -> str:
    """Return a module's dotted name: app.loading for app/loading/__init__.py."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(APP.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imported(node: ast.AST) -> list[str]:
    """Return the modules that an import statement names; a module of our own rather than what is taken from it."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, "imports are absolute"
    names = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in MODULES else str(node.module) for name in names]


def all_imports(tree: ast.AST) -> set[str]:
    return {name for node in ast.walk(tree) for name in imported(node)}


def imports_at_start(tree: ast.AST) -> Iterator[str]:
    """Yield what is imported when the module is: not inside functions, nor for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not is_typing and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imported(node)
            yield from imports_at_start(node)


def part_of(module: str) -> str:
    """Return the part of the house that a module belongs to: loading for app.loading.fields."""
    return module.split(".")[1] if "." in module else ""


def calls(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def tracked_files() -> list[Path]:
    """Return the files that are or would be in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_every_module_has_its_layer() -> None:
    parts = {part_of(name) for name in MODULES} - {""}
    assert parts <= {part for layer in LAYERS for part in layer}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_leans_only_on_its_own_layer_and_those_below(module: str) -> None:
    layer_of = {part: i for i, layer in enumerate(LAYERS) for part in layer} | {"": 0}
    own = layer_of[part_of(module)]
    upward = {name for name in all_imports(TREES[module]) if name in MODULES and layer_of[part_of(name)] > own}
    assert not upward


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {name: {other for other in imports_at_start(tree) if other in MODULES} for name, tree in TREES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_is_imported_in_one_file(library: str) -> None:
    importers = {
        MODULES[name].relative_to(APP).as_posix()
        for name, tree in TREES.items()
        if any(other.split(".")[0] == library for other in all_imports(tree))
    }
    if library in MODEL_LIBRARIES:
        importers = {name for name in importers if not name.startswith("models/")}
    assert importers <= {HEAVY[library]}


def test_the_page_does_not_know_the_index() -> None:
    api = [name for name in MODULES if name.startswith("app.api")]
    for module in ("app.chat", *api, "app.markup", "app.evidence"):
        assert not {
            name for name in all_imports(TREES[module]) if name.startswith(("app.stores", "app.generations", "faiss"))
        }


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb"))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {a.name for a in node.names}
        )
    }
    assert readers == {"app.config"}


def test_only_the_command_line_prints() -> None:
    """But the scripts of app.models, which say what they do."""
    assert {name for name, tree in TREES.items() if "print" in calls(tree)} <= {
        "app.cli",
        "app.server",
        "app.models.build",
        "app.models.encoder_training",
        "app.models.train_encoder",
        "app.models.train_reader",
        "app.models.tune_reader",
    }


def test_no_error_is_caught_without_a_name_or_swallowed() -> None:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                place = f"{name}:{node.lineno}"
                assert node.type is not None, place
                assert ast.unparse(node.type) not in ("Exception", "BaseException") or "raise" in ast.unparse(node), (
                    place
                )
                assert not all(isinstance(statement, ast.Pass) for statement in node.body), place


def test_no_module_is_named_after_nothing() -> None:
    vague = ("utils", "util", "helpers", "helper", "common", "misc", "manager")
    assert [path for path in tracked_files() if path.suffix == ".py" and path.stem in vague] == []


def test_every_module_says_what_it_is() -> None:
    unsaid = [name for name, tree in TREES.items() if tree.body and not ast.get_docstring(tree)]
    assert unsaid == []


FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:work|root|home|Users)/(?!\.)\w",
    "a package registry": r"py[p]i\.org|python[h]osted|download\.py[t]orch|registry\.np[m]js|proxy\.go[l]ang|index-u[r]l",
    "a mirror": r"(?:tuna\.tsinghua|mirror[s]?\.(?:aliyun|ustc|tencent|163))|artifact[o]ry|dev[p]i\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names_a_place_that_others_lack(what: str) -> None:
    found = []
    for path in tracked_files():
        if path.suffix == ".onnx":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in re.finditer(FORBIDDEN[what], text)]
    assert found == []
